"""A hub that serves the course to a class from one Linux machine: run it with `make hub`.

Each of these environment variables has a default:

| variable | what it sets |
|---|---|
| MASKLENS_CLASS_FOLDER | where everything is kept: /srv/masklens |
| MASKLENS_CLASS_PORT | the port that students open: 8000; the next two serve the hub itself |
| MASKLENS_CLASS_ADDRESS | the network address it listens at: 0.0.0.0, which is every one |
| MASKLENS_CLASS_CERTIFICATE, MASKLENS_CLASS_KEY | files for https: none |
| MASKLENS_CLASS_TEACHER | the teacher's name, who sees everybody's server at /hub/admin: none |
| MASKLENS_CLASS_OPEN | 1: names need not be in students.txt |
| MASKLENS_CLASS_STUDENTS | how many are expected, to share the processors among: 30 |
| MASKLENS_CLASS_IDLE | seconds until an idle server is stopped: 3600; idle kernels take half |
| MASKLENS_CLASS_KERNELS | preloaded, or plain |
| MASKLENS_CLASS_FIRST_UID | the students' uids begin here: 200000 |
| MASKLENS_COURSE_REPOSITORY | the address or path of the course's git repository: this one |
| MASKLENS_COURSE_BRANCH | its branch: the one that is checked out |
| MASKLENS_COURSE_FOLDER | what the course is called in a home folder: masklens |
| MASKLENS_KERNEL_MEMORY | MiB that a notebook may use: 2048 |
| MASKLENS_KERNEL_IDLE | seconds until preloaded libraries that no notebook uses go: 60 |
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from classroom import checks  # noqa: E402 - it is found only now
from classroom.spawner import SERVER, StudentSpawner  # noqa: E402
from classroom.students import ClassAuthenticator  # noqa: E402

c = get_config()  # noqa: F821 - JupyterHub defines it where it reads this file


def setting(name, default):
    """A setting from the environment; an empty one is none."""
    return os.environ.get(f"MASKLENS_{name}") or default


def number(name, default):
    """A setting that is a whole number."""
    text = setting(name, str(default))
    if not text.isdecimal():
        checks.stop(f"MASKLENS_{name} must be a whole number, and is {text!r}.")
    return int(text)


folder = Path(setting("CLASS_FOLDER", checks.FOLDER)).resolve()
address, port = setting("CLASS_ADDRESS", "0.0.0.0"), number("CLASS_PORT", 8000)
first_uid, idle = number("CLASS_FIRST_UID", checks.FIRST_UID), number("CLASS_IDLE", 3600)
everybody = setting("CLASS_OPEN", "") == "1"
repository = setting("COURSE_REPOSITORY", str(HERE.parent))
proxy_pid = folder / "hub" / "proxy.pid"

checks.check_machine()
proxy = checks.find_proxy()
checks.make_folders(folder)
checks.check_students(folder, everybody)
checks.check_ports(address, (port, port + 1, port + 2), proxy_pid)
checks.check_readable(first_uid, repository)

# Students read the settings that are written here; what the hub itself keeps is root's alone.
os.umask(0o022)
c.JupyterHub.db_url = f"sqlite:///{folder}/hub/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = str(folder / "hub" / "cookie_secret")
c.FirstUseAuthenticator.dbm_path = str(folder / "hub" / "passwords")

c.JupyterHub.pid_file = str(folder / "hub" / "hub.pid")

certificate, key = setting("CLASS_CERTIFICATE", ""), setting("CLASS_KEY", "")
c.JupyterHub.bind_url = f"{'https' if certificate else 'http'}://{address}:{port}"
c.JupyterHub.ssl_cert, c.JupyterHub.ssl_key = certificate, key
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{port + 1}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{port + 2}"
c.ConfigurableHTTPProxy.command = [proxy]
c.ConfigurableHTTPProxy.pid_file = str(proxy_pid)
c.ConfigurableHTTPProxy.log_level = "error"

# Students work on while the hub is restarted; stop.py ends everything. A hub that finds its proxy
# dead starts another.
c.JupyterHub.cleanup_servers = False
c.JupyterHub.cleanup_proxy = False

# Who may log in: names on the list, each with the password of its first login.
c.JupyterHub.authenticator_class = ClassAuthenticator
c.ClassAuthenticator.names_file = str(folder / "students.txt")
c.ClassAuthenticator.everybody = everybody
c.ClassAuthenticator.any_allow_config = True
c.ClassAuthenticator.admin_users = {setting("CLASS_TEACHER", "")} - {""}
c.FirstUseAuthenticator.min_password_length = 8
c.JupyterHub.template_paths = [str(HERE / "templates")]
c.JupyterHub.template_vars = {
    "announcement_login": "처음 로그인할 때 입력한 비밀번호가 내 비밀번호가 됩니다. / "
    "The password that you type at your first login becomes yours."
}

c.JupyterHub.spawner_class = StudentSpawner
c.StudentSpawner.folder = str(folder)
c.StudentSpawner.first_uid = first_uid
c.StudentSpawner.course_repository = repository
c.StudentSpawner.course_branch = setting("COURSE_BRANCH", "") or checks.branch_of(repository)
c.StudentSpawner.course_folder = setting("COURSE_FOLDER", "masklens")
c.StudentSpawner.cmd = SERVER
# A class that comes in at once waits for the processors.
c.Spawner.start_timeout = 300
c.Spawner.http_timeout = 300

# Sockets of files, which are their owner's alone: what a kernel prints is readable at its TCP port.
c.Spawner.args = [
    "--KernelManager.transport=ipc",
    f"--MappingKernelManager.cull_idle_timeout={idle // 2}",
    f"--MappingKernelManager.cull_interval={max(1, min(300, idle // 10))}",
    # When the hub is gone, its culler is, too.
    f"--ServerApp.shutdown_no_activity_timeout={2 * idle}",
]
threads = str(max(1, (os.cpu_count() or 1) // max(1, number("CLASS_STUDENTS", 30))))
jupyter_path = []
if setting("CLASS_KERNELS", "preloaded") == "preloaded":
    jupyter_path.append(str(folder / "kernels" / "share" / "jupyter"))
    command = [sys.executable, "-m", "masklens_kernel", "install", "--prefix", folder / "kernels"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
c.Spawner.environment = {
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.defpath]),
    "LANG": "C.UTF-8",
    "JUPYTER_CONFIG_PATH": str(checks.write_lab_settings(folder, HERE / "overrides.json")),
    "JUPYTER_PATH": os.pathsep.join(jupyter_path),
    "GIT_CONFIG_SYSTEM": str(checks.write_git_settings(folder, repository)),
    "TF_NUM_INTRAOP_THREADS": threads,
    "TF_NUM_INTEROP_THREADS": threads,
    "OMP_NUM_THREADS": threads,
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "CUDA_VISIBLE_DEVICES": "",
    "MASKLENS_KERNEL_IDLE": str(number("KERNEL_IDLE", 60)),
    "MASKLENS_KERNEL_MEMORY": str(number("KERNEL_MEMORY", 2048)),
}
c.Spawner.env_keep = []

# Stops servers that nobody uses. It ends with the hub, however that ends.
c.JupyterHub.services = [
    {
        "name": "idle-culler",
        "command": [
            *("setpriv", "--pdeathsig", "TERM"),
            *(sys.executable, "-m", "jupyterhub_idle_culler"),
            *(f"--timeout={idle}", f"--cull-every={max(1, min(300, idle // 10))}"),
        ],
    }
]
c.JupyterHub.load_roles = [
    {
        "name": "idle-culler",
        "services": ["idle-culler"],
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
    }
]

os.umask(0o077)
