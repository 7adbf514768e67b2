"""Progress is kept by two notebooks at once, and no damage to the file loses or stops anything."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import masklens as ml
from masklens_course import history
from masklens_course.history import FILE, Record, read_records, recall, remember

OLD = {"version": 1, "question": "pad-by-hand", "state": "solved", "date": "2026-01-02"}
TRIED = {"version": 1, "question": "masked-loss", "state": "tried", "date": "2026-01-02"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, and a process that remembers nothing."""
    monkeypatch.delenv("MASKLENS_PROGRESS")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(history, "_memory", [])
    monkeypatch.setattr(history, "_unwritable", set())
    return tmp_path


def forget() -> None:
    """What a new kernel remembers: nothing."""
    history._memory.clear()
    history._unwritable.clear()


def states() -> dict[str, str]:
    return {name: record.state for name, record in recall()[0].items()}


def lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write(path: Path, *entries: object) -> None:
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")


def test_a_new_kernel_finds_what_was_solved_and_tried(folder: Path) -> None:
    assert [
        remember("pad-by-hand", "check", "wrong"),
        remember("pad-by-hand", "check", "right"),
    ] == ["", ""]
    remember("masked-loss", "check", "broken")
    forget()
    assert states() == {"pad-by-hand": "solved", "masked-loss": "tried"} and recall()[1] == ""
    assert len(lines(folder / FILE)) == 3


def test_once_solved_nothing_more_is_written(folder: Path) -> None:
    for verdict in ("right", "right", "wrong"):
        remember("pad-by-hand", "check", verdict)
    remember("pad-by-hand", "solution")
    forget()
    remember("pad-by-hand", "hint")
    (line,) = lines(folder / FILE)
    assert line["code"] == "right"
    assert recall()[0] == {"pad-by-hand": Record(attempts=1, solved=True)}


def test_attempts_hints_the_last_mistake_and_the_solution_are_known(folder: Path) -> None:
    remember("pad-by-hand", "check", "wrong-ids")
    remember("pad-by-hand", "hint")
    remember("pad-by-hand", "check", "pads-in-front")
    assert recall()[0]["pad-by-hand"] == Record(attempts=2, hints=1, mistake="pads-in-front")
    remember("pad-by-hand", "solution")
    assert states() == {"pad-by-hand": "tried"}
    remember("pad-by-hand", "check", "right")
    known = Record(attempts=3, hints=1, solution_shown=True, solved=True)
    forget()
    assert recall()[0] == read_records(folder / FILE) == {"pad-by-hand": known}
    assert known.state == "shown"


@pytest.mark.parametrize("setting", ["", "off"])
def test_the_file_stays_small_however_often_somebody_tries(
    folder: Path, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv("MASKLENS_PROGRESS", setting)
    for _attempt in range(120):
        remember("pad-by-hand", "check", "wrong-ids")
    assert recall()[0]["pad-by-hand"].attempts == 100
    remember("pad-by-hand", "check", "right")
    assert states() == {"pad-by-hand": "solved"}
    assert setting or (folder / FILE).stat().st_size < 20_000


def test_a_file_of_the_first_version_is_read_and_carried_on(folder: Path) -> None:
    write(folder / FILE, TRIED, OLD)
    before = (folder / FILE).read_bytes()
    assert states() == {"masked-loss": "tried", "pad-by-hand": "solved"}
    remember("masked-loss", "check", "right")
    assert (folder / FILE).read_bytes().startswith(before)
    assert recall()[0]["masked-loss"] == Record(attempts=2, solved=True)


def test_a_line_of_a_later_version_is_left_alone(folder: Path) -> None:
    later = {"version": 3, "question": "pad-by-hand", "mood": "good"}
    write(folder / FILE, later, TRIED)
    remember("masked-loss", "hint")
    assert lines(folder / FILE)[:2] == [later, TRIED]
    assert recall() == ({"masked-loss": Record(attempts=1, hints=1)}, "")


WRITER = """
import sys
from masklens_course.history import remember
for number in range(40):
    assert remember(f"question-{sys.argv[1]}-{number}", "check", "right") == ""
"""


def test_several_notebooks_write_at_once(folder: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(n)]) for n in range(4)]
    assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    assert len(lines(folder / FILE)) == 160
    assert len(recall()[0]) == 160


def test_another_file_can_be_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKLENS_PROGRESS", str(folder / "진도.jsonl"))
    remember("pad-by-hand", "check", "right")
    assert [path.name for path in folder.iterdir()] == ["진도.jsonl"]


def test_progress_can_be_kept_to_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKLENS_PROGRESS", "off")
    assert remember("pad-by-hand", "check", "right") == ""
    assert states() == {"pad-by-hand": "solved"} and recall()[1] == ""
    assert not list(folder.iterdir())


DAMAGED = {
    "no JSON": b"pad-by-hand is solved\n",
    "binary": b"\x00\xff\x80\n\n",
    "no version": b'{"question": "pad-by-hand", "state": "solved"}\n',
    "an event that is none": b'{"version": 2, "question": "pad-by-hand", "event": "sleep"}\n',
    "a list": b"[1, 2]\n",
    "brackets without an end": b"[" * 200_000 + b"\n",
    "a line without a state": b'{"version": 1, "question": "pad-by-hand"}\n',
    "a state that is no text": b'{"version": 1, "question": "pad-by-hand", "state": 3}\n',
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_file_is_kept_aside_and_its_good_lines_carried_over(
    folder: Path, damage: bytes
) -> None:
    path = folder / FILE
    damaged = damage + json.dumps(TRIED).encode() + b"\n"
    path.write_bytes(damaged)
    known, note = recall()
    aside = folder / "masklens-progress.damaged-1.jsonl"
    assert known == {"masked-loss": Record(attempts=1)}
    assert aside.read_bytes() == damaged and aside.name in note and FILE in note
    assert lines(path) == [TRIED]
    assert recall()[1] == ""


def test_files_kept_aside_are_never_overwritten(folder: Path) -> None:
    for number in (1, 2, 3):
        (folder / FILE).write_bytes(f"damage {number}\n".encode())
        remember("pad-by-hand", "check", "wrong")
        forget()
    kept = sorted(folder.glob("*.damaged-*"))
    assert [path.read_text() for path in kept] == ["damage 1\n", "damage 2\n", "damage 3\n"]


@pytest.mark.parametrize("trial", range(25))
def test_those_who_find_a_damaged_file_at_once_lose_none_of_it(folder: Path, trial: int) -> None:
    write(folder / FILE, "precious words", OLD)
    start = threading.Barrier(8)  # threads meet closer than processes do, at the same files
    with ThreadPoolExecutor(8) as finders:
        list(finders.map(lambda _finder: (start.wait(), recall()), range(8)))
    assert any("precious words" in path.read_text() for path in folder.glob("*.damaged-*"))
    assert OLD in lines(folder / FILE)


@pytest.mark.parametrize("line", [b"x" * 2_000_000, json.dumps(OLD).encode() + b"\n"])
def test_a_huge_file_is_kept_aside(folder: Path, line: bytes) -> None:
    (folder / FILE).write_bytes(line * (2_000_000 // len(line)))
    note = remember("masked-loss", "check", "wrong")
    assert "masklens-progress.damaged-1.jsonl" in note
    expected = [OLD["question"]] * line.startswith(b"{") + ["masked-loss"]
    assert [entry["question"] for entry in lines(folder / FILE)] == expected


def test_a_file_from_windows_is_not_damaged(folder: Path) -> None:
    old = json.dumps(OLD).encode()
    (folder / FILE).write_bytes(b"\xef\xbb\xbf" + old + b"\r\n\r\n" + old + b"\r\n")
    assert states() == {"pad-by-hand": "solved"} and recall()[1] == ""


def test_who_deletes_the_file_begins_anew(folder: Path) -> None:
    remember("pad-by-hand", "check", "right")
    (folder / FILE).unlink()
    remember("pad-by-hand", "check", "right")
    assert [line["question"] for line in lines(folder / FILE)] == ["pad-by-hand"]


def test_a_line_that_was_cut_off_is_ended_and_loses_no_other(folder: Path) -> None:
    path = folder / FILE
    write(path, OLD)
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole + whole[:20], encoding="utf-8")
    assert states() == {"pad-by-hand": "solved"} and recall()[1] == ""
    remember("masked-loss", "check", "right")
    forget()
    # Now the piece is a line of its own, and the file is put in order.
    assert states() == {"pad-by-hand": "solved", "masked-loss": "solved"}


UNWRITABLE: dict[str, Callable[[Path], None]] = {
    "a folder": Path.mkdir,
    "a link to itself": lambda path: path.symlink_to(path),
    "a device that gives bytes without an end": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("spoil", UNWRITABLE.values(), ids=UNWRITABLE.keys())
def test_where_nothing_can_be_written_memory_serves_and_one_sentence_says_so(
    folder: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(folder / FILE)
    notes = [
        remember("pad-by-hand", "check", "right"),
        remember("masked-loss", "check", "wrong"),
        recall()[1],
    ]
    assert FILE in notes[0] and notes[1:] == ["", ""]
    assert states() == {"pad-by-hand": "solved", "masked-loss": "tried"}


FULL_DISK = """
import resource
from masklens_course.history import recall, remember
remember("pad-by-hand", "check", "right")
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
print(remember("masked-loss", "check", "right"))
print(remember("pad-readings", "check", "right"))
print(sorted(recall()[0]))
"""


def test_on_a_full_disk_memory_serves(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK], capture_output=True, text=True, check=True
    )
    first, second, known = done.stdout.split("\n")[:3]
    assert FILE in first and second == ""
    assert known == "['masked-loss', 'pad-by-hand', 'pad-readings']"
    forget()
    assert states() == {"pad-by-hand": "solved"}


FULL_DISK_WHEN_SET_ASIDE = """
import resource
from masklens_course.history import recall
resource.setrlimit(resource.RLIMIT_FSIZE, (5, 5))
for _again in range(2):
    known, note = recall()
    print({name: record.state for name, record in known.items()}, note)
"""


def test_on_a_full_disk_a_damaged_file_is_still_kept_and_known(folder: Path) -> None:
    write(folder / FILE, "damage", OLD)
    damaged = (folder / FILE).read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK_WHEN_SET_ASIDE], capture_output=True, text=True, check=True
    )
    first, second = done.stdout.splitlines()
    assert "masklens-progress.damaged-1.jsonl" in first and "cannot be kept" in first
    assert second == "{'pad-by-hand': 'solved'} "
    assert (folder / "masklens-progress.damaged-1.jsonl").read_bytes() == damaged


def test_what_cannot_be_set_aside_stays_and_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write everywhere, but has no longer names than others: none is left for the copy.
    path = folder / ("p" * 245 + ".jsonl")
    monkeypatch.setenv("MASKLENS_PROGRESS", str(path))
    write(path, "damage", OLD)
    damaged = path.read_bytes()
    known, note = recall()
    assert known["pad-by-hand"].solved and path.name in note
    assert remember("masked-loss", "check", "right") == ""
    assert states() == {"pad-by-hand": "solved", "masked-loss": "solved"} and recall()[1] == ""
    assert path.read_bytes() == damaged and list(folder.iterdir()) == [path]


def test_without_a_working_directory_memory_serves(folder: Path) -> None:
    gone = folder / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    notes = [remember("pad-by-hand", "check", "right"), remember("masked-loss", "check", "wrong")]
    assert FILE in notes[0] and notes[1] == ""
    assert states() == {"pad-by-hand": "solved", "masked-loss": "tried"} and recall()[1] == ""


def test_a_folder_that_does_not_exist_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKLENS_PROGRESS", "/no/such/folder/progress.jsonl")
    assert "progress.jsonl" in remember("pad-by-hand", "check", "right")


def test_a_check_shows_the_note_and_remembers(folder: Path) -> None:
    (folder / FILE).mkdir()
    verdict = ml.question("pad-by-hand").check([[0]])
    assert FILE in verdict.note and verdict.note in verdict.html
    assert states() == {"pad-by-hand": "tried"}


def test_a_blank_answer_is_not_remembered(folder: Path) -> None:
    ml.question("pad-by-hand").check(...)
    assert states() == {} and not list(folder.iterdir())
