"""The course: the questions of its exercises, judging an answer, and a learner's progress."""
