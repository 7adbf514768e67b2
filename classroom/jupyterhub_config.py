"""A hub that serves the course to a class from one Linux machine: run it with `sudo make hub`.

Each of these environment variables has a default:

| variable | what it sets |
|---|---|
| COURSE | the language of the first page; that of the locale, if the course has it |
| MASKLENS_CLASS_FOLDER | where the hub keeps what it knows: /srv/masklens |
| MASKLENS_CLASS_GROUP | the group of the students: masklens; the teachers' is GROUP-teachers |
| MASKLENS_CLASS_ADDRESS, MASKLENS_CLASS_PORT | where: everywhere, 8000 and the next two |
| MASKLENS_CLASS_CERTIFICATE, MASKLENS_CLASS_KEY | files for https: none |
| MASKLENS_CLASS_DOMAIN | gives each server a name below it, as https://hub.example.org: none |
| MASKLENS_CLASS_IDLE | seconds until an idle server is stopped: 3600; idle kernels take half |
| MASKLENS_CLASS_MEMORY | what a student's server and notebooks may use, with systemd: 4G |
| MASKLENS_KERNEL_MEMORY | MiB that one notebook may use: 2048 |
| MASKLENS_COURSE_REPOSITORY, MASKLENS_COURSE_BRANCH | where the course is from: this one, main |
"""

import asyncio
import gettext
import grp
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

from jupyterhub.spawner import LocalProcessSpawner
from jupyterhub.utils import can_connect
from systemdspawner import SystemdSpawner

HERE = Path(__file__).resolve().parent
SYSTEMD = Path("/run/systemd/system").exists()
TASKS = "512"  # processes and threads of one student
# As nobody; and it ends with the hub, however that ends.
CULLER = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--pdeathsig=TERM"]
CULLER += [sys.executable, "-I", "-m", "jupyterhub_idle_culler"]

c = get_config()  # noqa: F821 - JupyterHub defines it where it reads this file


def setting(name, default=""):
    """A setting from the environment; an empty one is none."""
    return os.environ.get(f"MASKLENS_{name}") or default


def _(text):
    """A text in every language of the course: nobody has told the hub which one they read."""
    folder = HERE / "locale"
    codes = sorted(path.name for path in folder.iterdir())
    known = [gettext.translation("classroom", folder, [code]).gettext(text) for code in codes]
    return " / ".join([*known, text])


def need(held, message):
    """Ends a hub that could not serve, before it starts, with one line that says what to do."""
    if not held:
        sys.exit(f"The hub was not started: {message}")


def number(name, default):
    """A setting that is a whole number."""
    text = setting(name, default)
    need(text.isdecimal(), f"MASKLENS_{name} must be a whole number, and is {text!r}.")
    return int(text)


def members(group):
    """The names in a group of the system; none where there is no such group."""
    return next((one.gr_mem for one in grp.getgrall() if one.gr_name == group), [])


students = setting("CLASS_GROUP", "masklens")
teachers = f"{students}-teachers"
folder = Path(setting("CLASS_FOLDER", "/srv/masklens"))
private = folder / "hub"
port, idle = number("CLASS_PORT", "8000"), number("CLASS_IDLE", "3600")
repository = setting("COURSE_REPOSITORY", str(HERE.parent))
course = tomllib.loads((HERE.parent / "course.toml").read_text(encoding="utf-8"))
locale = re.split("[_.]", os.environ.get("LANG", ""))[0]
known = [*course["languages"]]
language = os.environ.get("COURSE") or (locale if locale in known else known[0])
first = next(iter(course["lessons"]))
beside = Path(sys.prefix, "node_modules", ".bin", "configurable-http-proxy")
proxy = str(beside) if beside.exists() else shutil.which("configurable-http-proxy")

need(os.geteuid() == 0, "it needs root, to run servers under the students' accounts: use sudo.")
need(shutil.which("node"), "there is no Node.js (Debian, Ubuntu: apt install nodejs npm).")
need(proxy, "there is no configurable-http-proxy: make .venv/node.")
made = members(students) and Path("/etc/pam.d", students).exists()
need(made, f"the group {students} has no accounts: make accounts NAMES=students.txt TEACHER=name.")
for path in (Path(sys.executable).resolve(), Path(sys.prefix), HERE):
    for part in (path, *path.parents):
        advice = f"move the course to /opt, or: chmod o+x '{part}'"
        need(part.stat().st_mode & 0o001, f"students cannot read {path}: {advice}")
try:
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    for closed in (private, private / "logs"):
        closed.mkdir(mode=0o700, exist_ok=True)
    # Git copies nobody else's repository unasked.
    safe = f"[safe]\n\tdirectory = {repository}\n\tdirectory = {repository}/.git\n"
    (folder / "gitconfig").write_text(safe)
except OSError as error:
    need(False, f"{folder} cannot be written to: {error.strerror}.")
need(shutil.disk_usage(folder).free > 100 * 2**20, f"the disk of {folder} is full: make room.")
# The next hub ends the proxy of one that crashed, and must not end what has its number by now.
left = private / "proxy.pid"
command = Path("/proc", left.read_text().strip() if left.exists() else "none", "cmdline")
if not command.exists() or "configurable-http-proxy" not in command.read_text():
    left.unlink(missing_ok=True)
for taken in () if left.exists() else (port, port + 1, port + 2):
    with socket.socket() as probe:
        free = probe.connect_ex(("127.0.0.1", taken))
    need(free, f"port {taken} is in use: choose another with MASKLENS_CLASS_PORT.")


class Server(SystemdSpawner if SYSTEMD else LocalProcessSpawner):
    """A standard spawner, which says why a server ended instead of waiting for it to answer."""

    async def start(self):
        """Starts the server, and waits until it answers or ends."""
        log = private / "logs" / f"{self.user.name}.log"
        try:
            if self.user.name not in [*members(students), *members(teachers)]:
                raise LookupError(f"the class has no account {self.user.name!r}")
            with log.open("wb") as output:
                self.popen_kwargs = {"stdout": output, "stderr": subprocess.STDOUT}
                where = await asyncio.wait_for(super().start(), 10)
            while not can_connect(*where):
                if await self.poll() is not None:
                    raise ChildProcessError(log.read_text(errors="replace").strip()[-500:])
                await asyncio.sleep(0.5)
        except (LookupError, OSError, TimeoutError) as error:
            why = str(error) or "it did not begin within 10 seconds"
            said = _("The server did not start")
            error.jupyterhub_message = f"{said}: {why}"
            self.log.error("The server of %s did not start: %s", self.user.name, why)
            raise
        return where


c.JupyterHub.db_url = f"sqlite:///{private}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = str(private / "cookie_secret")
c.JupyterHub.pid_file = str(private / "hub.pid")
c.JupyterHub.ssl_cert, c.JupyterHub.ssl_key = setting("CLASS_CERTIFICATE"), setting("CLASS_KEY")
c.JupyterHub.bind_url = (
    f"http{'s' * bool(c.JupyterHub.ssl_cert)}://{setting('CLASS_ADDRESS')}:{port}"
)
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{port + 1}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{port + 2}"
c.ConfigurableHTTPProxy.command = [proxy]
c.ConfigurableHTTPProxy.pid_file = str(left)
c.JupyterHub.subdomain_host = setting("CLASS_DOMAIN")
# Then no server below the domain can set a cookie that the hub would take for its own.
c.JupyterHub.cookie_host_prefix_enabled = setting("CLASS_DOMAIN").startswith("https:")

# A wrong password waits in a thread of its own; how long, stands in classroom/pam.
c.JupyterHub.authenticator_class = "pam"
c.Authenticator.delete_invalid_users = True
c.PAMAuthenticator.service = students
c.PAMAuthenticator.executor_threads = 200
c.PAMAuthenticator.allowed_groups = {students, teachers}
c.JupyterHub.template_vars = {
    "announcement_login": _("Type the name and the password that your teacher gave you.")
}

# Nobody makes tokens. A teacher sees, starts and stops servers, and enters none but their own.
own = ["access:servers", "servers", "users:activity", "read:users:name", "read:users:groups"]
idle_scopes = ["list:users", "read:users:activity", "read:servers", "delete:servers"]
teaching = ["admin-ui", "list:users", "read:users", "servers"]
every = f"--cull-every={max(1, min(300, idle // 10))}"
c.JupyterHub.services = [{"name": "culler", "command": [*CULLER, f"--timeout={idle}", every]}]
c.JupyterHub.load_roles = [
    {"name": "user", "scopes": [f"{scope}!user" for scope in own]},
    {"name": "teacher", "scopes": teaching, "users": members(teachers)},
    {"name": "culler", "scopes": idle_scopes, "services": ["culler"]},
]

c.JupyterHub.spawner_class = Server
c.Spawner.cmd = [str(HERE / "server")]
c.Spawner.disable_user_config = True
c.Spawner.default_url = f"/lab/tree/masklens/notebooks/{language}/{first}.ipynb"
# A class that comes in at once waits for the processors.
c.Spawner.start_timeout = 300
c.Spawner.args = [
    # Sockets of files, which are their owner's alone: anybody can listen at a kernel's TCP port.
    "--KernelManager.transport=ipc",
    f"--MappingKernelManager.cull_idle_timeout={idle // 2}",
    # When the hub is gone, its culler is, too.
    f"--ServerApp.shutdown_no_activity_timeout={2 * idle}",
]
c.SystemdSpawner.mem_limit, c.SystemdSpawner.cpu_limit = setting("CLASS_MEMORY", "4G"), 2
c.SystemdSpawner.isolate_tmp = True
output = f"truncate:{private}/logs/{{USERNAME}}.log"
c.SystemdSpawner.unit_extra_properties = {"TasksMax": TASKS, "StandardOutput": output}
c.Spawner.env_keep = []
c.Spawner.environment = {
    "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
    "LANG": "C.UTF-8",
    # Short enough for the path of a socket.
    "JUPYTER_RUNTIME_DIR": lambda server: f"{pwd.getpwnam(server.user.name).pw_dir}/.run",
    "JUPYTER_PATH": f"{sys.prefix}/preloaded/share/jupyter",
    # nbgrader's formgrader is the teacher's.
    "JUPYTER_CONFIG_PATH": lambda server: (
        "" if server.user.name in members(teachers) else f"{HERE}/students"
    ),
    "GIT_CONFIG_SYSTEM": str(folder / "gitconfig"),
    "MASKLENS_PYTHON": sys.executable,
    "MASKLENS_TASKS": TASKS,
    "MASKLENS_LANGUAGE": language,
    "MASKLENS_COURSE_REPOSITORY": repository,
    "MASKLENS_COURSE_BRANCH": setting("COURSE_BRANCH", "main"),
    "MASKLENS_KERNEL_MEMORY": str(number("KERNEL_MEMORY", "2048")),
    "MASKLENS_KERNEL_IDLE": "60",
    **dict.fromkeys(["TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"], "1"),
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "CUDA_VISIBLE_DEVICES": "",
}
