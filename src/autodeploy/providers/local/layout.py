"""Where the local provider keeps its things below AUTODEPLOY_HOME, and whose they are."""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from uuid import UUID

_FIRST_UID = 300_000
_ABANDONED_SECONDS = 24 * 60 * 60


def app_uid(number: int) -> int:
    """The user (and group) of an app. The number is never reused, so neither is the user."""
    if number <= 0:
        raise ValueError("an app's number is positive")
    return _FIRST_UID + number


def inside(root_directory: str) -> str:
    """A project's root directory as its sandboxes see it."""
    return str(Path("/app", root_directory.strip("/")))


def database_name(database_id: UUID) -> str:
    """The name of a database and of its role: from our id, never from what a user wrote."""
    return f"app_{database_id.hex}"


@dataclass(frozen=True)
class Layout:
    """The folders and files of the local provider."""

    home: Path

    def new_build(self, deployment_id: UUID) -> Path:
        """A new folder (0700) for one attempt: a worker that was taken for dead may still have
        that of the attempt before, and removes it when it wakes."""
        return Path(mkdtemp(prefix=f"{deployment_id}-", dir=self.home / "builds"))

    def release(self, deployment_id: UUID) -> Path:
        return self.home / "releases" / str(deployment_id)

    def retired(self, deployment_id: UUID) -> Path:
        """A mark on a release that is to be removed, for the next agent if this one dies first."""
        return self.release(deployment_id) / "retired"

    def cache(self, number: int) -> Path:
        return self.home / "cache" / str(number)

    def standby(self, number: int) -> Path:
        """Where an unpacked artifact of an app waits to become a release."""
        return self.home / "standby" / str(number)

    @property
    def crons(self) -> Path:
        """What is known of commands that are run at their times; see ``agent/crons.py``."""
        return self.home / "crons"

    @property
    def routes(self) -> Path:
        return self.home / "routes"

    @property
    def caddy_config(self) -> Path:
        return self.home / "caddy" / "caddy.json"

    @property
    def caddy_admin(self) -> Path:
        return self.home / "run" / "caddy" / "admin.sock"

    @property
    def agent_socket(self) -> Path:
        return self.home / "run" / "runtime" / "runtime.sock"

    def ensure_folders(self) -> None:
        """Make the folders that others may pass through, but not list; what they hold is closed."""
        self.home.mkdir(parents=True, exist_ok=True)
        for name in ("builds", "cache", "releases", "standby"):
            folder = self.home / name
            folder.mkdir(exist_ok=True)
            folder.chmod(0o711)

    def remove_abandoned(self) -> None:
        """Remove retired releases, and what builds that were killed a day ago or more had made, or
        what has stood by for that long.

        A release that was built but never deployed has no ``app-number`` yet.
        """
        kinds = ("builds", "releases", "standby", "tmp")
        for folder in (one for kind in kinds for one in self.home.glob(f"{kind}/*")):
            old = time.time() - folder.lstat().st_mtime > _ABANDONED_SECONDS
            abandoned = old and not (folder / "app-number").exists()
            if abandoned or (folder / "retired").exists():
                shutil.rmtree(folder, ignore_errors=True)


def give_to_app(folder: Path, number: int) -> None:
    """Make ``folder`` and all in it the app's own. Links are not followed."""
    if os.geteuid() != 0:
        return
    uid = app_uid(number)
    os.lchown(folder, uid, uid)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.lchown(os.path.join(parent, name), uid, uid)  # noqa: PTH118 - 10 × faster


def ensure_app_folder(folder: Path, number: int) -> Path:
    """A folder of the app's own, closed to others. A link in its place is removed, not followed."""
    if folder.is_symlink():
        folder.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fchmod(handle, 0o700)
        if os.geteuid() == 0:
            os.fchown(handle, app_uid(number), app_uid(number))
    finally:
        os.close(handle)
    return folder
