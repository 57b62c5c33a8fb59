"""From a ``SandboxSpec`` to the argument array that runs it. Nothing here touches the system.

As root, bubblewrap builds real namespaces with our rights, so that it can bind folders below
private parents; the first program inside is ``setpriv``, which becomes the app's user for good.
The user's environment is applied only after that, from a file that exists only inside: if it
were the environment of bubblewrap or of setpriv, ``LD_PRELOAD`` would run code as root, and as
arguments its values would show in the process list.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from autodeploy.kernel.sandbox.spec import DEFAULT_PATH, Network, SandboxSpec

ENVIRONMENT_FILE = "/run/environment"
# The only line of shell here is this constant: it loads the environment and becomes the command.
# It also changes the folder: bubblewrap, without capabilities, may not enter the app's own.
LOADER = f'. {ENVIRONMENT_FILE} && cd -- "$1" && shift && exec "$@"'
# What bubblewrap itself is started with.
LAUNCH_ENVIRONMENT = {"PATH": DEFAULT_PATH, "LANG": "C.UTF-8"}

_ETC = (
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/ca-certificates.conf",
    "/etc/crypto-policies",
    "/etc/fonts",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/pki",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl",
)
# Folders that every sandbox has, with files of ours in them.
_MADE = ("/etc", "/run")


@dataclass(frozen=True)
class Programs:
    """The programs that a sandbox is made of. ``bwrap`` is on the host, the others inside."""

    bwrap: Path
    setpriv: str = "/usr/bin/setpriv"
    prlimit: str = "/usr/bin/prlimit"
    setsid: str = "/usr/bin/setsid"
    shell: str = "/bin/sh"


@dataclass(frozen=True)
class System:
    """How the machine's root folder is laid out: ``links`` are /bin and friends where merged."""

    links: tuple[tuple[str, str], ...]
    folders: tuple[str, ...]

    @classmethod
    def read(cls) -> "System":
        """Look at the machine: which top folders are links into /usr and which are real."""
        links, folders = [], ["/usr"]
        for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
            path = Path("/", name)
            if path.is_symlink():
                links.append((str(path.readlink()), str(path)))
            elif path.is_dir():
                folders.append(str(path))
        return cls(tuple(links), tuple(folders))


@dataclass(frozen=True)
class Descriptors:
    """Open files that bubblewrap reads or writes while it starts."""

    environment: int
    passwd: int
    group: int
    info: int
    block: int
    seccomp: int | None


def environment_script(environment: Mapping[str, str]) -> str:
    """The environment as ``export`` lines that a POSIX shell reads back exactly."""
    return "".join(f"export {key}={shlex.quote(value)}\n" for key, value in environment.items())


def passwd_file(uid: int, gid: int) -> str:
    """A user database that knows root, nobody and the one user inside."""
    return (
        "root:x:0:0:root:/:/usr/sbin/nologin\n"
        f"app:x:{uid}:{gid}:app:/tmp:/bin/sh\n"
        "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n"
    )


def group_file(gid: int) -> str:
    """The group database that goes with ``passwd_file``."""
    return f"root:x:0:\napp:x:{gid}:\nnogroup:x:65534:\n"


def sandbox_command(
    spec: SandboxSpec,
    programs: Programs,
    system: System,
    descriptors: Descriptors,
    *,
    as_root: bool,
    rlimits: bool,
) -> list[str]:
    """The argument array for ``spec``. ``rlimits`` stand in where there are no cgroups."""
    return [
        str(programs.bwrap),
        *_namespaces(spec, as_root),
        *_filesystem(spec, system, descriptors),
        *("--chdir", "/"),
        *("--info-fd", str(descriptors.info), "--block-fd", str(descriptors.block)),
        *(("--seccomp", str(descriptors.seccomp)) if descriptors.seccomp is not None else ()),
        "--",
        *_drop(spec, programs, as_root),
        *_rlimits(spec, programs, rlimits),
        # A session of its own, as of all that bubblewrap starts, with the terminal as its own.
        *((programs.setsid, "--ctty") if spec.terminal else ()),
        *(programs.shell, "-c", LOADER, "sh", spec.cwd),
        *spec.argv,
    ]


def _namespaces(spec: SandboxSpec, as_root: bool) -> list[str]:
    arguments = ["--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"]
    arguments += ["--hostname", "app", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    if as_root:
        for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"):
            arguments += ["--cap-add", capability]
    else:
        arguments.append("--unshare-user")
    if spec.network is Network.NONE:
        arguments.append("--unshare-net")
    return arguments


def _filesystem(spec: SandboxSpec, system: System, descriptors: Descriptors) -> list[str]:
    arguments: list[str] = []
    for folder in system.folders:
        arguments += ["--ro-bind", folder, folder]
    for target, link in system.links:
        arguments += ["--symlink", target, link]
    # bubblewrap makes missing parents private to root, and the command is not root.
    for folder in (*_MADE, *_parents(spec, system)):
        arguments += ["--perms", "0755", "--dir", folder]
    for path in _ETC:
        arguments += ["--ro-bind-try", path, path]
    arguments += ["--perms", "0444", "--file", str(descriptors.passwd), "/etc/passwd"]
    arguments += ["--perms", "0444", "--file", str(descriptors.group), "/etc/group"]
    arguments += ["--proc", "/proc", "--dev", "/dev"]
    arguments += ["--perms", "1777", "--tmpfs", "/dev/shm", "--perms", "1777", "--tmpfs", "/tmp"]  # noqa: S108
    arguments += ["--perms", "0444", "--file", str(descriptors.environment), ENVIRONMENT_FILE]
    for bind in spec.binds:
        arguments += ["--bind" if bind.writable else "--ro-bind", str(bind.source), bind.target]
    return arguments


def _parents(spec: SandboxSpec, system: System) -> list[str]:
    """The folders above the targets of binds that exist only because of them, outermost first."""
    given = [*system.folders, *(link for _, link in system.links), *_ETC, "/proc", "/dev"]
    given += [bind.target for bind in spec.binds] + ["/tmp"]  # noqa: S108
    parents = [
        str(parent)
        for bind in spec.binds
        for parent in reversed(PurePosixPath(bind.target).parents[:-1])
        if str(parent) not in _MADE and not any(parent.is_relative_to(place) for place in given)
    ]
    return list(dict.fromkeys(parents))


def _drop(spec: SandboxSpec, programs: Programs, as_root: bool) -> Sequence[str]:
    if not as_root:
        return ()
    return (
        programs.setpriv,
        *("--reuid", str(spec.uid), "--regid", str(spec.gid), "--clear-groups"),
        *("--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--"),
    )


def _rlimits(spec: SandboxSpec, programs: Programs, rlimits: bool) -> Sequence[str]:
    arguments = [programs.prlimit, f"--nofile={spec.limits.open_files}", "--core=0"]
    if spec.limits.file_bytes is not None:
        arguments.append(f"--fsize={spec.limits.file_bytes}")
    if rlimits:
        arguments.append(f"--nproc={spec.limits.processes}")
        arguments.append(f"--data={spec.limits.memory_bytes}")
    return (*arguments, "--")
