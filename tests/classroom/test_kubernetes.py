"""The values for Kubernetes: they fit what a student's server takes, and the image that it runs."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import nbformat
import psutil
import pytest
import yaml
from jupyterhub.app import JupyterHub
from jupyterhub.spawner import Spawner
from nbclient import NotebookClient
from traitlets import TraitError
from traitlets.config import Config

from authoring import course
from tests.kernel.kernels import start_jupyter, wait_for

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "classroom" / "kubernetes.yaml").read_text(encoding="utf-8")
VALUES = yaml.safe_load(TEXT)
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
STUDENT = VALUES["singleuser"]
PULL = STUDENT["lifecycleHooks"]["postStart"]["exec"]["command"]
PLACEHOLDER = "CHANGE-ME"
MEBIBYTE = 2**20


def placeholders(value: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from placeholders(inner, (*path, name))
    elif isinstance(value, list):
        for inner in value:
            yield from placeholders(inner, path)
    elif PLACEHOLDER in str(value):
        yield ".".join(path)


def test_a_teacher_fills_in_these_places_and_no_others() -> None:
    assert set(placeholders(VALUES)) == {
        "hub.config.JupyterHub.authenticator_class",
        "hub.config.Authenticator.admin_users",
        "hub.config.Authenticator.allowed_users",
        "proxy.https.hosts",
        "proxy.https.letsencrypt.contactEmail",
        "singleuser.image.name",
        "singleuser.image.tag",
        "singleuser.lifecycleHooks.postStart.exec.command",
    }


def test_a_hub_does_not_start_before_its_teacher_chose_how_to_log_in() -> None:
    chosen = Config({"JupyterHub": VALUES["hub"]["config"]["JupyterHub"]})
    with pytest.raises(TraitError, match=f"'{PLACEHOLDER}' could not be imported"):
        JupyterHub(config=chosen)


def test_a_student_chooses_among_the_languages_of_the_course() -> None:
    profiles = {profile["slug"]: profile for profile in STUDENT["profileList"]}
    assert set(profiles) == set(course.codes(ROOT))
    assert len([profile for profile in profiles.values() if profile.get("default")]) == 1
    for language, profile in profiles.items():
        overridden = profile["kubespawner_override"]
        assert overridden["environment"] == {"MASKLENS_LANGUAGE": language}
        # JupyterHub's own names; KubeSpawner has them, too.
        assert set(overridden) <= set(Spawner.class_trait_names(config=True))


def test_what_starts_in_the_image_is_in_the_image() -> None:
    """repo2docker puts the repository where the values say, and installs what pull.py runs."""
    (folder,) = re.findall(r"--target-repo-dir (\S+)", TEXT)
    script = Path(PULL[1]).relative_to(folder)
    assert (ROOT / script).is_file() and (ROOT / "postBuild").is_file()
    installed = ENVIRONMENT["dependencies"][-1]["pip"]
    assert {"-e .[learn]", "nbdime", "nbgitpuller"} <= set(installed)
    home = STUDENT["storage"]["homeMountPath"]
    assert not folder.startswith(home) and PULL[-1].startswith(home)
    assert VALUES["hub"]["config"]["KubeSpawner"]["notebook_dir"] == home


# --- What a server takes --------------------------------------------------------------------------


def mebibytes(text: str) -> float:
    return float(text[:-1]) * {"G": 2**30, "M": 2**20}[text[-1]] / MEBIBYTE


def memory_of(processes: list[psutil.Process]) -> float:
    """Proportional memory (PSS) in MiB: what they share is counted once."""
    return sum(float(one.memory_full_info().pss) for one in processes) / MEBIBYTE


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[float, float]]:
    """The memory of a student's server, and of preloaded libraries with a lesson that was run."""
    folder = tmp_path_factory.mktemp("server")
    lab = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port-retries=50"]
    for jupyter in start_jupyter(folder):
        environment = {**jupyter.environment, **STUDENT["extraEnv"]}
        with (folder / "log").open("w") as log:
            server = psutil.Popen(lab, cwd=folder, env=environment, stdout=log, stderr=log)
        wait_for(lambda: "is running at" in (folder / "log").read_text(), "the server starts")
        book = nbformat.read(ROOT / "notebooks/en/01_padding.ipynb", as_version=4)
        client = NotebookClient(book)
        starting = client.setup_kernel(cwd=str(folder), env=environment)
        with patch.dict(os.environ, JUPYTER_PATH=environment["JUPYTER_PATH"]), starting:
            for number, cell in enumerate(book.cells):
                client.execute_cell(cell, number)
            assert len(jupyter.parents()) == 1  # a launcher and its kernel are there, too
            rest = [one for one in jupyter.processes() if one.pid != server.pid]
            yield memory_of([server]), memory_of(rest)


def test_a_server_with_a_lesson_takes_no_more_than_it_is_guaranteed(
    measured: tuple[float, float],
) -> None:
    assert sum(measured) < mebibytes(STUDENT["memory"]["guarantee"])


def test_a_notebook_that_wants_too_much_ends_before_its_server_does(
    measured: tuple[float, float],
) -> None:
    notebook = int(STUDENT["extraEnv"]["MASKLENS_KERNEL_MEMORY"])
    assert sum(measured) + notebook < mebibytes(STUDENT["memory"]["limit"])


# --- What starting it does ------------------------------------------------------------------------


def test_starting_a_server_brings_the_course_to_where_it_opens(tmp_path: Path) -> None:
    course, home = tmp_path / "course", tmp_path / "jovyan"
    home.mkdir()
    shutil.copytree(ROOT / "notebooks", course / "notebooks")
    git = ["git", "-C", course, "-c", "user.name=Teacher", "-c", "user.email=teacher@example.org"]
    for command in ("init -qb main", "add --all", "commit -qm Course"):
        subprocess.run([*git, *command.split()], check=True)
    here = {
        "python": sys.executable,
        PULL[1]: str(ROOT / "classroom" / "pull.py"),
        PLACEHOLDER: course.as_uri(),
        PULL[-1]: str(home / "masklens"),
    }
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), **STUDENT["extraEnv"]}
    subprocess.run([here.get(word, word) for word in PULL], env=environment, check=True)
    assert not (home / "course-update.md").exists()
    for profile in STUDENT["profileList"]:
        url = profile["kubespawner_override"]["default_url"]
        book = nbformat.read(home / url.removeprefix("/lab/tree/"), as_version=4)
        assert book.metadata["masklens"]["language"] == profile["slug"]
