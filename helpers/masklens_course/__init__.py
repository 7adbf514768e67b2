"""The course: the questions of its exercises, what judges an answer, and a learner's progress."""
