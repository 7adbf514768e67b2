"""What repo2docker, with which Binder builds, makes of the repository; what postBuild leaves."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from contextlib import chdir, redirect_stdout
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.sign import NotebookNotary
from repo2docker.app import Repo2Docker
from repo2docker.buildpacks import CondaBuildPack

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())
UPDATE = 'env update -p ${NB_PYTHON_PREFIX} --file "environment.yml"'


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of the repository."""
    copy = tmp_path_factory.mktemp("checkout") / "repository"
    unwanted = shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", "_build", "build", "dist")
    return Path(shutil.copytree(ROOT, copy, ignore=unwanted))


# --- What is built --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dockerfile(repository: Path) -> str:
    """What repo2docker would have an image built from."""
    app = Repo2Docker(dry_run=True, repo=str(repository), user_id=1000, user_name="jovyan")
    app.target_repo_dir = "/srv/masklens"
    app.initialize()
    with redirect_stdout(io.StringIO()) as printed:
        app.build()
    return printed.getvalue()


def test_conda_builds_with_the_python_that_the_environment_names(
    repository: Path, dockerfile: str
) -> None:
    with chdir(repository):  # like repo2docker, it looks into the current folder
        packs = [pack for pack in Repo2Docker().buildpacks if pack(base_image="").detect()]
        assert packs[0] is CondaBuildPack
        pack = CondaBuildPack(base_image=Repo2Docker().base_image)
        pack.platform = "linux/amd64"
        python = pack.python_version
        # Else `-e .` and the lock would be looked for where only environment.yml is.
        assert pack.get_preassemble_script_files() == {}
    assert f"python={python}" in ENVIRONMENT["dependencies"]
    # A file of repo2docker's own: without it, the build would stop.
    assert re.search(rf"COPY .*py-2d{python.replace('.', '-2e')}-2dlinux-2d64", dockerfile)


def test_the_environment_is_updated_when_all_files_are_there(dockerfile: str) -> None:
    steps = ["COPY --chown=1000:1000 src/ ${REPO_DIR}/", UPDATE, "RUN ./postBuild"]
    assert [dockerfile.count(step) for step in steps] == [1, 1, 1]
    # In another folder than the home folder, too, as an image for Kubernetes has it.
    places = [dockerfile.index(step) for step in ("ARG REPO_DIR", "WORKDIR ${REPO_DIR}", *steps)]
    assert places == sorted(places)


# --- postBuild ------------------------------------------------------------------------------------


class Environment:
    """An environment with our packages and its own prefix, and an empty home folder."""

    def __init__(self, folder: Path) -> None:
        self.prefix, self.home = folder / "environment", folder / "home"
        self.home.mkdir()
        make = [sys.executable, "-m", "venv", "--without-pip", str(self.prefix)]
        subprocess.run(make, check=True)
        (packages,) = self.prefix.glob("lib/python*/site-packages")
        ours = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
        (packages / "ours.pth").write_text(ours)

    def run(self, repository: Path, *command: str) -> str:
        path = [self.prefix / "bin", Path(sys.executable).parent, os.environ["PATH"]]
        done = subprocess.run(
            command,
            cwd=repository,
            env={"PATH": os.pathsep.join(map(str, path)), "HOME": str(self.home)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def untrusted(self, repository: Path) -> list[Path]:
        data = self.home / ".local/share/jupyter"
        data.mkdir(parents=True, exist_ok=True)
        notary = NotebookNotary(data_dir=str(data))
        books = sorted(repository.glob("[nes]*/*/*.ipynb"))
        return [
            path for path in books if not notary.check_signature(nbformat.read(path, as_version=4))
        ]


@pytest.fixture(scope="module")
def built(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment in which postBuild has run."""
    environment = Environment(tmp_path_factory.mktemp("built"))
    assert len(environment.untrusted(repository)) > 40
    environment.run(repository, "./postBuild")
    return environment


SETTINGS = """
import json
from pathlib import Path
from ipykernel.kernelapp import IPKernelApp
from jupyter_client.kernelspec import KernelSpecManager
from jupyterlab.commands import get_app_dir
from jupyterlab_server.settings_utils import _get_overrides
app = IPKernelApp()
app.init_profile_dir()
app.init_config_files()
app.load_config_file()
kernel = KernelSpecManager().get_kernel_spec("python3").to_dict()
lab = _get_overrides(str(Path(get_app_dir(), "settings")))[0]
print(json.dumps([kernel, lab, app.capture_fd_output]))
"""


def test_what_opens_is_set_up_as_the_course_wants_it(repository: Path, built: Environment) -> None:
    kernel, lab, captured = json.loads(built.run(repository, "python", "-c", SETTINGS))
    assert kernel["display_name"] == "Python 3 (Keras preloaded)"
    assert kernel["argv"][0] == str(built.prefix / "bin" / "python")
    book = nbformat.read(repository / "notebooks/ko/01_padding.ipynb", as_version=4)
    assert book.metadata.kernelspec.name == "python3"
    assert lab["@jupyter-widgets/jupyterlab-manager:plugin"] == {"saveState": True}
    assert lab["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"
    # What TensorFlow says stays out of notebooks.
    assert captured is False


def test_the_saved_outputs_are_shown_before_they_are_run_again(
    repository: Path, built: Environment
) -> None:
    assert built.untrusted(repository) == []
