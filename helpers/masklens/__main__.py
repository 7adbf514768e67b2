"""`python -m masklens`, the same as the command `masklens`."""

import sys

from masklens.lens.command import main

if __name__ == "__main__":
    sys.exit(main())
