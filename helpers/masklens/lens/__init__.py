"""The lens: what users call, from a notebook, a test, a training run or a terminal."""
