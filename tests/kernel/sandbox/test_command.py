from pathlib import Path

import pytest

from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.sandbox import Bind, Network, SandboxSpec
from autodeploy.kernel.sandbox.command import (
    LOADER,
    Descriptors,
    Programs,
    System,
    environment_script,
    sandbox_command,
)

_DESCRIPTORS = Descriptors(environment=10, passwd=11, group=12, info=13, block=14, seccomp=15)
_SYSTEM = System(links=(("usr/bin", "/bin"),), folders=("/usr",))
_PROGRAMS = Programs(bwrap=Path("/opt/bwrap"))


def _spec(**changes: object) -> SandboxSpec:
    values: dict[str, object] = {
        "name": "build",
        "argv": ("/bin/sh", "-c", "make"),
        "cwd": "/app",
        "uid": 300007,
        "gid": 300007,
        "binds": (
            Bind(Path("/data/builds/1"), "/app", writable=True),
            Bind(Path("/root/py/3.12"), "/root/py/3.12"),
        ),
        "environment": {"TOKEN": "se'cret"},
    }
    return SandboxSpec(**(values | changes))  # type: ignore[arg-type]


def _command(spec: SandboxSpec, *, as_root: bool = True, rlimits: bool = False) -> list[str]:
    command = sandbox_command(
        spec, _PROGRAMS, _SYSTEM, _DESCRIPTORS, as_root=as_root, rlimits=rlimits
    )
    # The part that no option changes: folders of /etc that every sandbox sees.
    while "--ro-bind-try" in command:
        at = command.index("--ro-bind-try")
        del command[at : at + 3]
    return command


def test_command_as_root_drops_before_the_users_command() -> None:
    assert _command(_spec()) == [
        "/opt/bwrap",
        "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try",
        "--hostname", "app", "--die-with-parent", "--new-session", "--cap-drop", "ALL",
        "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP",
        "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin",
        "--perms", "0755", "--dir", "/etc", "--perms", "0755", "--dir", "/run",
        "--perms", "0755", "--dir", "/root", "--perms", "0755", "--dir", "/root/py",
        "--perms", "0444", "--file", "11", "/etc/passwd",
        "--perms", "0444", "--file", "12", "/etc/group",
        "--proc", "/proc", "--dev", "/dev",
        "--perms", "1777", "--tmpfs", "/dev/shm", "--perms", "1777", "--tmpfs", "/tmp",
        "--perms", "0444", "--file", "10", "/run/environment",
        "--bind", "/data/builds/1", "/app", "--ro-bind", "/root/py/3.12", "/root/py/3.12",
        "--chdir", "/", "--info-fd", "13", "--block-fd", "14", "--seccomp", "15",
        "--",
        "/usr/bin/setpriv", "--reuid", "300007", "--regid", "300007", "--clear-groups",
        "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--",
        "/usr/bin/prlimit", "--nofile=65536", "--core=0", "--",
        "/bin/sh", "-c", LOADER, "sh", "/app", "/bin/sh", "-c", "make",
    ]  # fmt: skip


def test_command_as_an_ordinary_user_has_a_user_namespace_and_no_capability() -> None:
    command = _command(_spec(network=Network.NONE), as_root=False, rlimits=True)
    assert "--unshare-user" in command
    assert "--unshare-net" in command
    assert "--cap-add" not in command
    assert "/usr/bin/setpriv" not in command
    assert "--nproc=512" in command


def test_folders_for_our_own_files_below_etc_are_open_to_the_app() -> None:
    spec = _spec(binds=(Bind(Path("/data/npmrc"), "/etc/autodeploy/npmrc"),))
    command = _command(spec)
    at = command.index("/etc/autodeploy")
    assert command[at - 3 : at] == ["--perms", "0755", "--dir"]
    assert at < command.index("/etc/autodeploy/npmrc")
    assert command.count("/etc") == 1


def test_values_of_the_environment_are_not_arguments() -> None:
    assert not any("cret" in argument for argument in _command(_spec()))


def test_environment_script_quotes_every_value() -> None:
    script = environment_script({"A": "it's $HOME `id`", "B": "two\nlines"})
    assert script == "export A='it'\"'\"'s $HOME `id`'\nexport B='two\nlines'\n"


@pytest.mark.parametrize(
    "changes",
    [
        {"uid": 0},
        {"argv": ()},
        {"argv": ("a\0b",)},
        {"cwd": "app"},
        {"environment": {"A;id": "x"}},
        {"environment": {"A\n": "x"}},
        {"environment": {"A": "x\0"}},
    ],
)
def test_spec_that_cannot_be_run_safely_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        _spec(**changes)
