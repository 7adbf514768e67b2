"""The frame of the repository: the lock, the conda environment, the make targets, the font."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import numpy as np
import pytest
import yaml
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())
FONT = ROOT / "helpers" / "masklens" / "plots" / "fonts" / "masklens-hangul.otf"
CONDA_ENTRIES = [entry for entry in ENVIRONMENT["dependencies"] if isinstance(entry, str)]
(PIP_ENTRIES,) = [entry["pip"] for entry in ENVIRONMENT["dependencies"] if isinstance(entry, dict)]


# --- The lock -----------------------------------------------------------------------------------

DECLARED = [
    requirement
    for extra in [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for requirement in map(Requirement, extra)
    if requirement.name != "masklens"
]


def locked_versions(python: str) -> dict[str, str]:
    """What the lock gives a Python on Linux, by name."""
    lines = (ROOT / "constraints" / "locked.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.strip().startswith("#")]
    machine = {"python_version": python, "python_full_version": f"{python}.9"}
    machine |= {"sys_platform": "linux", "platform_python_implementation": "CPython"}
    return {
        pin.name: str(pin.specifier).removeprefix("==")
        for pin in pins
        if pin.marker is None or pin.marker.evaluate(machine)
    }


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_the_lock_gives_every_declared_dependency_a_version_in_its_range(python: str) -> None:
    assert f"{python}.0" in SpecifierSet(PROJECT["requires-python"])
    locked = locked_versions(python)
    outside = [
        f"{requirement} is locked to {locked.get(requirement.name)}"
        for requirement in DECLARED
        if requirement.name not in locked or locked[requirement.name] not in requirement.specifier
    ]
    assert not outside


def test_the_versions_of_colab_are_in_the_declared_ranges() -> None:
    lines = (ROOT / "constraints" / "colab.txt").read_text().splitlines()
    colab = {pin.name: str(pin.specifier)[2:] for pin in map(Requirement, lines[1:])}
    declared = [requirement for requirement in DECLARED if requirement.name in colab]
    assert {"keras", "numpy", "tensorflow", "ipywidgets"} <= {pin.name for pin in declared}
    outside = [
        f"{requirement} is {colab[requirement.name]} on Colab"
        for requirement in declared
        if colab[requirement.name] not in requirement.specifier
    ]
    assert not outside


# --- The conda environment, and a course opened from it -------------------------------------------


def test_conda_gets_a_python_that_the_project_declares() -> None:
    (python,) = [entry for entry in CONDA_ENTRIES if entry.startswith("python=")]
    assert f"{python.removeprefix('python=')}.0" in SpecifierSet(PROJECT["requires-python"])


def test_conda_installs_the_package_for_learners_with_the_lock() -> None:
    locked = ["-c constraints/locked.txt", "-e .[learn]", "nbdime", "nbgitpuller"]
    assert locked == PIP_ENTRIES
    assert "pip" in CONDA_ENTRIES  # else conda warns, and may take another pip
    assert "learn" in PROJECT["optional-dependencies"]


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=clean_environment(**environment), capture_output=True, text=True
    )


def clean_environment(**changes: str) -> dict[str, str]:
    """Ours, without what an outer make, a locale or a screen would pass on."""
    dropped = re.compile(r"MAKE|MFLAGS|LC_|LANG|COURSE|PYTHON|LAB$|DISPLAY|WAYLAND|BROWSER|JUPYTER")
    return {key: text for key, text in os.environ.items() if not dropped.match(key)} | changes


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with a new `.venv`, filled from environment.yml's pip section."""
    copy = tmp_path_factory.mktemp("clone") / "repository"
    unwanted = shutil.ignore_patterns(".*", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, copy, ignore=unwanted)
    # As conda does: a requirements file beside environment.yml, installed from that folder.
    (copy / "condaenv.requirements.txt").write_text("\n".join(PIP_ENTRIES))
    uv = [sys.executable, "-m", "uv"]
    made = run(*uv, "venv", "--python", sys.executable, ".venv", cwd=copy)
    assert made.returncode == 0, made.stderr
    to_venv = ["--python", ".venv/bin/python"]
    filled = run(*uv, "pip", "install", *to_venv, "-r", "condaenv.requirements.txt", cwd=copy)
    assert filled.returncode == 0, filled.stderr
    return copy


def test_the_conda_environment_runs_the_library(installed: Path) -> None:
    program = "import masklens as ml; print(ml.__file__); print(ml.show([[True, False]]))"
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3"}
    shown = run(installed / ".venv/bin/python", "-c", program, cwd=installed.parent, **quiet)
    assert shown.returncode == 0, shown.stderr
    assert str(installed / "helpers" / "masklens") in shown.stdout
    assert "■" in shown.stdout and "□" in shown.stdout


@contextmanager
def make_lab(repository: Path, **environment: str) -> Iterator[str]:
    """Runs `make lab` until the block ends, and gives the address that it prints."""
    command = ["make", "lab", "LAB=--port=0"]
    with subprocess.Popen(
        command,
        cwd=repository,
        env=clean_environment(**environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as lab:
        try:
            assert lab.stdout is not None
            printed = []
            for line in lab.stdout:
                printed.append(line)
                if found := re.search(r"http://127\.0\.0\.1:\S+", line):
                    yield found[0]
                    break
            else:
                pytest.fail("make lab printed no address:\n" + "".join(printed))
        finally:
            os.killpg(lab.pid, signal.SIGKILL)


def fetch(address: str) -> bytes:
    """Reads a page of a server that may print its address a moment before it listens."""
    last_try = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(address, timeout=30) as answer:
                return answer.read()
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError) or time.monotonic() > last_try:
                raise
            time.sleep(0.2)


def test_make_lab_prints_the_address_of_the_course_with_its_outputs_trusted(
    installed: Path,
) -> None:
    start = "notebooks/ko/00_start.ipynb"
    (installed / ".venv" / "created").touch()
    (installed / ".venv" / "learn").touch()
    # The process that forks the kernels is not in the group of make: it leaves by itself.
    alone = {"XDG_RUNTIME_DIR": str(installed.parent), "MASKLENS_KERNEL_IDLE": "1"}
    with make_lab(installed, LANG="ko_KR.UTF-8", **alone) as address:
        assert f"/lab/tree/{start}?token=" in address
        assert b"JupyterLab" in fetch(address)
        contents = json.loads(fetch(address.replace("/lab/tree/", "/api/contents/")))
        widgets = "/lab/api/settings/@jupyter-widgets/jupyterlab-manager:plugin"
        settings = json.loads(fetch(address.replace(f"/lab/tree/{start}", widgets)))
        specs = json.loads(fetch(address.replace(f"/lab/tree/{start}", "/api/kernelspecs")))
    notebook = nbformat.from_dict(contents["content"])
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code and all(cell.metadata.trusted for cell in code)
    # Explorers are saved with the notebook, for those who open it without a kernel.
    assert settings["schema"]["properties"]["saveState"]["default"] is True
    offered = {name: spec["spec"]["display_name"] for name, spec in specs["kernelspecs"].items()}
    assert (specs["default"], offered["python3"]) == ("python3", "Python 3 (Keras preloaded)")
    assert offered["python3-plain"] == "Python 3 (plain)"


# --- The other make targets ---------------------------------------------------------------------


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder where `make` finds a course of empty notebooks, and has installed nothing."""
    for name in (
        *("Makefile", "course.toml", "pyproject.toml", "constraints/locked.txt"),
        *("classroom/overrides.json", "helpers/masklens_kernel/spec.py"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for language in ("en", "ko"):
        (tmp_path / "notebooks" / language).mkdir(parents=True)
        (tmp_path / "notebooks" / language / "00_start.ipynb").touch()
    return tmp_path


def test_make_lists_every_target(bare: Path) -> None:
    declared = re.search(r"^\.PHONY:(.*)$", (bare / "Makefile").read_text(), re.MULTILINE)
    assert declared
    listed = re.findall(r"^make ([\w-]+) +\w", run("make", cwd=bare).stdout, re.MULTILINE)
    assert listed == declared[1].split()


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "ko_KR.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "ko_KR.UTF-8", "COURSE": "en"}, "en"),
        ({"COURSE": "ko"}, "ko"),
    ],
    ids=lambda case: (
        " ".join(f"{k}={v}" for k, v in case.items()) if isinstance(case, dict) else ""
    ),
)
def test_make_lab_opens_the_course_in_the_language_of_the_user(
    bare: Path, environment: dict[str, str], language: str
) -> None:
    planned = run("make", "--dry-run", "lab", cwd=bare, PYTHON=sys.executable, **environment)
    assert planned.returncode == 0, planned.stderr
    assert f"/lab/tree/notebooks/{language}/00_start.ipynb" in planned.stdout


def test_make_lab_names_the_languages_that_there_are(bare: Path) -> None:
    planned = run("make", "--dry-run", "lab", cwd=bare, PYTHON=sys.executable, COURSE="fr")
    assert planned.returncode != 0
    assert "set COURSE to one of en ko" in planned.stderr


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param("sys.version_info = (3, 10, 13)", id="too old"),
        pytest.param("sys.version_info = (3, 14, 0)", id="too new"),
        pytest.param("sys.modules['ensurepip'] = None", id="without venv"),
    ],
)
def test_make_says_in_one_line_what_python_it_needs(bare: Path, fault: str) -> None:
    (bare / "site").mkdir()
    (bare / "site" / "sitecustomize.py").write_text(f"import sys; {fault}")
    python = f"env PYTHONPATH=site {sys.executable}"
    (bare / "unfit").write_text(f'#!/bin/sh\nexec {python} "$@"\n')
    (bare / "unfit").chmod(0o755)
    stopped = run("make", "lab", "PYTHON=./unfit", cwd=bare)
    assert stopped.returncode != 0
    assert len(stopped.stderr.splitlines()) == 1
    assert "no Python 3.11 to 3.13 with venv among: ./unfit" in stopped.stderr
    assert "make PYTHON=" in stopped.stderr
    assert not (bare / ".venv").exists()


def test_make_takes_the_first_python_that_fits(bare: Path) -> None:
    planned = run("make", "--dry-run", "lab", f"PYTHON=no-such-python {sys.executable}", cwd=bare)
    assert f"{sys.executable} -m venv" in planned.stdout


def test_make_leaves_colab_out_in_one_line_where_there_is_no_python_for_it(bare: Path) -> None:
    left_out = run("make", "test-colab", "PYTHON_COLAB=no-such-python", cwd=bare)
    assert left_out.returncode == 0, left_out.stderr
    assert left_out.stdout.startswith("Left out: ") and "no-such-python" in left_out.stdout
    assert len(left_out.stdout.splitlines()) == 1 and not left_out.stderr


# --- The font -----------------------------------------------------------------------------------


def ks_x_1001_syllables() -> set[str]:
    """The Hangul syllables with a two-byte code of their own in EUC-KR."""
    hangul = map(chr, range(0xAC00, 0xD7A4))
    return {syllable for syllable in hangul if len(syllable.encode("euc_kr", errors="ignore")) == 2}


def test_the_font_has_the_syllables_of_korean_text() -> None:
    needed = ks_x_1001_syllables()
    assert len(needed) == 2350
    for catalogue in (ROOT / "helpers" / "masklens" / "locale").rglob("*.po"):
        needed |= set(re.findall("[가-힣ㄱ-ㅣ]", catalogue.read_text(encoding="utf-8")))
    assert needed <= {chr(code) for code in FT2Font(FONT).get_charmap()}


def test_the_font_is_small_and_bears_no_name_of_its_source() -> None:
    assert FONT.stat().st_size < 500_000
    font = FT2Font(FONT)
    assert (font.family_name, font.postscript_name) == ("MaskLens Hangul", "MaskLensHangul")
    license_text = (FONT.parent / "OFL.txt").read_text(encoding="utf-8")
    assert "Copyright 2014-2021 Adobe" in license_text
    assert "SIL OPEN FONT LICENSE" in license_text


@pytest.mark.filterwarnings("error:Glyph")
@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_matplotlib_draws_hangul_without_a_missing_glyph(tmp_path: Path, suffix: str) -> None:
    figure = Figure(figsize=(2, 1))
    font = font_manager.FontProperties(fname=FONT)
    figure.text(0.1, 0.5, "타임스텝 → 마스크 ■ □ −1", fontproperties=font)
    figure.savefig(tmp_path / f"figure.{suffix}")
    assert (tmp_path / f"figure.{suffix}").stat().st_size > 1_000


def test_each_syllable_is_drawn_in_its_own_way() -> None:
    font = FT2Font(FONT)
    font.set_size(24, 72)
    drawn = set()
    for syllable in ks_x_1001_syllables():
        font.set_text(syllable)
        font.draw_glyphs_to_bitmap()
        image = np.asarray(font.get_image())
        drawn.add((image.shape, image.tobytes()))
    assert len(drawn) == 2350


# --- What is published --------------------------------------------------------------------------


def test_the_wheel_holds_every_file_of_the_library(tmp_path: Path) -> None:
    project = tmp_path / "project"  # setuptools writes beside what it builds
    shutil.copytree(ROOT / "helpers", project / "helpers", ignore=shutil.ignore_patterns("*.egg-*"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, project)
    command = [sys.executable, "-m", "uv", "build", "--wheel", "--out-dir", tmp_path, project]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    library = ROOT / "helpers"
    wanted = {
        path.relative_to(library).as_posix()
        for path in (library / "masklens").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert wanted - packed == set()


@pytest.mark.parametrize("readme", ["README.md", "README.ko.md"])
def test_every_link_of_a_readme_leads_somewhere(readme: str) -> None:
    targets = re.findall(r"\]\(([^)#]+)", (ROOT / readme).read_text(encoding="utf-8"))
    local = [target for target in targets if not target.startswith("https://")]
    assert len(local) >= len(list((ROOT / "content" / "lessons").glob("*.py")))
    assert [target for target in local if not (ROOT / target).exists()] == []
