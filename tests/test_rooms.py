"""The rooms of the library: which may import which, and what stands open in them."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

HELPERS = Path(__file__).parents[1] / "helpers"
# Each imports those before it, and none behind it.
ROOMS = (
    *("masklens._language", "masklens._keras", "masklens.padding", "masklens.tracing"),
    *("masklens.drawing", "masklens.lens", "masklens.plots", "masklens.explorers"),
    *("masklens_course", "masklens_kernel"),
)
MODULES = sorted(
    path
    for name in ("masklens", "masklens_course", "masklens_kernel")
    for path in (HELPERS / name).rglob("*.py")
)


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(HELPERS).with_suffix("").parts)


def room(module: str) -> str:
    return next((name for name in ROOMS if f"{module}.".startswith(f"{name}.")), "masklens")


def imported(path: Path) -> Iterator[str]:
    """The modules of ours that a module imports, wherever in it, also for its types alone."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
            if node.module in ("masklens", "masklens.explorers", "masklens_kernel"):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name for name in names if name.startswith("masklens"))


def test_rooms_import_in_one_direction() -> None:
    wrong = []
    for path in MODULES:
        here = dotted(path)
        # The package itself hands on what the rooms and the course have; the command runs one.
        if here in ("masklens.__init__", "masklens.__main__"):
            continue
        wrong += [
            f"{here} imports {there}"
            for there in imported(path)
            if room(there) not in ROOMS[: ROOMS.index(room(here)) + 1]
        ]
    assert not wrong


def test_what_is_used_in_its_own_file_only_begins_with_an_underscore() -> None:
    users: dict[tuple[str, str], set[Path]] = defaultdict(set)
    for folder in ("helpers", "authoring", "classroom", "docs", "tests", "benchmarks"):
        for path in (HELPERS.parent / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom):
                    for alias in node.names:
                        users[node.module or "", alias.name].add(path)
                elif isinstance(node, ast.Attribute):
                    users["", node.attr].add(path)
    alone = [
        f"{dotted(path)}.{name}"
        for path in MODULES
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        for name in _names(node)
        if not name.startswith("_")
        and not (users[dotted(path).removesuffix(".__init__"), name] | users["", name]) - {path}
    ]
    assert not alone


def _names(node: ast.stmt) -> list[str]:
    """The names that a statement at the top of a module gives."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
    return [
        part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)
    ]


def test_the_library_has_few_doors() -> None:
    inside = {path.name for path in (HELPERS / "masklens").iterdir()} - {"__pycache__"}
    assert len(inside) <= 12
