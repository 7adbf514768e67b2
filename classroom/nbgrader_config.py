"""Settings of nbgrader for a class: copy this file into the folder of the class."""

import os

c = get_config()  # noqa: F821 - nbgrader defines it where it reads this file

c.CourseDirectory.course_id = "masks"

# What stands for a solution that was taken out; a check knows it as blank.
c.ClearSolutions.code_stub = {"python": "..."}

# A check that a student has deleted or edited is put back before grading.
c.OverwriteCells.add_missing_cells = True

# A check stops a function after 10 seconds; this stops a cell that loops by itself. The kernel
# lives on, so that the other exercises are graded.
c.Execute.timeout = 60
c.Execute.interrupt_on_timeout = True

# TensorFlow keeps its start-up notices to itself; grading writes no file of a learner's progress.
os.environ.update(
    {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "CUDA_VISIBLE_DEVICES": "",
        "MASKLENS_PROGRESS": "off",
    }
)
