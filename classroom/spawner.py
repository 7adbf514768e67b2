"""Starts each student's server under a uid of its own, with the course in the home folder."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyterhub.spawner import LocalProcessSpawner
from tornado.web import HTTPError
from traitlets import Integer, Unicode

from classroom.students import Home, both, home_of

LANGUAGES = {"ko": "한국어", "en": "English"}
PULL = Path(__file__).parent / "pull.py"
# A server starts in the home folder. Without -P, its modules would be looked for there first, and a
# student's own random.py would keep it from starting.
SERVER = [sys.executable, "-P", "-m", "jupyterhub.singleuser"]
FORM = """
<fieldset class="form-group">
  <legend>언어 / Language</legend>
  {choices}
</fieldset>
"""
CHOICE = """
  <div class="form-check form-check-inline">
    <input class="form-check-input" type="radio" name="language" value="{code}" id="language-{code}"
           {checked} required>
    <label class="form-check-label" for="language-{code}" lang="{code}">{label}</label>
  </div>
"""


def end_all(uid: int) -> None:
    """Ends every process of a student."""
    # All that this uid may signal, and nothing else; it may be unable to run Python.
    command = ["/bin/sh", "-c", "kill -KILL -1"]
    subprocess.run(command, user=uid, group=uid, extra_groups=[], cwd="/", check=False)


class StudentSpawner(LocalProcessSpawner):  # type: ignore[misc]  # it has no type hints
    """A server for one student: own uid, own home folder, own language."""

    folder = Unicode(config=True, help="The class's folder.")
    first_uid = Integer(config=True, help="The uids of students begin here.")
    course_repository = Unicode(config=True, help="The address or path of the course's repository.")
    course_branch = Unicode(config=True, help="The branch of the course.")
    course_folder = Unicode(config=True, help="What the course is called in a home folder.")
    pull_timeout = Integer(60, config=True, help="Seconds after which a server starts anyway.")

    def options_form(self, _spawner: Any = None) -> str:
        """The choice of a language; chosen already is the last one, or the browser's."""
        chosen = self._language()
        return FORM.format(
            choices="".join(
                CHOICE.format(code=code, label=label, checked="checked" * (code == chosen))
                for code, label in LANGUAGES.items()
            )
        )

    def options_from_form(self, form: dict[str, list[str]]) -> dict[str, str]:
        """The student's choice, out of the form or an address such as /hub/spawn?language=ko."""
        return {"language": self._known((form.get("language") or [""])[0])}

    def apply_user_options(self, _spawner: Any, options: dict[str, Any]) -> None:
        """Takes a choice over; whatever else the hub's API was given is refused."""
        if options:
            self._known(options.get("language"))

    @staticmethod
    def _known(language: Any) -> str:
        if language not in LANGUAGES:
            raise HTTPError(
                400,
                both(
                    "한국어(ko)와 영어(en) 중에서 고르세요.", "Choose Korean (ko) or English (en)."
                ),
            )
        return str(language)

    def _language(self) -> str:
        last = self.user_options or self.orm_spawner.user_options or {}
        if last.get("language") in LANGUAGES:
            return str(last["language"])
        request = getattr(self.handler, "request", None)
        wanted = request.headers.get("Accept-Language", "") if request else ""
        return "ko" if wanted.startswith("ko") else "en"

    def home(self) -> Home:
        """The student's home folder and uid."""
        return home_of(self.user.name, Path(self.folder) / "homes", self.first_uid)

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """Adds what an account's login would set: there is no account."""
        home = self.home()
        name, run = self.user.name, Path(self.folder) / "run" / str(home.uid)
        return env | {
            "HOME": str(home.folder),
            "USER": name,
            "LOGNAME": name,
            "SHELL": "/bin/bash",
            "XDG_RUNTIME_DIR": str(run),
            "JUPYTER_RUNTIME_DIR": str(run),
            "MASKLENS_LANGUAGE": self._language(),
        }

    def make_preexec_fn(self, name: str) -> Callable[[], None] | None:
        """Nothing runs in the child: Popen itself changes the uid."""
        return None

    async def start(self) -> tuple[str, int]:
        """Brings the course up to date, then starts the server."""
        try:
            home = self.home()
            self._make_run_folder(home)
            # Not in the home folder, where a link of the student's could point root elsewhere.
            log = (Path(self.folder) / "logs" / f"{home.uid}.log").open("ab")
        except (OSError, ValueError) as error:
            self.log.error("No home folder for %s: %s", self.user.name, error)
            raise HTTPError(
                500,
                both(
                    f"홈 폴더를 만들 수 없습니다. 선생님에게 알려 주세요: {error}",
                    f"Your home folder cannot be made. Tell your teacher: {error}",
                ),
            ) from error
        self.popen_kwargs = {
            "user": home.uid,
            "group": home.uid,
            "extra_groups": [],
            "umask": 0o077,
            "cwd": home.folder,
            "stdin": subprocess.DEVNULL,
            "stderr": subprocess.STDOUT,
        }
        with log:
            self.popen_kwargs["stdout"] = log
            await self._pull(home)
            self.default_url = self._first_page(home)
            address: tuple[str, int] = await super().start()
        return address

    def _make_run_folder(self, home: Home) -> None:
        """Makes the folder of a student's sockets and connection files."""
        run = Path(self.folder) / "run" / str(home.uid)
        run.mkdir(mode=0o700, exist_ok=True)
        os.chown(run, home.uid, home.uid)

    async def _pull(self, home: Home) -> None:
        """Puts the course's newest version into the home folder, without a change that is lost.

        The server starts whatever happens: what is there already can be worked on.
        """
        course = home.folder / self.course_folder
        command = [sys.executable, str(PULL), "--strict"]
        command += [self.course_repository, self.course_branch, str(course)]
        done = await asyncio.create_subprocess_exec(
            *command, env=self.get_env(), start_new_session=True, **self.popen_kwargs
        )
        try:
            status = await asyncio.wait_for(done.wait(), self.pull_timeout)
        except TimeoutError:
            os.killpg(done.pid, signal.SIGKILL)
            status = await done.wait()
        if status:
            self.log.warning(
                "The course was not brought up to date for %s (status %d, see logs/%d.log).",
                self.user.name,
                status,
                home.uid,
            )

    def _first_page(self, home: Home) -> str:
        page = f"{self.course_folder}/notebooks/{self._language()}/00_start.ipynb"
        return f"/lab/tree/{page}" if (home.folder / page).exists() else "/lab"

    async def _signal(self, sig: int) -> bool:
        """Signals the server; another process may have its pid since the machine was restarted."""
        try:
            owner = Path(f"/proc/{self.pid}").stat().st_uid
        except FileNotFoundError:
            return False
        return owner == self.home().uid and bool(await super()._signal(sig))

    async def stop(self, now: bool = False) -> None:
        """Stops the server, and whatever else the student has left running."""
        await super().stop(now)
        end_all(self.home().uid)
