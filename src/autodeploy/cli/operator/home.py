"""The home folder: its layout, its secrets, and the lock that lets one `up` run on it."""

import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from autodeploy.cli.failures import CommandError
from autodeploy.kernel.embedded.parts import can_execute
from autodeploy.kernel.private_files import create_private_file
from autodeploy.kernel.process import SystemUser, start_time
from autodeploy.settings import Settings

_OPEN_FOLDERS = ("run", "routes", "releases")  # others pass through, by name only
_PRIVATE_FOLDERS = ("secrets", "logs", "objects", "outbox")
# A first start writes 50 MB; below this PostgreSQL cannot even go on with what it has.
_LEAST_FREE_BYTES = 128 * 1024**2


@dataclass(frozen=True)
class RunningUp:
    """The `up` that holds a home folder, as it wrote itself into ``up.json``."""

    pid: int
    start_ticks: int
    api_url: str
    proxy_port: int

    def is_alive(self) -> bool:
        """Whether that very process still runs; a pid alone may belong to another by now."""
        return start_time(self.pid) == self.start_ticks


class HomeInUse(CommandError):
    """Another `up` holds the home folder."""

    def __init__(self, home: Path, running: RunningUp | None):
        pid = f" (pid {running.pid})" if running else ""
        super().__init__(
            f"AutoDeploy already runs on {home}{pid}.",
            remedy="Stop it with `autodeploy down`, or name another AUTODEPLOY_HOME.",
            code="home_in_use",
        )
        self.running = running


def prepare_home(settings: Settings, user: SystemUser | None) -> None:
    """Make the folders. Raises ``CommandError`` when that is not allowed or not reachable."""
    home = settings.home
    try:
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o711)
        for name in _OPEN_FOLDERS:
            (home / name).mkdir(exist_ok=True)
            (home / name).chmod(0o711)
        for name in _PRIVATE_FOLDERS:
            (home / name).mkdir(exist_ok=True)
            (home / name).chmod(0o700)
    except OSError as error:
        raise CommandError(
            f"{home} cannot be used: {error.strerror}.",
            remedy="Name a folder that you may write to with AUTODEPLOY_HOME.",
            code="home_unusable",
        ) from error
    if user is not None and not can_execute(home, user):
        raise CommandError(
            f"The user {user.name}, which runs the database and the proxy, cannot reach {home}.",
            remedy="Choose a home below folders that others may pass, such as "
            "AUTODEPLOY_HOME=/var/lib/autodeploy.",
            code="home_unusable",
        )


def require_space(home: Path) -> None:
    """Raise ``CommandError`` when the disk of the home is full, or nearly so."""
    free = shutil.disk_usage(home).free
    if free < _LEAST_FREE_BYTES:
        raise CommandError(
            f"The disk of {home} is full: {free // 1024**2} MB are free, AutoDeploy needs "
            f"{_LEAST_FREE_BYTES // 1024**2} MB to start.",
            remedy="Remove something, or name a folder on another disk with AUTODEPLOY_HOME.",
            code="disk_full",
        )


def ensure_secrets(settings: Settings) -> None:
    """Generate what a first start needs, each file readable by us alone, none ever replaced."""
    if not settings.database_url:
        _create_secret(settings.postgres_password_file)
    if not all(path.exists() for _, path in settings.key_files):
        generate_keys(settings)


def generate_keys(settings: Settings) -> list[Path]:
    """Make the master key and the signing key where they are needed and missing; returns the new
    ones."""
    from autodeploy.kernel.signing import generate_signing_key
    from autodeploy.kernel.vault import generate_master_key_file

    made = []
    for _, path in settings.key_files:
        if not path.exists():
            is_master = path == settings.master_key_file
            (generate_master_key_file if is_master else generate_signing_key)(path)
            made.append(path)
    return made


def _create_secret(path: Path) -> None:
    if not path.exists():
        create_private_file(path, f"{secrets.token_urlsafe(32)}\n".encode())


def read_running(home: Path) -> RunningUp | None:
    """The last `up` of this home, alive or not; None when there was none or its note is damaged."""
    try:
        return TypeAdapter(RunningUp).validate_json((home / "up.json").read_bytes(), strict=True)
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None


@contextmanager
def hold_home(settings: Settings) -> Iterator[bool]:
    """Hold the home for this process; yields whether an earlier `up` was killed on it.

    The lock is the kernel's: it goes with the process, however that ends. Raises ``HomeInUse``.
    """
    home = settings.home
    with _locked(home):
        killed = read_running(home) is not None
        ticks = start_time(os.getpid())
        assert ticks is not None
        ours = RunningUp(os.getpid(), ticks, settings.api_url, settings.proxy_port)
        try:
            (home / "up.json").write_text(json.dumps(asdict(ours)))
            yield killed
        finally:
            (home / "up.json").unlink(missing_ok=True)


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    path = home / "up.lock"
    while True:
        with path.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise HomeInUse(home, _wait_for_running(home)) from None
            if not _is_file_of(lock.fileno(), path):
                continue  # its last holder removed the file between our opening and locking it
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _is_file_of(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _wait_for_running(home: Path) -> RunningUp | None:
    """The holder of the lock, which writes its name a moment after it got it."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        running = read_running(home)
        if running is not None and running.is_alive():
            return running
        time.sleep(0.05)
    return None
