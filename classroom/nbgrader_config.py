"""Settings of nbgrader for a class: copy this file into the folder of the class."""

import os

from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearOutput,
    DeduplicateIds,
    OverwriteCells,
    OverwriteKernelspec,
)

c = get_config()  # noqa: F821 - nbgrader defines it where it reads this file

c.CourseDirectory.course_id = "masks"

# What a teacher has solved while trying a source is not handed out as solved.
c.CourseDirectory.ignore.append("masklens-progress*.jsonl")

# What stands for a solution that was taken out; a check knows it as blank.
c.ClearSolutions.code_stub = {"python": "..."}


class PutChecksBack(OverwriteCells):
    """Restores edited checks, and puts deleted ones back at the end of the notebook.

    nbgrader's own way puts a check behind its answer, and grades nothing of a notebook in which
    the answer was deleted, too.
    """

    def add_missing_grade_cells(self, nb, resources):
        """Appends each check that the notebook no longer has."""
        source = self.gradebook.find_notebook(self.notebook_id, self.assignment_id)
        points = {cell.name: cell.max_score for cell in source.grade_cells}
        kept = {cell.metadata.get("nbgrader", {}).get("grade_id") for cell in nb.cells}
        for cell in source.source_cells:
            if cell.name in points.keys() - kept:
                nb.cells.append(self.missing_cell_transform(cell, points[cell.name]))
        return nb, resources


c.PutChecksBack.add_missing_cells = True
c.Autograde.sanitize_preprocessors = [
    ClearOutput,
    DeduplicateIds,
    OverwriteKernelspec,
    PutChecksBack,
    CheckCellMetadata,
]

# A check stops a function after 10 seconds of computing, or two minutes of waiting; this stops a
# cell that loops by itself. The kernel lives on, so that the other exercises are graded.
c.Execute.timeout = 180
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
