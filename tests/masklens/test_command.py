"""The command: what it prints, how it exits, and what it says about bad input."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import keras
import numpy as np
import pytest

import masklens as ml
from masklens.lens.command import main

pytestmark = pytest.mark.slow

IDS = np.array([[7, 3, 0, 0], [5, 1, 2, 0]])
FULL = np.array([[7, 3, 8, 4], [5, 1, 2, 6]])

OWN = ["--import", "own_layers"]

Command = Callable[..., "Done"]

# A user's own module: a layer that passes its mask on only if told to, one that reads the first
# timestep, one that is random, one that fails, and one that ends the program.
OWN_LAYERS = """
import sys

import keras
import numpy as np


@keras.saving.register_keras_serializable("own")
class Scale(keras.layers.Layer):
    def __init__(self, keeps_mask=True, **options):
        super().__init__(**options)
        self.supports_masking = self.keeps_mask = keeps_mask

    def call(self, inputs):
        return inputs * 2.0

    def get_config(self):
        return {**super().get_config(), "keeps_mask": self.keeps_mask}


@keras.saving.register_keras_serializable("own")
class Stumble(keras.layers.Layer):
    supports_masking = True

    def call(self, inputs):
        if inputs.shape[0] is None:  # while the model is built
            return inputs
        raise ValueError("a stone in the way")


@keras.saving.register_keras_serializable("own")
class Quit(Stumble):
    def call(self, inputs):
        if inputs.shape[0] is not None:
            sys.exit(0)
        return inputs


@keras.saving.register_keras_serializable("own")
class First(keras.layers.Layer):
    def call(self, inputs):
        return inputs[:, 0]


@keras.saving.register_keras_serializable("own")
class Noise(keras.layers.Layer):
    supports_masking = True

    def call(self, inputs):
        if inputs.shape[0] is None:
            return inputs
        return inputs + np.random.normal(size=tuple(inputs.shape)).astype("float32")
"""

EVIL = "\x1b[31mred\x9b0m\r\x08\u202e"

SAVE = """
import keras, own_layers
from keras import layers

def save(name, *between):
    keras.Sequential([
        keras.Input((4,), name="ids"), layers.Embedding(10, 4, mask_zero=True), *between,
        layers.LSTM(2, name="reader"), layers.Dense(1),
    ]).save(name)

save("keeps.keras", own_layers.Scale(name="own_scale"))
save("loses.keras", own_layers.Scale(keeps_mask=False, name="own_scale"))
save("stumbles.keras", own_layers.Stumble())
save("lambda.keras", layers.Lambda(lambda x: x * 2))
save("random.keras", own_layers.Noise())
save("quits.keras", own_layers.Quit())
save("evil.keras", own_layers.Scale(name=EVIL))

ids = keras.Input((None,), name="ids")
keras.Model(ids, layers.Dense(2)(
    own_layers.Scale(keeps_mask=False)(layers.Embedding(10, 4, mask_zero=True)(ids))
)).save("harmless.keras")
first = own_layers.First()(layers.Embedding(10, 4)(ids))
keras.Model(ids, layers.Dense(2)(first)).save("first.keras")

weights = keras.Input((2,), name="weights")
read = layers.LSTM(2)(layers.Embedding(10, 4, mask_zero=True)(ids))
joined = layers.Concatenate()([read, weights])
keras.Model([ids, weights], joined).save("two.keras")
keras.Model({"first": ids, "second": weights}, joined).save("keys.keras")

others = keras.Input((None,), name="others")
keras.Model([ids, others], [first, own_layers.First()(layers.Embedding(10, 4)(others))]).save(
    "pair.keras")
mask = keras.Input((None,), name="mask", dtype="bool")
keras.Model([ids, mask], layers.LSTM(2)(layers.Embedding(10, 4)(ids), mask=mask)).save(
    "takes_mask.keras")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Saved models, with the module of their layer beside them, and batches."""
    root = tmp_path_factory.mktemp("saved")
    (root / "own_layers.py").write_text(OWN_LAYERS)
    save = f"EVIL = {EVIL!r}\n{SAVE}"
    subprocess.run([sys.executable, "-W", "ignore", "-c", save], cwd=root, check=True)
    np.savez(root / "batch.npz", ids=IDS)
    np.savez(root / "named.npz", weights=np.ones((2, 2)), ids=IDS, labels=np.ones(2))
    np.savez(root / "ordered.npz", IDS, np.ones((2, 2)))
    np.savez(root / "keys.npz", second=np.ones((2, 2)), first=IDS)
    np.savez(root / "renamed.npz", words=IDS)
    np.save(root / "single.npy", IDS)
    np.savez(root / "narrow.npz", ids=IDS, weights=np.ones((2, 3)))
    left = np.array([[False, True, True, True], [False, False, True, True]])
    np.savez(root / "full.npz", ids=FULL)
    np.savez(root / "masked.npz", ids=FULL, mask=left)
    np.savez(root / "own_mask.npz", mask=left, arr_0=FULL)
    np.savez(root / "named_mask.npz", ids_mask=left.astype(int), ids=FULL)
    np.savez(root / "wide_mask.npz", ids=FULL, mask=np.ones((2, 5), bool))
    np.savez(root / "pair.npz", ids=FULL, others=FULL)
    np.savez(root / "pair_mask.npz", ids=FULL, others=FULL, others_mask=left)
    np.savez(root / "pair_one_mask.npz", ids=FULL, others=FULL, mask=left)
    np.savez(root / "takes_mask.npz", ids=IDS, mask=IDS != 0)
    np.savez(root / "objects.npz", ids=np.array([[7], [3, 0]], dtype=object))
    (root / "broken.keras").write_bytes((root / "keeps.keras").read_bytes()[:2000])
    (root / "broken.npz").write_bytes((root / "batch.npz").read_bytes()[:100])
    (root / "empty.npz").touch()
    (root / "text.npz").write_text("7 3 0 0")
    (root / "model.h5").write_text("")
    (root / "folder.keras").mkdir()
    (root / "empty.keras").touch()
    with zipfile.ZipFile(root / "no_model.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    # A few bytes that claim 10**12 numbers, and a small file that unpacks to a large one.
    header = b"{'descr': '<i8', 'fortran_order': False, 'shape': (1000000, 1000000), }"
    claim = b"\x93NUMPY\x01\x00" + (len(header) + 1).to_bytes(2, "little") + header + b"\n"
    (root / "claim.npy").write_bytes(claim + bytes(64))
    with zipfile.ZipFile(root / "claim.npz", "w") as archive:
        archive.writestr("ids.npy", claim + bytes(64))
    for name in ("bomb.npz", "bomb.keras"):
        with (
            zipfile.ZipFile(root / name, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("ids.npy", "w", force_zip64=True) as member,
        ):
            for _ in range(11):
                member.write(bytes(100_000_000))
    np.savez(root / "evil.npz", **{EVIL + "\n": IDS, "b": IDS})
    for name in ("pipe.npz", "pipe.keras"):
        os.mkfifo(root / name)
    (root / "leaves.py").write_text("raise SystemExit(0)")
    (root / "faulty.py").write_text("1 / 0")
    return root


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The installed command, as a terminal would run it, without our quiet environment."""
    clean = {key: text for key, text in os.environ.items() if not re.match("TF_|MASKLENS", key)}
    command = Path(sys.executable).with_name("masklens")
    return subprocess.run(
        [command, *arguments], cwd=folder, env=clean | environment, capture_output=True, text=True
    )


@dataclass(frozen=True)
class Done:
    """What became of a command."""

    status: int
    out: str
    err: str


@pytest.fixture
def command(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Done]]:
    """Runs `masklens trace` in this process, which afterwards has never heard of the module."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def trace(*arguments: str) -> Done:
        status = main(["trace", *arguments])
        return Done(status, *capsys.readouterr())

    yield trace
    sys.modules.pop("own_layers", None)
    for name in ("Scale", "Stumble", "Quit", "First", "Noise"):
        keras.saving.get_custom_objects().pop(f"own>{name}", None)


# --- The exit status ----------------------------------------------------------------------------


def test_the_version_is_that_of_the_library(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"masklens {ml.__version__}\n"


def test_padding_that_is_ignored_exits_0_and_prints_only_the_trace(folder: Path) -> None:
    done = run(folder, "trace", "keeps.keras", "batch.npz", *OWN)
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("embedding", "own_scale", "reader", "dense", "Scale", "LSTM"):
        assert name in done.stdout


def test_padding_that_gets_in_exits_1_and_names_the_layer(command: Command) -> None:
    done = command("loses.keras", "batch.npz", *OWN)
    assert (done.status, done.err) == (1, "")
    assert re.search("own_scale.*Scale", done.out)


def test_a_reader_that_has_read_enough_leaves_the_exit_status_as_it_is(folder: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "masklens", "trace", "loses.keras", "batch.npz", *OWN]
    done = subprocess.run(command, cwd=folder, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    ("model", "batch", "status"),
    [
        ("harmless.keras", "batch.npz", 0),  # a mask is lost, and nothing needs it
        ("first.keras", "full.npz", 0),
        ("first.keras", "masked.npz", 1),
        ("first.keras", "own_mask.npz", 1),
        ("first.keras", "named_mask.npz", 1),
        ("pair.keras", "pair.npz", 0),
        ("pair.keras", "pair_mask.npz", 1),
        ("takes_mask.keras", "takes_mask.npz", 0),
    ],
)
def test_an_array_that_no_input_is_called_like_says_where_the_tokens_are(
    command: Command, model: str, batch: str, status: int
) -> None:
    """The models read the first timestep, which these masks say is padding."""
    assert command(model, batch, *OWN).status == status


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["random.keras", "batch.npz"], "The model is random"),
        (["keeps.keras", "batch.npz", "--no-measure"], "only recorded"),
    ],
    ids=["random", "--no-measure"],
)
def test_no_verdict_prints_the_trace_and_exits_2_with_the_reason(
    command: Command, arguments: list[str], says: str
) -> None:
    done = command(*arguments, *OWN)
    assert done.status == 2
    assert "embedding" in done.out and "reader" in done.out
    (line,) = done.err.splitlines()
    assert re.match(f"masklens: No verdict. .*{says}", line)


def test_python_m_masklens_is_the_same_command(folder: Path) -> None:
    arguments = ["trace", "loses.keras", "batch.npz", *OWN]
    module = subprocess.run(
        [sys.executable, "-m", "masklens", *arguments], cwd=folder, capture_output=True, text=True
    )
    assert (module.returncode, module.stdout) == (1, run(folder, *arguments).stdout)


def test_help_names_every_option_and_needs_no_keras(folder: Path) -> None:
    (folder / "no_keras").mkdir(exist_ok=True)
    (folder / "no_keras" / "keras.py").write_text("raise SystemExit('Keras was imported')")
    found = os.pathsep.join(["no_keras", os.environ.get("PYTHONPATH", "")])
    done = run(folder, "trace", "--help", PYTHONPATH=found)
    assert done.returncode == 0
    for option in (
        "--no-measure",
        "--probe",
        "--html",
        "--import",
        "--language",
        "MODEL.keras",
        "BATCH.npz",
    ):
        assert option in done.stdout


# --- Options and inputs --------------------------------------------------------------------------


def test_probe_tells_which_layers_use_the_mask(command: Command) -> None:
    plain, probed = (
        command("keeps.keras", "batch.npz", *OWN, *option).out for option in ([], ["--probe"])
    )
    (before,), (after,) = (
        [line for line in text.splitlines() if "own_scale" in line] for text in (plain, probed)
    )
    assert "does not use it" in after and "does not use it" not in before


@pytest.mark.filterwarnings("ignore:.*dict must match the names")
@pytest.mark.parametrize(
    ("model", "batch"),
    [
        ("two.keras", "named.npz"),
        ("two.keras", "ordered.npz"),
        ("keys.keras", "keys.npz"),
        ("keys.keras", "ordered.npz"),
        ("keeps.keras", "named.npz"),
        ("keeps.keras", "renamed.npz"),
        ("keeps.keras", "single.npy"),
    ],
)
def test_each_array_goes_to_its_input(command: Command, model: str, batch: str) -> None:
    """The inputs of a model differ in shape, so that an array at the wrong one would fail."""
    assert command(model, batch, *OWN).status == 0


class Page(HTMLParser):
    """What a browser makes of a page: its tags with their attributes, and its visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {}
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        self.text[self._inside] = self.text.get(self._inside, "") + data


@pytest.mark.parametrize("language", ["en", "ko"])
def test_html_is_a_whole_page_of_its_own(folder: Path, command: Command, language: str) -> None:
    shutil.copy(folder / "loses.keras", folder / "a<b>&c.keras")
    options = ["--html", f"{language}.html", "--language", language, *OWN]
    done = command("a<b>&c.keras", "batch.npz", *options)
    assert (done.status, done.err) == (1, "")
    html = (folder / f"{language}.html").read_text(encoding="utf-8")
    page = Page(html)
    assert html.startswith("<!doctype html>")
    assert ("html", {"lang": language}) in page.tags
    assert ("meta", {"charset": "utf-8"}) in page.tags
    assert "a<b>&c.keras" in page.text["title"]
    assert "prefers-color-scheme: dark" in page.text["style"]
    tags = {tag for tag, _attributes in page.tags}
    assert "table" in tags and not tags & {"script", "link", "iframe"}
    sources = [attributes["src"] for _tag, attributes in page.tags if "src" in attributes]
    assert all(source and source.startswith("data:") for source in sources)
    assert "own_scale" in html


@pytest.mark.parametrize("choice", [["--language", "ko"], []])
def test_the_command_speaks_the_language_that_was_chosen(folder: Path, choice: list[str]) -> None:
    environment = {} if choice else {"MASKLENS_LANGUAGE": "ko"}
    help_text = run(folder, "trace", *choice, "--help", **environment).stdout
    refused = run(folder, "trace", *choice, "model.h5", "batch.npz", **environment)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert all(re.search("[가-힣]", text) for text in (help_text, refused.stderr))
    assert len(refused.stderr.splitlines()) == 1


def test_an_unknown_language_exits_2_and_names_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["trace", "m.keras", "b.npz", "--language", "fr"])
    assert stopped.value.code == 2
    assert "'en', 'ko'" in capsys.readouterr().err


# --- Bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["keeps.keras", "batch.npz"], r"keeps\.keras needs Scale, .* --import MODULE"),
        (["lambda.keras", "batch.npz"], r"lambda\.keras holds Python code in a Lambda layer"),
        (["missing.keras", "batch.npz"], r"missing\.keras: No such file"),
        (["broken.keras", "batch.npz"], r"broken\.keras is not a model .* or it is incomplete"),
        (["model.h5", "batch.npz"], r"model\.h5 is not a model"),
        (["keeps.keras", "missing.npz"], r"missing\.npz: No such file"),
        (["keeps.keras", "."], r"\.: Is a directory"),
        (["keeps.keras", "broken.npz"], r"broken\.npz holds no arrays .* or it is incomplete"),
        (["keeps.keras", "empty.npz"], r"empty\.npz holds no arrays"),
        (["keeps.keras", "text.npz"], r"text\.npz holds no arrays"),
        (["keeps.keras", "objects.npz"], r"objects\.npz holds no arrays"),
        (["keeps.keras", "keeps.keras"], r"keeps\.keras holds no arrays"),
        (["keeps.keras", "claim.npy"], r"claim\.npy holds no arrays .* or it is incomplete"),
        (["keeps.keras", "claim.npz"], r"claim\.npz holds no arrays .* or it is incomplete"),
        (["keeps.keras", "bomb.npz"], r"bomb\.npz would unpack to 1100 MB"),
        (["keeps.keras", "pipe.npz"], r"pipe\.npz is a pipe or a device"),
        (["keeps.keras", "/dev/null"], r"/dev/null is a pipe or a device"),
        (["keeps.keras", "a\0b"], r"a\\x00b: .*null"),
        (["pipe.keras", "batch.npz"], r"pipe\.keras is a pipe or a device"),
        (["folder.keras", "batch.npz"], r"folder\.keras: Is a directory"),
        (["empty.keras", "batch.npz"], r"empty\.keras is not a model"),
        (["no_model.keras", "batch.npz"], r"no_model\.keras: \w+Error: "),
        (["bomb.keras", "batch.npz"], r"bomb\.keras would unpack to 1100 MB"),
        (["two.keras", "evil.npz"], r"holds \\x1b\[31mred\\x9b0m\\r\\x08\\u202e\\n, b and"),
        (["first.keras", "wide_mask.npz", *OWN], r"ValueError: mask= has the shape \(2, 5\)"),
        (["pair.keras", "pair_one_mask.npz", *OWN], r"takes ids, others: .* such as ids_mask"),
        (
            ["two.keras", "batch.npz"],
            r"takes ids, weights; the batch holds ids and lacks weights\..*weights=",
        ),
        (["keeps.keras", "batch.npz", "--import", "absent"], r"absent.*No module named 'absent'"),
        (["keeps.keras", "batch.npz", "--import", "faulty"], r"faulty.*ZeroDivisionError"),
        (["keeps.keras", "batch.npz", "--import", "leaves"], r"leaves.*SystemExit"),
        (["keeps.keras", "batch.npz", "--import", ""], r"could not be imported: ValueError"),
        (["quits.keras", "batch.npz", *OWN], r"SystemExit: 0"),
        (["two.keras", "named.npz", "--html", "no/folder.html"], r"no/folder\.html: No such file"),
    ],
    ids=lambda case: "" if isinstance(case, str) else " ".join(case),
)
def test_bad_input_exits_2_with_one_clear_line(
    command: Command, arguments: list[str], says: str
) -> None:
    done = command(*arguments)
    assert done.status == 2
    (line,) = done.err.splitlines()
    assert re.match(f"masklens: .*{says}", line)


def test_inputs_of_a_wrong_shape_exit_2_with_the_reason_first(command: Command) -> None:
    done = command("two.keras", "narrow.npz")
    assert (done.status, done.out) == (2, "")
    reason = done.err.splitlines()[0]
    assert re.search(r"'weights' .*expected shape=\(None, 2\), found shape=\(2, 3\)$", reason)
    assert "Traceback" not in done.err


def test_a_model_that_fails_in_the_middle_shows_the_trace_so_far(command: Command) -> None:
    done = command("stumbles.keras", "batch.npz", *OWN)
    assert (done.status, done.out) == (2, "")
    reason, *so_far = done.err.splitlines()
    assert "a stone in the way" in reason
    assert any(re.search("embedding.*makes the mask", line) for line in so_far)
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MemoryError("Unable to allocate 7.28 TiB"), 2),
        (MemoryError(), 2),
        (AssertionError("a fault of ours"), 2),
        (RecursionError("too deep"), 2),
        (SystemExit(0), 2),
        (KeyboardInterrupt(), 130),
    ],
    ids=repr,
)
def test_whatever_goes_wrong_no_exit_status_says_that_there_is_a_verdict(
    command: Command, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("masklens.lens.command._load", fail)
    done = command("keeps.keras", "batch.npz")
    assert done.status == status
    said = f"masklens: {type(error).__name__}"
    assert [line.startswith(said) for line in done.err.splitlines()] == [True] * (status == 2)


def test_no_name_can_steer_the_terminal(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    done = [
        command("evil.keras", "batch.npz", *OWN),
        command("two.keras", "evil.npz"),
        command(EVIL + ".keras", "batch.npz"),
    ]
    assert [one.status for one in done] == [0, 2, 2]
    with pytest.raises(SystemExit):
        command("evil.keras", "batch.npz", "--language", EVIL)
    written = "".join([*(one.out + one.err for one in done), *capsys.readouterr()])
    assert r"\x1b[31mred\x9b0m\r\x08\u202e" in written
    assert not set(written) & set("\x1b\x9b\r\x08\u202e")


def test_a_full_disk_exits_2_since_the_trace_was_not_written(folder: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "masklens", "trace", "keeps.keras", "batch.npz", *OWN],
            cwd=folder,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("masklens: OSError")


@pytest.mark.parametrize("arguments", [[], ["trace"], ["trace", "m.keras", "b.npz", "--yes"]])
def test_a_wrong_command_line_exits_2_with_its_usage(
    arguments: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*arguments])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("usage: masklens")
