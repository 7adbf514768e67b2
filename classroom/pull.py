"""Brings a student's copy of the course up to date and tells what became of the student's work.

Run as the student, before the student's server starts: python classroom/pull.py URL BRANCH FOLDER.
nbgitpuller pulls, and merge.py merges the notebooks that both changed. In other files the student's
lines stand where both changed the same.
"""

from __future__ import annotations

import argparse
import contextlib
import gettext
import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

NOTES = "course-update.md"
PATIENCE = 45  # seconds
PATIENCE_WITH_GIT = 15  # seconds
MERGE = shlex.join([sys.executable, str(Path(__file__).with_name("merge.py"))])
LANGUAGE = os.environ.get("MASKLENS_LANGUAGE") or "en"
WORDS = Path(__file__).with_name("locale")
_ = gettext.translation("classroom", WORDS, [LANGUAGE], fallback=True).gettext


class PullError(Exception):
    """Raised when the course cannot be fetched or merged; says why in one line."""


def pull(url: str, branch: str, folder: Path) -> list[str]:
    """Clones the course, or merges its news into the student's copy.

    Args:
        url: the repository of the course, as git takes it.
        branch: its branch.
        folder: the student's copy; made where there is none.

    Returns:
        A sentence for each thing that the student must know of; often none.

    Raises:
        PullError: nothing was merged. What the student wrote is as it was.
    """
    if "refs/" not in _git(folder.parent, "ls-remote", "--", url, f"refs/heads/{branch}"):
        raise PullError(_("{url} has no branch {branch}").format(url=url, branch=branch))
    if not folder.exists():
        # Whole or not at all: what an earlier start left half done is in nobody's way.
        coming = folder.with_name(f".{folder.name}.coming")
        shutil.rmtree(coming, ignore_errors=True)
        _run_nbgitpuller(url, branch, coming)
        _set_up(coming, url, branch)
        coming.rename(folder)
        _trust(folder, branch)
        return []
    before = (folder / ".git").exists() and _git(folder, "rev-parse", "--remotes")
    if not before:
        wrong = _(
            "`{name}` is not a copy of the course. Rename it, and the course will be there when "
            "your server starts again."
        )
        raise PullError(wrong.format(name=folder.name))
    _set_up(folder, url, branch)
    try:
        output = _run_nbgitpuller(url, branch, folder)
    except PullError:
        with contextlib.suppress(PullError):  # it may not have come to a merge
            _git(folder, "merge", "--abort")
        raise
    if _git(folder, "rev-parse", "--remotes") != before:
        _trust(folder, branch)
    moved = re.findall(rf"Renamed .+ to {re.escape(str(folder))}/(.+) to avoid conflict", output)
    from_merge = re.findall("^course-update: (.+)$", output, re.MULTILINE)
    renamed = _("The course has a new file named like one of yours. Yours is now `{name}`.")
    return [renamed.format(name=name) for name in moved] + from_merge


def _set_up(folder: Path, url: str, branch: str) -> None:
    """Sets what git must know in a copy; the git-pull links of a student's server need it, too."""
    settings = {
        # nbgitpuller would leave these as they were when the copy was made.
        "remote.origin.url": url,
        "remote.origin.fetch": f"+refs/heads/{branch}:refs/remotes/origin/{branch}",
        # nbgitpuller reads names from git: unquoted, Hangul among them, and each new file as new.
        "core.quotePath": "false",
        "diff.renames": "false",
        "merge.masklens.driver": f"{MERGE} %O %A %B %P",
    }
    for name, value in settings.items():
        _git(folder, "config", name, value)
    (folder / ".git" / "info").mkdir(exist_ok=True)
    (folder / ".git" / "info" / "attributes").write_text("*.ipynb merge=masklens\n")


def _trust(folder: Path, branch: str) -> None:
    """Lets Jupyter show the saved outputs of the notebooks that are as the course has them."""
    every = _git(folder, "ls-files", "-z", "*.ipynb").split("\0")[:-1]
    differ = _git(folder, "diff", "--name-only", "-z", f"origin/{branch}").split("\0")
    names = [str(folder / name) for name in every if name not in differ]
    with contextlib.suppress(PullError):  # the course's are there, if not shown before they are run
        _run(sys.executable, "-P", "-m", "nbformat.sign", *names, patience=PATIENCE)


def _run_nbgitpuller(url: str, branch: str, folder: Path) -> str:
    # Without -P, a student's own random.py would keep it from starting.
    pull = [sys.executable, "-P", "-m", "nbgitpuller.pull", url, branch, str(folder)]
    output = _run(*pull, patience=PATIENCE)
    print(output, flush=True)
    return output


def _git(folder: Path, *arguments: str) -> str:
    return _run("git", "-C", str(folder), *arguments, patience=PATIENCE_WITH_GIT)


def _run(*command: str, patience: int) -> str:
    """What a command printed; it and what it started are ended when they take too long."""
    done = subprocess.run(
        ["timeout", "--kill-after=5", str(patience), *command],
        # Git asks nobody for a password.
        env=os.environ | {"GIT_TERMINAL_PROMPT": "0", "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if not done.returncode:
        return done.stdout
    if done.returncode in (124, 137):
        raise PullError(_("it took longer than {patience} seconds").format(patience=patience))
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    from_git = [line for line in lines if line.startswith(("fatal:", "error:"))]
    raise PullError(next(iter(from_git or lines[-1:]), f"{command[0]}: {done.returncode}"))


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
    folder = options.folder.absolute()
    failed = False
    try:
        told = pull(options.url, options.branch, folder)
    except (PullError, OSError) as error:
        sentence = _(
            "The course could not be brought up to date. Your files are as you left them. Tell "
            "your teacher: {reason}"
        )
        failed, told = True, [sentence.format(reason=error)]
    if told:
        news = "".join(f"- {sentence}\n" for sentence in told)
        print(news, end="", flush=True)
        notes = folder.with_name(NOTES)
        with contextlib.suppress(OSError):  # a full disk, of which the line above tells
            older = notes.read_text(encoding="utf-8") if notes.exists() else ""
            dated = f"## {datetime.now():%Y-%m-%d %H:%M}\n\n{news}\n{older}"
            notes.write_text(dated, encoding="utf-8")
    return int(failed and options.strict)


if __name__ == "__main__":
    sys.exit(main())
