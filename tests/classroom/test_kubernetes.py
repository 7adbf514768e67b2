"""The values for Kubernetes: they fit what a student's server takes, and the image that it runs."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import nbformat
import pytest
import yaml
from jupyterhub.spawner import Spawner
from nbclient import NotebookClient

from authoring import course
from tests.classroom.hub import make_course
from tests.kernel.kernels import start_jupyter
from tests.support.waiting import wait_for

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


def test_a_server_with_a_lesson_has_the_memory_that_it_takes(tmp_path: Path) -> None:
    lab = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port-retries=50"]
    for jupyter in start_jupyter(tmp_path):
        environment = {**jupyter.environment, **STUDENT["extraEnv"]}
        with (tmp_path / "log").open("w") as log:
            subprocess.Popen(lab, cwd=tmp_path, env=environment, stdout=log, stderr=log)
        wait_for(lambda: "is running at" in (tmp_path / "log").read_text(), "the server starts")
        book = nbformat.read(ROOT / "notebooks/en/01_padding.ipynb", as_version=4)
        client = NotebookClient(book)
        starting = client.setup_kernel(cwd=str(tmp_path), env=environment)
        with patch.dict(os.environ, JUPYTER_PATH=environment["JUPYTER_PATH"]), starting:
            for number, cell in enumerate(book.cells):
                client.execute_cell(cell, number)
            assert len(jupyter.parents()) == 1  # beside the server, a launcher and its kernel
            taken = sum(one.memory_full_info().pss for one in jupyter.processes()) / MEBIBYTE
    assert taken < mebibytes(STUDENT["memory"]["guarantee"])
    # A notebook that wants too much ends before its server does.
    notebook = int(STUDENT["extraEnv"]["MASKLENS_KERNEL_MEMORY"])
    assert taken + notebook < mebibytes(STUDENT["memory"]["limit"])


# --- What starting it does ------------------------------------------------------------------------


def test_starting_a_server_brings_the_course_to_where_it_opens(tmp_path: Path) -> None:
    course, home = tmp_path / "course", tmp_path / "jovyan"
    home.mkdir()
    make_course(course)
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
