"""What repo2docker, with which Binder builds, makes of the repository; what postBuild leaves."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import Any

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


def conda(repository: Path, see: Callable[[CondaBuildPack], Any]) -> Any:
    """What conda's build pack says; like repo2docker, it looks into the current folder."""
    with chdir(repository):
        pack = CondaBuildPack(base_image=Repo2Docker().base_image)
        pack.platform = "linux/amd64"
        return see(pack)


def test_the_first_build_pack_that_takes_the_repository_is_condas(repository: Path) -> None:
    with chdir(repository):
        packs = [pack for pack in Repo2Docker().buildpacks if pack(base_image="").detect()]
    assert packs[0] is CondaBuildPack


def test_the_python_of_the_base_is_the_one_that_the_environment_names(
    repository: Path, dockerfile: str
) -> None:
    python = conda(repository, lambda pack: pack.python_version)
    assert f"python={python}" in ENVIRONMENT["dependencies"]
    # A file of repo2docker's own: without it, the build would stop.
    assert re.search(rf"COPY .*py-2d{python.replace('.', '-2e')}-2dlinux-2d64", dockerfile)


def test_a_range_of_pythons_would_be_built_upon_another_base(
    repository: Path, tmp_path: Path
) -> None:
    text = (repository / "environment.yml").read_text()
    (tmp_path / "environment.yml").write_text(text.replace("python=3.12", "python >=3.11,<3.14"))
    assert conda(tmp_path, lambda pack: pack.python_version) == "3.10"


def test_the_environment_is_updated_when_all_files_are_there(
    repository: Path, dockerfile: str
) -> None:
    """Else `-e .` and the lock would be looked for where only environment.yml is."""
    steps = ["COPY --chown=1000:1000 src/ ${REPO_DIR}/", UPDATE, "RUN ./postBuild"]
    assert [dockerfile.count(step) for step in steps] == [1, 1, 1]
    places = [dockerfile.index(step) for step in steps]
    assert places == sorted(places)
    assert conda(repository, lambda pack: pack.get_preassemble_script_files()) == {}


def test_without_local_paths_only_the_environment_would_be_there(
    repository: Path, tmp_path: Path
) -> None:
    environment = {**ENVIRONMENT, "dependencies": ["python=3.12", {"pip": ["nbgitpuller"]}]}
    (tmp_path / "environment.yml").write_text(yaml.safe_dump(environment))
    files = conda(tmp_path, lambda pack: pack.get_preassemble_script_files())
    assert files == {"environment.yml": "environment.yml"}


def test_the_repository_stands_where_the_environment_is_updated(dockerfile: str) -> None:
    """In another folder than the home folder, too, as an image for Kubernetes has it."""
    assert "ARG REPO_DIR" in dockerfile
    assert dockerfile.index("WORKDIR ${REPO_DIR}") < dockerfile.index(UPDATE)


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

    def python(self, repository: Path, program: str) -> Any:
        return json.loads(self.run(repository, "python", "-c", program))

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


def test_post_build_may_be_executed() -> None:
    assert os.access(ROOT / "postBuild", os.X_OK)


def test_notebooks_open_with_the_preloaded_kernel(repository: Path, built: Environment) -> None:
    spec = built.python(
        repository,
        "import json\n"
        "from jupyter_client.kernelspec import KernelSpecManager\n"
        "print(json.dumps(KernelSpecManager().get_kernel_spec('python3').to_dict()))",
    )
    assert spec["display_name"] == "Python 3 (Keras preloaded)"
    assert spec["argv"][0] == str(built.prefix / "bin" / "python")
    book = nbformat.read(repository / "notebooks/ko/01_padding.ipynb", as_version=4)
    assert book.metadata.kernelspec.name == "python3"


def test_lab_reads_the_settings_of_the_course(repository: Path, built: Environment) -> None:
    settings = built.python(
        repository,
        "import json\n"
        "from pathlib import Path\n"
        "from jupyterlab.commands import get_app_dir\n"
        "from jupyterlab_server.settings_utils import _get_overrides\n"
        "folder = str(Path(get_app_dir(), 'settings'))\n"
        "print(json.dumps(_get_overrides(folder)[0]))",
    )
    assert settings["@jupyter-widgets/jupyterlab-manager:plugin"] == {"saveState": True}
    assert settings["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"


def test_kernels_keep_what_tensorflow_says_out_of_notebooks(
    repository: Path, built: Environment
) -> None:
    captured = built.python(
        repository,
        "import json\n"
        "from ipykernel.kernelapp import IPKernelApp\n"
        "app = IPKernelApp()\n"
        "app.init_profile_dir()\n"
        "app.init_config_files()\n"
        "app.load_config_file()\n"
        "print(json.dumps(app.capture_fd_output))",
    )
    assert captured is False


def test_the_saved_outputs_are_shown_before_they_are_run_again(
    repository: Path, built: Environment
) -> None:
    assert built.untrusted(repository) == []
