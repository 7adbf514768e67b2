"""`python -m masklens`, the same as the command `masklens`."""

import sys

from masklens.command import main

if __name__ == "__main__":
    sys.exit(main())
