"""The values for Kubernetes: each a field of the chart, of its type; and what they start, runs."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml
from jsonschema import Draft7Validator
from jupyterhub.app import JupyterHub
from jupyterhub.spawner import Spawner
from traitlets import TraitError
from traitlets.config import Config

from authoring import layout

ROOT = Path(__file__).parents[2]
VALUES = yaml.safe_load((ROOT / "classroom" / "kubernetes.yaml").read_text(encoding="utf-8"))
FIELDS = yaml.safe_load((ROOT / "tests" / "kubernetes_fields.yaml").read_text(encoding="utf-8"))
STUDENT = VALUES["singleuser"]
PLACEHOLDER = "CHANGE-ME"
MEBIBYTE = 2**20
SERVER_AND_LIBRARIES = 750  # MiB, beside what a notebook itself takes
Path_ = tuple[str, ...]


# --- The chart's fields ---------------------------------------------------------------------------


def schema(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What the table says, as JSON Schema: fields that it does not name are refused."""
    properties = {
        name: schema(of) if isinstance(of, dict) else {"anyOf": list(types(of))}
        for name, of in fields.items()
    }
    return {"type": "object", "additionalProperties": False, "properties": properties}


def types(text: str) -> Iterator[dict[str, Any]]:
    if text.startswith("one of "):
        yield {"enum": text.removeprefix("one of ").split(", ")}
        return
    if text.endswith("?"):
        yield {"type": "null"}
    for name in text.removesuffix("?").split(" | "):
        assert name in {"boolean", "integer", "number", "string", "array", "object"}, text
        yield {"type": name}


VALIDATOR = Draft7Validator(schema(FIELDS))


def faults(values: Mapping[str, Any]) -> list[str]:
    return [f"{list(error.path)}: {error.message}" for error in VALIDATOR.iter_errors(values)]


def named_fields(values: Any, fields: Any, path: Path_ = ()) -> Iterator[Path_]:
    """The path of each of our values that the table names."""
    if isinstance(values, dict) and isinstance(fields, dict):
        for name, value in values.items():
            yield (*path, name)
            yield from named_fields(value, fields[name], (*path, name))


OURS = list(named_fields(VALUES, FIELDS))


def parent(values: Any, path: Path_) -> Any:
    for name in path[:-1]:
        values = values[name]
    return values


def test_every_value_is_a_field_of_the_chart() -> None:
    assert faults(VALUES) == []
    assert len(OURS) > 30


@pytest.mark.parametrize("path", OURS, ids=".".join)
def test_a_misspelled_field_is_found(path: Path_) -> None:
    values = deepcopy(VALUES)
    holder = parent(values, path)
    holder[path[-1].upper()] = holder.pop(path[-1])
    assert faults(values)


@pytest.mark.parametrize("path", OURS, ids=".".join)
def test_a_value_of_another_type_is_found(path: Path_) -> None:
    value: Any = parent(VALUES, path)[path[-1]]
    wrong: Any = "text" if not isinstance(value, str) else [value]
    if path[-2:-1] == ("memory",):  # which may be text, such as 1G
        wrong = [value]
    values = deepcopy(VALUES)
    parent(values, path)[path[-1]] = wrong
    assert faults(values)


@pytest.mark.parametrize("path", [path for path in OURS if len(path) > 1], ids=".".join)
def test_a_field_at_another_depth_is_found(path: Path_) -> None:
    higher, deeper = deepcopy(VALUES), deepcopy(VALUES)
    value = parent(higher, path).pop(path[-1])
    parent(higher, path[:-1])[path[-1]] = value
    parent(deeper, path)[path[-1]] = {path[-1]: value}
    # Two depths have a field `enabled`, and some fields may hold anything.
    assert faults(higher) or path == ("cull", "enabled")
    assert faults(deeper) or "object" in parent(FIELDS, path)[path[-1]]


# --- What they mean -------------------------------------------------------------------------------


def placeholders(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from placeholders(inner, (*path, name))
    elif isinstance(value, list):
        for inner in value:
            yield from placeholders(inner, path)
    elif PLACEHOLDER in str(value):
        yield path


def test_a_teacher_fills_in_these_places_and_no_others() -> None:
    assert set(placeholders(VALUES)) == {
        ("hub", "config", "JupyterHub", "authenticator_class"),
        ("hub", "config", "Authenticator", "admin_users"),
        ("hub", "config", "Authenticator", "allowed_users"),
        ("proxy", "https", "hosts"),
        ("proxy", "https", "letsencrypt", "contactEmail"),
        ("singleuser", "image", "name"),
        ("singleuser", "image", "tag"),
        ("singleuser", "lifecycleHooks", "postStart", "exec", "command"),
    }


def test_a_hub_does_not_start_before_its_teacher_chose_how_to_log_in() -> None:
    chosen = Config({"JupyterHub": VALUES["hub"]["config"]["JupyterHub"]})
    with pytest.raises(TraitError, match=f"'{PLACEHOLDER}' could not be imported"):
        JupyterHub(config=chosen)


def test_a_student_chooses_among_the_languages_of_the_course() -> None:
    profiles = {profile["slug"]: profile for profile in STUDENT["profileList"]}
    assert set(profiles) == set(layout.languages(ROOT))
    assert len([profile for profile in profiles.values() if profile.get("default")]) == 1
    for language, profile in profiles.items():
        overridden = profile["kubespawner_override"]
        assert overridden["environment"] == {"MASKLENS_LANGUAGE": language}
        # JupyterHub's own names; KubeSpawner has them, too.
        assert set(overridden) <= set(Spawner.class_trait_names(config=True))


def test_settings_of_the_spawner_are_settings_of_a_spawner() -> None:
    assert set(VALUES["hub"]["config"]["KubeSpawner"]) <= set(
        Spawner.class_trait_names(config=True)
    )
    assert (
        VALUES["hub"]["config"]["KubeSpawner"]["notebook_dir"]
        == STUDENT["storage"]["homeMountPath"]
    )


def test_environment_variables_are_text() -> None:
    assert {type(value) for value in STUDENT["extraEnv"].values()} == {str}


def test_a_notebook_that_wants_too_much_ends_before_its_server_does() -> None:
    unit = {"G": 2**30, "M": 2**20}
    guarantee, limit = (
        float(text[:-1]) * unit[text[-1]]
        for text in (STUDENT["memory"]["guarantee"], STUDENT["memory"]["limit"])
    )
    assert guarantee <= limit
    notebook = int(STUDENT["extraEnv"]["MASKLENS_KERNEL_MEMORY"])
    assert (SERVER_AND_LIBRARIES + notebook) * MEBIBYTE < limit


def test_starting_a_server_brings_the_course_to_where_it_opens(tmp_path: Path) -> None:
    course, home, work = tmp_path / "course", tmp_path / "jovyan", "내 노트.txt"
    home.mkdir()
    shutil.copytree(ROOT / "notebooks", course / "notebooks")
    git = ["git", "-C", course, "-c", "user.name=Teacher", "-c", "user.email=teacher@example.org"]
    for command in ("init -qb main", "add --all", "commit -qm Course"):
        subprocess.run([*git, *command.split()], check=True)
    start(home, course)
    (home / "masklens" / work).write_text("mine")
    start(home, course)
    assert (home / "masklens" / work).read_text() == "mine"
    assert not (home / "course-update.md").exists()
    for profile in STUDENT["profileList"]:
        url = profile["kubespawner_override"]["default_url"]
        opened = home / re.fullmatch("/lab/tree/(.+)", url)[1]  # type: ignore[index]
        book = nbformat.read(opened, as_version=4)
        assert book.metadata["masklens"]["language"] == profile["slug"]


def start(home: Path, course: Path) -> None:
    """Runs what Kubernetes runs in a student's container, here."""
    command = STUDENT["lifecycleHooks"]["postStart"]["exec"]["command"]
    here = {
        "python": sys.executable,
        "/srv/masklens/classroom/pull.py": str(ROOT / "classroom" / "pull.py"),
        PLACEHOLDER: course.as_uri(),
        "/home/jovyan/masklens": str(home / "masklens"),
    }
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), **STUDENT["extraEnv"]}
    done = subprocess.run(
        [here.get(word, word) for word in command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
