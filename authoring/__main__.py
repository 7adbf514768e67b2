"""The command line: python -m authoring build | check | update | new."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from authoring import build, check, course, layout, new, readme, solutions, words
from authoring.layout import AuthoringError


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; returns 0 if all is well, and 1 after printing what is not."""
    options = _parser().parse_args(arguments)
    root: Path = options.root.resolve()
    try:
        faults: list[layout.Fault] = options.run(root, options)
    except AuthoringError as error:
        faults = list(error.faults)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def _build(root: Path, options: argparse.Namespace) -> list[layout.Fault]:
    words.compile_all(root)
    solutions.write(root)
    paths = build.chosen_sources(root, options.names, layout.every_source)
    order = build.Order(course.repository(root, os.environ), options.all, options.draft)
    languages = options.language or course.codes(root)
    readme.write(root)
    return build.build(root, paths, languages, order, options.jobs)


def _check(root: Path, options: argparse.Namespace) -> list[layout.Fault]:
    paths = build.chosen_sources(root, options.names, layout.every_source)
    faults = check.check(root, paths, course.repository(root, os.environ), whole=not options.names)
    if not faults:
        languages = course.codes(root)
        count = len(layout.built_paths(root, paths, languages))
        built = f"{count} notebooks and pages of {len(paths)} sources"
        print(f"{built} in {', '.join(languages)}: no fault")
    return faults


def _update(root: Path, options: argparse.Namespace) -> list[layout.Fault]:
    paths = build.chosen_sources(root, options.names, layout.every_source)
    for line in build.update(root, paths, whole=not options.names):
        print(line)
    readme.write(root)
    return []


def _new(root: Path, options: argparse.Namespace) -> list[layout.Fault]:
    if options.kind == "lesson":
        lines = new.lesson(root, options.name)
    elif options.kind == "exercise":
        lines = new.exercise(root, options.name, options.set or "")
    else:
        lines = new.language(root, options.name, options.called, options.locale)
    print("\n".join(lines))
    return []


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m authoring", description="Turns content/ into notebooks."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    rooted = argparse.ArgumentParser(add_help=False)
    repository = Path(__file__).resolve().parent.parent
    rooted.add_argument("--root", type=Path, default=repository, help="the repository")
    shared = argparse.ArgumentParser(add_help=False, parents=[rooted])
    named = "how a source's name begins, such as 01 or exercises/01; without, every source"
    shared.add_argument("names", nargs="*", metavar="NAME", help=named)
    making = commands.add_parser("build", parents=[shared], help="build and execute what changed")
    making.add_argument("--all", action="store_true", help="execute what did not change, too")
    making.add_argument("--draft", action="store_true", help="leave the untranslated English")
    making.add_argument("--jobs", type=int, default=2, help="how many notebooks at a time")
    making.add_argument("--language", action="append", help="only this language, such as en")
    making.set_defaults(run=_build)
    checking = commands.add_parser("check", parents=[shared], help="name every fault")
    checking.set_defaults(run=_check)
    following = "make the PO files follow the English"
    commands.add_parser("update", parents=[shared], help=following).set_defaults(run=_update)
    beginning = commands.add_parser("new", parents=[rooted], help="begin a file to fill in")
    beginning.set_defaults(run=_new)
    beginning.add_argument("kind", choices=("lesson", "exercise", "language"))
    beginning.add_argument("name", help="such as 08_streams, pad-twice or ja")
    beginning.add_argument("--set", help="the set of an exercise, such as 01_padding")
    beginning.add_argument("--called", default="", help="the own name of a language")
    beginning.add_argument("--locale", default="", help="the locale of a language, as ja_JP")
    return parser


if __name__ == "__main__":
    sys.exit(main())
