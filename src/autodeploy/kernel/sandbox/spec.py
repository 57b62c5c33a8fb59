"""What is to run in a sandbox: plain values, compared exactly by tests."""

import re
import resource
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from autodeploy.kernel.errors import InvalidInput

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

MIB = 1024**2
GIB = 1024**3
DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"


class Network(StrEnum):
    """``host`` shares the machine's network, ``none`` has only its own loopback."""

    HOST = "host"
    NONE = "none"


@dataclass(frozen=True)
class Bind:
    """A host folder or file that the sandbox sees at ``target``."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True)
class Limits:
    """What a sandbox may use. ``seconds`` None means that it may run for ever.

    ``file_bytes`` is the size of the largest file that it may write; None sets no limit.
    """

    memory_bytes: int = 2 * GIB
    processes: int = 512
    cpus: float | None = None
    open_files: int = 65536
    file_bytes: int | None = None
    seconds: float | None = None

    def within_our_own(self) -> "Limits":
        """These, lowered to the hard limits of this process, which a child cannot raise."""

        def lower(value: int, kind: int) -> int:
            hard = resource.getrlimit(kind)[1]
            return value if hard == resource.RLIM_INFINITY else min(value, hard)

        return replace(
            self,
            open_files=lower(self.open_files, resource.RLIMIT_NOFILE),
            processes=lower(self.processes, resource.RLIMIT_NPROC),
            memory_bytes=lower(self.memory_bytes, resource.RLIMIT_DATA),
        )


@dataclass(frozen=True)
class SandboxSpec:
    """One command and everything that it may see.

    ``uid`` and ``gid`` are what the command runs as when AutoDeploy is root; otherwise it runs
    as AutoDeploy's own user. ``environment`` is complete: nothing is inherited. ``terminal`` is
    whether its standard input is a terminal, which then interrupts it and tells it of new sizes.
    """

    name: str
    argv: tuple[str, ...]
    cwd: str
    uid: int
    gid: int
    binds: tuple[Bind, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    limits: Limits = Limits()
    network: Network = Network.HOST
    terminal: bool = False

    def __post_init__(self) -> None:
        if not self.argv or any("\0" in part for part in self.argv):
            raise InvalidInput("A sandbox needs a command without NUL characters.", field="argv")
        if not self.cwd.startswith("/") or any(not b.target.startswith("/") for b in self.binds):
            raise InvalidInput("Paths inside a sandbox are absolute.", field="binds")
        if self.uid <= 0 or self.gid <= 0:
            raise InvalidInput("A sandbox never runs its command as root.", field="uid")
        for key, value in self.environment.items():
            if not _VARIABLE.match(key) or "\0" in value:
                raise InvalidInput(
                    f"{key!r} cannot be an environment variable: names are letters, digits and "
                    "underscores, values hold no NUL.",
                    field="environment",
                )


@dataclass(frozen=True)
class SandboxStatus:
    """Whether sandboxes work on this machine, and if not, what to do about it."""

    ok: bool
    reason: str | None = None
    remedy: str | None = None


@dataclass(frozen=True)
class Outcome:
    """How a sandboxed command ended. A killed command has 128 plus its signal.

    ``too_many_processes`` is whether it was refused one, as far as the machine tells.
    """

    exit_code: int
    timed_out: bool = False
    out_of_memory: bool = False
    too_many_processes: bool = False
