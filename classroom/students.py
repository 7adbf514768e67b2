"""Who is in the class: how names are read, who may log in, and whose home folder is whose."""

import fcntl
import os
import pwd
import tempfile
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firstuseauthenticator import FirstUseAuthenticator
from jupyterhub.auth import Authenticator
from tornado.web import HTTPError
from traitlets import Bool, Unicode, default

LONGEST_NAME = 32  # characters; as the name of a folder, Hangul takes three bytes each
LONGEST_PASSWORD = 72  # bytes; bcrypt reads no more


def both(korean: str, english: str) -> str:
    """A message for a class that reads two languages."""
    return f"{korean} / {english}"


def read_name(typed: str) -> str:
    """The one form of a name: a Mac types 김민지 in parts, and spaces are easily doubled.

    >>> read_name("  Kim   MinJi ")
    'kim minji'
    >>> read_name("\u1100\u1175\u11b7") == "김"
    True
    """
    return " ".join(unicodedata.normalize("NFC", typed).lower().split())


def is_name(name: str) -> bool:
    """Whether a name, as `read_name` gives it, can also name a folder.

    >>> [is_name(name) for name in ("김민지", "kim minji", "o-neil_2@home", "..", "a/b", "")]
    [True, True, True, False, False, False]
    """
    return (
        0 < len(name) <= LONGEST_NAME
        and not name.startswith((".", "-", "@"))
        and all(c in " ._-@" or unicodedata.category(c)[0] in "LMN" for c in name)
    )


@dataclass(frozen=True)
class Home:
    """A student's home folder; its owner is the student's uid and gid."""

    folder: Path
    uid: int


def home_of(name: str, homes: Path, first_uid: int) -> Home:
    """Finds a student's home folder, or makes it, owned by a uid that no other one has.

    Args:
        name: as `read_name` gives it.
        homes: the folder of all home folders.
        first_uid: the uids of students begin here.

    Raises:
        ValueError: the name cannot name a folder, or somebody else owns the folder.
        OSError: the folder cannot be made.
    """
    if not is_name(name):
        raise ValueError(f"{name!r} cannot be the name of a home folder")
    folder = homes / name
    lock = os.open(homes, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _make_home(folder, first_uid)
    finally:
        os.close(lock)
    uid = folder.lstat().st_uid
    if folder.is_symlink() or uid < first_uid:
        # A server that ran as root would own the machine.
        raise ValueError(
            f"{folder} belongs to the uid {uid}, which is no student's (they begin at {first_uid})."
            f" Give it to one of its own: chown -R UID:UID '{folder}'"
        )
    return Home(folder, uid)


def _make_home(folder: Path, first_uid: int) -> None:
    taken = {home.lstat().st_uid for home in folder.parent.iterdir()}
    uid = max([first_uid - 1, *taken]) + 1
    while _has_account(uid):
        uid += 1
    # It has its name only when it has its owner, whatever happens in between.
    made = Path(tempfile.mkdtemp(prefix=".", dir=folder.parent))
    try:
        os.chown(made, uid, uid)
        made.rename(folder)
    except OSError:
        made.rmdir()
        raise


def _has_account(uid: int) -> bool:
    with suppress(KeyError):
        pwd.getpwuid(uid)
        return True
    return False


class ClassAuthenticator(FirstUseAuthenticator):  # type: ignore[misc]  # it has no type hints
    """Lets in who is on the teacher's list, with the password of their first login."""

    names_file = Unicode(
        config=True, help="The teacher's list: one name a line, # begins a comment."
    )
    everybody = Bool(False, config=True, help="Whether names need not be on the list.")

    @default("allow_all")
    def _allow_all_default(self) -> bool:
        # Only check_allowed() decides.
        return False

    def normalize_username(self, username: str) -> str:
        """The one form of a name."""
        return read_name(username)

    def validate_username(self, name: str) -> bool:
        """Whether somebody can have this name; with spaces, too, unlike FirstUseAuthenticator."""
        return is_name(name) and Authenticator.validate_username(self, name)

    def listed(self) -> set[str]:
        """The names on the list; read anew, because a class grows while the hub runs."""
        path = Path(self.names_file)
        lines = path.read_text(encoding="utf-8-sig").splitlines() if path.exists() else []
        return {read_name(line.partition("#")[0]) for line in lines} - {""}

    def check_allowed(self, username: str, authentication: Any = None) -> bool:
        """Whether the class is open to this name."""
        return self.everybody or username in self.admin_users | self.listed()

    async def authenticate(self, handler: Any, data: dict[str, str]) -> str | None:
        """The student's name, if the name is one of the class and the password is theirs.

        Names come first: FirstUseAuthenticator would keep the password of a stranger, and with it
        the stranger could log in once the name is on the list.
        """
        name, password = self.normalize_username(data["username"]), data.get("password", "")
        handler.custom_login_error = self._fault(name, password)
        if handler.custom_login_error:
            return None
        found = await super().authenticate(handler, {"username": name, "password": password})
        if not found:
            known = handler.custom_login_error
            handler.custom_login_error = (
                self._too_short()
                if known
                else both(
                    "비밀번호가 다릅니다. 잊었다면 선생님이 지울 수 있습니다.",
                    "This is not the password of your first login. Your teacher can reset it.",
                )
            )
        return found

    def _fault(self, name: str, password: str) -> str:
        if not self.validate_username(name):
            return both(
                f"이름에는 글자, 숫자, 빈칸과 . _ - @ 만 {LONGEST_NAME}자까지 쓸 수 있고, "
                "글자나 숫자로 시작해야 합니다.",
                f"A name has at most {LONGEST_NAME} letters, digits, spaces and . _ - @, "
                "and begins with a letter or digit.",
            )
        if not self.check_allowed(name):
            return both(
                "명단에 없는 이름입니다. 선생님이 적은 그대로 입력했는지 확인하세요.",
                "This name is not on the list. Type it as your teacher wrote it.",
            )
        if not password:
            return both("비밀번호를 입력하세요.", "Type a password.")
        if len(password.encode()) > LONGEST_PASSWORD:
            return both(
                f"비밀번호가 너무 깁니다. 한글은 {LONGEST_PASSWORD // 3}자까지 쓸 수 있습니다.",
                f"The password is too long; the limit is {LONGEST_PASSWORD} bytes.",
            )
        return ""

    def _too_short(self) -> str:
        return both(
            f"처음 로그인할 때 정하는 비밀번호는 {self.min_password_length}자 이상이어야 합니다.",
            "The password that you choose at the first login needs at least "
            f"{self.min_password_length} characters.",
        )

    def reset_password(self, username: str, new_password: str) -> str:
        """Changes a password; says what is wrong with one that is too long."""
        if len(new_password.encode()) > LONGEST_PASSWORD:
            raise HTTPError(400, self._fault(username, new_password))
        return str(super().reset_password(username, new_password))
