"""Brings a student's copy of the course up to date and tells what became of the student's work.

Run as the student, before the student's server starts: python classroom/pull.py URL BRANCH FOLDER.
nbgitpuller merges; where the same lines changed on both sides, it keeps the student's.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

NOTES = "course-update.md"
PATIENCE = 45  # seconds
_PATIENCE_WITH_GIT = 15  # seconds
# nbgitpuller reads names from git: unquoted, Hangul among them, and each new file as new.
_GIT_SETTINGS = {"core.quotePath": "false", "diff.renames": "false"}

_TEXTS = {
    "en": {
        "failed": "The course could not be brought up to date. Your files are as you left them. "
        "Tell your teacher: {reason}",
        "no copy": "`{name}` is no copy of the course. Rename it, and the course will be there "
        "when your server starts again.",
        "took": "it took longer than {patience} seconds",
        "renamed": "The course has a new file named like one of yours. Yours is now `{name}`.",
        "deleted": "`{name}` is no longer in the course. You had changed it, so it was kept.",
        "kept": "In `{name}` you and the course changed the same place: {cells}. Yours was kept. "
        "To see the course's, rename your notebook and start your server again.",
        "mixed": "In `{name}` you and the course changed the same cell: {cells}. It now holds what "
        "both of you wrote. Read it before you run it.",
        "cell": "cell {number} (`{first}`)",
        "new cell": "a new cell (`{first}`)",
    },
    "ko": {
        "failed": "강의 자료를 새로 받지 못했습니다. 파일은 그대로 있습니다. "
        "선생님께 알려 주세요: {reason}",
        "no copy": "`{name}` 폴더는 강의 자료가 아닙니다. 폴더 이름을 바꾸고 서버를 다시 시작하면 "
        "강의 자료를 받습니다.",
        "took": "{patience}초가 넘게 걸렸습니다",
        "renamed": "강의에 이름이 같은 파일이 새로 들어왔습니다. 직접 만든 파일의 이름은 이제 "
        "`{name}`입니다.",
        "deleted": "`{name}` 파일은 강의에서 빠졌지만, 고친 내용이 있어 남겨 두었습니다.",
        "kept": "`{name}` 노트북에서 직접 고친 곳을 강의도 고쳤습니다: {cells}. 직접 고친 내용을 "
        "남겼습니다. 강의의 내용을 보려면 노트북의 이름을 바꾸고 서버를 다시 시작하세요.",
        "mixed": "`{name}` 노트북에서 직접 고친 셀을 강의도 고쳤습니다: {cells}. 이제 두 내용이 한 "
        "셀에 함께 있습니다. 실행하기 전에 읽어 보세요.",
        "cell": "{number}번째 셀(`{first}`)",
        "new cell": "새 셀(`{first}`)",
    },
}


class PullError(Exception):
    """Raised when the course cannot be fetched or merged; says why in one line."""


def pull(url: str, branch: str, folder: Path, texts: Mapping[str, str]) -> list[str]:
    """Clones the course, or merges its news into the student's copy.

    Args:
        url: the repository of the course, as git takes it.
        branch: its branch.
        folder: the student's copy; made where there is none.
        texts: the sentences, in the student's language.

    Returns:
        A sentence for each thing that the student must know of; often none.

    Raises:
        PullError: nothing was merged. What the student wrote is as it was.
    """
    theirs = f"origin/{branch}"
    if not folder.exists():
        # Whole or not at all: what an earlier start left half done is in nobody's way.
        coming = folder.with_name(f".{folder.name}.coming")
        shutil.rmtree(coming, ignore_errors=True)
        _run_nbgitpuller(url, branch, coming, texts)
        coming.rename(folder)
        names = _git(folder, "ls-files", "-z", "*.ipynb").split("\0")[:-1]
        _trust(folder, names, theirs)
        return []
    if not (folder / ".git").exists():
        raise PullError(texts["no copy"].format(name=folder.name))
    before = _git(folder, "rev-parse", "HEAD").strip()
    output = _run_nbgitpuller(url, branch, folder, texts)
    base = _git(folder, "merge-base", before, theirs).strip()
    news = list(_changes(folder, base, theirs))
    _trust(folder, [name for _, name in news if name.endswith(".ipynb")], theirs)
    moved = re.findall(rf"Renamed .+ to ({re.escape(str(folder))}/.+) to avoid conflict", output)
    told = [texts["renamed"].format(name=Path(path).relative_to(folder)) for path in moved]
    for status, name in news:
        if status == "D" and (folder / name).exists():
            told.append(texts["deleted"].format(name=name))
        elif status == "M" and name.endswith(".ipynb"):
            told += _merged(folder, name, base, theirs, texts)
    return told


def _run_nbgitpuller(url: str, branch: str, folder: Path, texts: Mapping[str, str]) -> str:
    """What nbgitpuller printed; it and its git are ended when they take too long."""
    command = [sys.executable, "-m", "nbgitpuller.pull", url, branch, str(folder)]
    process = subprocess.Popen(
        command,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise PullError(texts["took"].format(patience=PATIENCE)) from None
    print(output, flush=True)
    if process.returncode:
        branches = _git(folder.parent, "ls-remote", "--heads", "--tags", url)  # says what is wrong
        if f"/{branch}\n" not in branches:
            raise PullError(f"no branch {branch} at {url}")
        raise PullError(_reason(output))
    return output


def _reason(output: str) -> str:
    """The line in which git, or else nbgitpuller, says why it gave up."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    from_git = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (from_git or lines or ["git gave no reason"])[0 if from_git else -1]


def _environment() -> dict[str, str]:
    """Ours, with settings for git behind those that are there; git asks nobody for a password."""
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0", "PYTHONUTF8": "1"}
    environment |= {"PYTHONUNBUFFERED": "1"}  # its errors come after what it printed
    count = int(environment.get("GIT_CONFIG_COUNT", "0"))
    for number, (key, value) in enumerate(_GIT_SETTINGS.items(), count):
        environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return environment | {"GIT_CONFIG_COUNT": str(count + len(_GIT_SETTINGS))}


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(
        command,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=_PATIENCE_WITH_GIT,
    )
    if done.returncode:
        raise PullError(_reason(done.stderr))
    return done.stdout


def _changes(folder: Path, old: str, new: str) -> Iterator[tuple[str, str]]:
    """The names of the files that differ, each after the letter for how."""
    fields = _git(folder, "diff", "--name-status", "-z", old, new).split("\0")
    yield from zip(fields[:-1:2], fields[1::2], strict=True)


def _merged(
    folder: Path, name: str, base: str, theirs: str, texts: Mapping[str, str]
) -> Iterator[str]:
    """What became of the cells of a notebook that both sides changed."""
    try:
        versions = (f"{commit}:{name}" for commit in (base, theirs, "HEAD^1"))
        old, new, mine = (_cells(_git(folder, "show", version)) for version in versions)
        now = _cells((folder / name).read_text(encoding="utf-8"))
    except (PullError, ValueError, KeyError, TypeError, OSError):
        return  # the student's was no notebook, so no cell of it can be named
    numbers = {cell: number for number, cell in enumerate(now, 1)}
    found: dict[str, list[str]] = {"kept": [], "mixed": []}
    for cell, source in new.items():
        deleted = cell in old and cell not in now  # by the student
        if source in (old.get(cell), now.get(cell)) or deleted:
            continue
        text = texts["cell" if cell in now else "new cell"]
        first = next(iter(source.splitlines()), "")
        became = "kept" if now.get(cell) == mine.get(cell) else "mixed"
        found[became].append(text.format(number=numbers.get(cell), first=first))
    for became, cells in found.items():
        if cells:
            yield texts[became].format(name=name, cells=", ".join(cells))


def _cells(text: str) -> dict[str, str]:
    """The source of each cell of a notebook, by the cell's id."""
    return {cell["id"]: "".join(cell["source"]) for cell in json.loads(text)["cells"]}


def _trust(folder: Path, names: Iterable[str], theirs: str) -> None:
    """Lets Jupyter show the outputs of notebooks that are the course's, or were shown before.

    Args:
        folder: the student's copy.
        names: the notebooks that came or were merged.
        theirs: the course's commit.
    """
    there = [name for name in names if (folder / name).exists()]
    if not there:
        return
    # Importing them takes longer than a pull without news, and a whole class comes at once.
    import nbformat
    from nbformat.sign import NotebookNotary

    notary = NotebookNotary()  # type: ignore[no-untyped-call]  # has no hints
    merged = {name for _, name in _changes(folder, theirs, "HEAD")}
    for name in there:
        with contextlib.suppress(ValueError, PullError):  # no notebook; or not the student's before
            if name in merged:
                mine = nbformat.reads(_git(folder, "show", f"HEAD^1:{name}"), as_version=4)  # type: ignore[no-untyped-call]
                if not notary.check_signature(mine):  # type: ignore[no-untyped-call]
                    continue
            notary.sign(nbformat.read(folder / name, as_version=4))  # type: ignore[no-untyped-call]


def main(arguments: list[str] | None = None) -> int:
    """Pulls, and writes what the student must know into course-update.md beside the copy.

    Returns 0 even when the course cannot be fetched, as a student's server must start all the same;
    1 then with --strict.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="the repository of the course, as git takes it")
    parser.add_argument("branch", help="its branch")
    parser.add_argument("folder", type=Path, help="the student's copy of it")
    strict = "end with 1 when the course cannot be brought up to date"
    parser.add_argument("--strict", action="store_true", help=strict)
    options = parser.parse_args(arguments)
    texts = _TEXTS.get(os.environ.get("MASKLENS_LANGUAGE", ""), _TEXTS["en"])
    folder = options.folder.absolute()
    failed = False
    try:
        told = pull(options.url, options.branch, folder, texts)
    except (PullError, OSError, subprocess.TimeoutExpired) as error:
        failed, told = True, [texts["failed"].format(reason=error)]
    if told:
        news = "".join(f"- {sentence}\n" for sentence in told)
        print(news, end="", flush=True)
        notes = folder.with_name(NOTES)
        older = notes.read_text(encoding="utf-8") if notes.exists() else ""
        dated = f"## {datetime.now():%Y-%m-%d %H:%M}\n\n{news}\n{older}"
        with contextlib.suppress(OSError):  # a full disk, of which the line above tells
            notes.write_text(dated, encoding="utf-8")
    return int(failed and options.strict)


if __name__ == "__main__":
    sys.exit(main())
