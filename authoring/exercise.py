"""What an exercise is: its cells NAME, NAME-answer and NAME-check, and what a learner gets of them.

The regions and the metadata are nbgrader's, so that a teacher may use the built solutions as they
are. Source: https://nbgrader.readthedocs.io/en/stable/contributor_guide/metadata.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from authoring.cells import Cell
from authoring.layout import Fault

ANSWER, CHECK = "-answer", "-check"
_REGIONS = {ANSWER: "SOLUTION", CHECK: "HIDDEN TESTS"}
_MENTION = re.compile("(BEGIN|END) (SOLUTION|HIDDEN TESTS)")
_MARKER = re.compile(rf"(\s*)### {_MENTION.pattern}")
_STUB = "..."
_QUESTION = re.compile(r"""(\w+) = ml\.question\(["']([^"']*)["']\)""")
_Wrong = tuple[str, str]  # what is wrong, and what to do


def stubbed(code: str) -> str:
    """The code that a learner starts with: no hidden tests, and a stub in place of the solution.

    >>> print(stubbed("x = (\\n    ### BEGIN SOLUTION\\n    1 + 1\\n    ### END SOLUTION\\n)"))
    x = (
        ...
    )
    """
    lines: list[str] = []
    region = ""
    for line in code.split("\n"):
        if marker := _MARKER.fullmatch(line):
            indent, edge, name = marker.groups()
            region = name if edge == "BEGIN" else ""
            lines += [indent + _STUB] if region == _REGIONS[ANSWER] else []
        elif not region:
            lines.append(line)
    return "\n".join(lines)


def unmarked(code: str) -> str:
    """The code without the lines that mark where a region begins and ends."""
    return "\n".join(line for line in code.split("\n") if not _MARKER.fullmatch(line))


def graded(cell: Cell) -> Cell:
    """The cell with what nbgrader and we want to know of it, if it is an answer or a check."""
    name, role = _name_and_role(cell)
    if not role:
        return cell
    is_check = role == CHECK
    others = {key: value for key, value in cell.metadata.items() if key != "points"}
    nbgrader = {
        "cell_type": "code",
        "grade": is_check,
        "grade_id": cell.id,
        "locked": is_check,
        "schema_version": 3,
        "solution": not is_check,
        "task": False,
    }
    if is_check:
        nbgrader["points"] = cell.metadata["points"]
    return replace(cell, metadata={**others, "masklens": {"question": name}, "nbgrader": nbgrader})


def help_behind(cells: Sequence[Cell], say: Callable[[str], str]) -> dict[str, list[Cell]]:
    """The cells that give hints and solutions, by the id of the last cell of each question.

    Args:
        cells: those of a source.
        say: gives a word of authoring's own in a language.
    """
    behind, check = {}, None
    for cell, following in zip(cells, [*cells[1:], None], strict=True):
        is_check = cell.metadata.get("nbgrader", {}).get("grade")  # in exercises only
        check = cell if is_check else check
        ends = following is None or following.text.startswith("## ")
        if check and ends:
            behind[cell.id] = _help_cells(check, say)
            check = None
    return behind


def _help_cells(check: Cell, say: Callable[[str], str]) -> list[Cell]:
    """Two cells below a heading, which JupyterLab shows folded.

    Their code is commented out, since "Run All" runs folded cells, too.
    """
    _ = say
    name, _role = _name_and_role(check)
    ((asker, _question),) = _QUESTION.findall(check.text)
    title = _("{number}: hint and solution").format(number=asker.removeprefix("q"))
    how = _("Remove the `#`, and run the cell. The first hint is about your last mistake.")
    hidden = {"tags": ["remove-cell"]}  # on the site, where nothing runs
    folded = {"jp-MarkdownHeadingCollapsed": True, **hidden}
    return [
        Cell(f"{name}-help", "markdown", f"### {title}\n\n{how}", folded, check.line),
        Cell(f"{name}-hint", "code", f"# {asker}.hint()", hidden, check.line),
        Cell(f"{name}-solution", "code", f"# {asker}.solution()", hidden, check.line),
    ]


def faults(place: str, cells: Sequence[Cell]) -> Iterator[Fault]:
    """What is wrong with the exercises of a source.

    Args:
        place: the source, as messages name it.
        cells: its cells.
    """
    kinds = {cell.id: cell.kind for cell in cells}
    roles = {role for _, role in map(_name_and_role, cells)}
    number = 0
    if ANSWER not in roles:
        yield Fault(place, "", "no exercise", f'write its answer: # %% id="NAME{ANSWER}"')
    for cell in cells:
        name, role = _name_and_role(cell)
        wrongs = [*_wrong_regions(cell, role)]
        if role and cell.kind != "code":
            wrongs.append((f"a {cell.kind} cell", "make it code"))
        if role == ANSWER:
            wrongs += _wrong_answer(cell, name, kinds)
        if role == CHECK:
            number += 1
            wrongs += _wrong_check(cell, name, kinds, f"q{number}")
        yield from (Fault(f"{place}:{cell.line}", cell.id, *wrong) for wrong in wrongs)


def misplaced(place: str, cells: Sequence[Cell]) -> Iterator[Fault]:
    """The answer cells of a source that is none of exercises."""
    for cell in cells:
        if _name_and_role(cell)[1] == ANSWER:
            remedy = "move the exercise to content/exercises, or give the cell another id"
            yield Fault(f"{place}:{cell.line}", cell.id, "an answer outside the exercises", remedy)


def _name_and_role(cell: Cell) -> tuple[str, str]:
    """The question's name, and ANSWER or CHECK; the whole id and nothing for another cell."""
    role = next((role for role in (ANSWER, CHECK) if cell.id.endswith(role)), "")
    return cell.id.removesuffix(role), role


def _wrong_regions(cell: Cell, role: str) -> Iterator[_Wrong]:
    """nbgrader takes a line for a marker if it so much as mentions one, in whatever cell."""
    mentions = [line for line in cell.text.split("\n") if _MENTION.search(line)]
    found = [_MARKER.fullmatch(line) for line in mentions]
    for line, marker in zip(mentions, found, strict=True):
        if marker is None:
            remedy = "let it stand alone on its line, as in ### BEGIN SOLUTION"
            yield f"{line.strip()!r} is no marker", remedy
    markers = [(marker[2], marker[3]) for marker in found if marker]
    for name in dict.fromkeys(name for _, name in markers if name != _REGIONS.get(role)):
        remedy = f"solutions belong in NAME{ANSWER}, and hidden tests in NAME{CHECK}"
        yield f"the marker of a region {name!r} in this cell", remedy
    begun = [("BEGIN", name) for _, name in markers[::2]]
    ended = [("END", name) for _, name in markers[::2]]
    if markers[::2] != begun or markers[1::2] != ended:
        listed = ", ".join(" ".join(marker) for marker in markers)
        yield f"the markers do not pair: {listed}", "end each region before the next begins"


def _wrong_answer(cell: Cell, name: str, kinds: dict[str, str]) -> Iterator[_Wrong]:
    if (count := cell.text.count("### BEGIN SOLUTION")) != 1:
        remedy = "put the solution between ### BEGIN SOLUTION and ### END SOLUTION, once"
        yield f"{count} solutions", remedy
    if kinds.get(name) != "markdown":
        yield "no task", f'say what to do: # %% [markdown] id="{name}"'
    if name + CHECK not in kinds:
        yield "no tests", f'check the answer: # %% id="{name}{CHECK}" points=1'


def _wrong_check(cell: Cell, name: str, kinds: dict[str, str], asker: str) -> Iterator[_Wrong]:
    if name + ANSWER not in kinds:
        yield "no answer to check", f'add its cell: # %% id="{name}{ANSWER}"'
    points = cell.metadata.get("points")
    if type(points) is not int or points < 1:
        wrong = "no points" if points is None else f"{points!r} points"
        yield wrong, f'give a whole number from 1: # %% id="{cell.id}" points=1'
    if (asked := _QUESTION.findall(cell.text)) != [(asker, name)]:
        shown = ", ".join(f"{variable} = {question}" for variable, question in asked) or "none"
        yield f"the questions asked: {shown}", f'write {asker} = ml.question("{name}")'
    visible = stubbed(cell.text)
    if f"{asker}.grade(" not in cell.text or f"{asker}.grade(" in visible:
        remedy = "call it between ### BEGIN HIDDEN TESTS and ### END HIDDEN TESTS"
        yield f"{asker}.grade() is not called in hidden tests", remedy
    if f"{asker}.check(" not in visible:
        yield f"{asker}.check() is not called", "call it outside the hidden tests"
