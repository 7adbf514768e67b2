"""The command: what it prints, how it exits, and what it says about bad input."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path

import keras
import numpy as np
import pytest

from masklens.tracing.command import main

IDS = np.array([[7, 3, 0, 0], [5, 1, 2, 0]])

OWN = ["--import", "own_layers"]

# A user's own module: a layer that passes its mask on only if told to, and one that fails.
OWN_LAYERS = """
import keras


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
"""

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

ids, weights = keras.Input((4,), name="ids"), keras.Input((2,), name="weights")
joined = layers.Concatenate()([ids, weights])
keras.Model([ids, weights], joined).save("two.keras")
keras.Model({"first": ids, "second": weights}, joined).save("keys.keras")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Saved models, with the module of their layer beside them, and batches."""
    root = tmp_path_factory.mktemp("saved")
    (root / "own_layers.py").write_text(OWN_LAYERS)
    subprocess.run([sys.executable, "-W", "ignore", "-c", SAVE], cwd=root, check=True)
    np.savez(root / "batch.npz", ids=IDS)
    np.savez(root / "named.npz", weights=np.ones((2, 2)), ids=IDS, labels=np.ones(2))
    np.savez(root / "ordered.npz", IDS, np.ones((2, 2)))
    np.savez(root / "keys.npz", second=np.ones((2, 2)), first=IDS)
    np.savez(root / "renamed.npz", words=IDS)
    np.save(root / "single.npy", IDS)
    np.savez(root / "narrow.npz", ids=IDS[:, :3], weights=np.ones((2, 2)))
    np.savez(root / "objects.npz", ids=np.array([[7], [3, 0]], dtype=object))
    (root / "broken.keras").write_bytes((root / "keeps.keras").read_bytes()[:2000])
    (root / "broken.npz").write_bytes((root / "batch.npz").read_bytes()[:100])
    (root / "empty.npz").touch()
    (root / "text.npz").write_text("7 3 0 0")
    (root / "model.h5").write_text("")
    (root / "faulty.py").write_text("1 / 0")
    return root


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The installed command, as a terminal would run it, without our quiet environment."""
    clean = {key: text for key, text in os.environ.items() if not re.match("TF_|MASKLENS", key)}
    command = Path(sys.executable).with_name("masklens")
    return subprocess.run(
        [command, *arguments], cwd=folder, env=clean | environment, capture_output=True, text=True
    )


@pytest.fixture
def _without_own_layers() -> Iterator[None]:
    """After the test, this process has never heard of the user's module."""
    yield
    sys.modules.pop("own_layers", None)
    for name in ("own>Scale", "own>Stumble"):
        keras.saving.get_custom_objects().pop(name, None)


# --- The exit status ----------------------------------------------------------------------------


def test_a_kept_mask_exits_0_and_prints_only_the_trace(folder: Path) -> None:
    done = run(folder, "trace", "keeps.keras", "batch.npz", *OWN)
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("embedding", "own_scale", "reader", "dense", "Scale", "LSTM"):
        assert name in done.stdout


def test_a_lost_mask_exits_1_and_names_the_layer(folder: Path) -> None:
    done = run(folder, "trace", "loses.keras", "batch.npz", *OWN)
    assert (done.returncode, done.stderr) == (1, "")
    assert re.search("own_scale.*Scale", done.stdout)


def test_python_m_masklens_is_the_same_command(folder: Path) -> None:
    arguments = ["trace", "loses.keras", "batch.npz", *OWN]
    module = subprocess.run(
        [sys.executable, "-m", "masklens", *arguments], cwd=folder, capture_output=True, text=True
    )
    assert (module.returncode, module.stdout) == (1, run(folder, *arguments).stdout)


def test_help_names_every_option_and_needs_no_keras(folder: Path) -> None:
    (folder / "no_keras").mkdir(exist_ok=True)
    (folder / "no_keras" / "keras.py").write_text("raise SystemExit('Keras was imported')")
    done = run(folder, "trace", "--help", PYTHONPATH="no_keras")
    assert done.returncode == 0
    for option in ("--probe", "--html", "--import", "--language", "MODEL.keras", "BATCH.npz"):
        assert option in done.stdout


# --- Options and inputs --------------------------------------------------------------------------


def test_probe_tells_which_layers_use_the_mask(folder: Path) -> None:
    plain, probed = (
        run(folder, "trace", "keeps.keras", "batch.npz", *OWN, *option).stdout
        for option in ([], ["--probe"])
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
@pytest.mark.usefixtures("_without_own_layers")
def test_each_array_goes_to_its_input(
    folder: Path, monkeypatch: pytest.MonkeyPatch, model: str, batch: str
) -> None:
    """The inputs of a model differ in shape, so that an array at the wrong one would fail."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert main(["trace", model, batch, *OWN]) == 0


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
def test_html_is_a_whole_page_of_its_own(folder: Path, language: str) -> None:
    shutil.copy(folder / "loses.keras", folder / "a<b>&c.keras")
    options = ["--html", f"{language}.html", "--language", language, *OWN]
    done = run(folder, "trace", "a<b>&c.keras", "batch.npz", *options)
    assert (done.returncode, done.stderr) == (1, "")
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
    error = run(folder, "trace", *choice, "model.h5", "batch.npz", **environment).stderr
    assert all(re.search("[가-힣]", text) for text in (help_text, error))


def test_an_unknown_language_exits_2_and_names_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["trace", "m.keras", "b.npz", "--language", "fr"])
    assert stopped.value.code == 2
    assert "'en', 'ko'" in capsys.readouterr().err


# --- Bad input ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("_without_own_layers")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["keeps.keras", "batch.npz"], r"keeps\.keras needs Scale, .* --import MODULE"),
        (["lambda.keras", "batch.npz"], r"lambda\.keras holds Python code in a Lambda layer"),
        (["missing.keras", "batch.npz"], r"missing\.keras: No such file"),
        (["broken.keras", "batch.npz"], r"broken\.keras is no model .* or it is incomplete"),
        (["model.h5", "batch.npz"], r"model\.h5 is no model"),
        (["keeps.keras", "missing.npz"], r"missing\.npz: No such file"),
        (["keeps.keras", "."], r"\.: Is a directory"),
        (["keeps.keras", "broken.npz"], r"broken\.npz holds no arrays .* or it is incomplete"),
        (["keeps.keras", "empty.npz"], r"empty\.npz holds no arrays"),
        (["keeps.keras", "text.npz"], r"text\.npz holds no arrays"),
        (["keeps.keras", "objects.npz"], r"objects\.npz holds no arrays"),
        (["keeps.keras", "keeps.keras"], r"keeps\.keras holds no arrays"),
        (
            ["two.keras", "batch.npz"],
            r"takes ids, weights; the batch holds ids and lacks weights\..*weights=",
        ),
        (["keeps.keras", "batch.npz", "--import", "absent"], r"absent.*No module named 'absent'"),
        (["keeps.keras", "batch.npz", "--import", "faulty"], r"faulty.*ZeroDivisionError"),
        (["two.keras", "named.npz", "--html", "no/folder.html"], r"no/folder\.html: No such file"),
    ],
    ids=lambda case: "" if isinstance(case, str) else " ".join(case),
)
def test_bad_input_exits_2_with_one_clear_line(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert main(["trace", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.match(f"masklens: .*{says}", line)


def test_inputs_of_a_wrong_shape_exit_2_with_the_reason_first(folder: Path) -> None:
    done = run(folder, "trace", "two.keras", "narrow.npz")
    assert (done.returncode, done.stdout) == (2, "")
    reason = done.stderr.splitlines()[0]
    assert re.search(r"'ids' .*expected shape=\(None, 4\), found shape=\(2, 3\)$", reason)
    assert "Traceback" not in done.stderr


def test_a_model_that_fails_in_the_middle_shows_the_trace_so_far(folder: Path) -> None:
    done = run(folder, "trace", "stumbles.keras", "batch.npz", *OWN)
    assert (done.returncode, done.stdout) == (2, "")
    reason, *so_far = done.stderr.splitlines()
    assert "a stone in the way" in reason
    assert any(re.search("embedding.*creates the mask", line) for line in so_far)
    assert "Traceback" not in done.stderr


def test_the_command_itself_exits_2_without_a_traceback(folder: Path) -> None:
    done = run(folder, "trace", "lambda.keras", "batch.npz")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [[], ["trace"], ["trace", "m.keras", "b.npz", "--no"]])
def test_a_wrong_command_line_exits_2_with_its_usage(
    arguments: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*arguments])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("usage: masklens")
