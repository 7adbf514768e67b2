"""The lens: the functions that users call in a notebook, a test, a training run or a terminal."""
