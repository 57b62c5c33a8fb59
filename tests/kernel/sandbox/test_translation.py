from pathlib import Path

import pytest

from autodeploy.kernel.sandbox import Bind, SandboxSpec
from autodeploy.kernel.sandbox.translation import translated


def _translated(command: str = "x", cwd: str = "/app", **environment: str) -> SandboxSpec:
    spec = SandboxSpec(
        name="t",
        argv=("/bin/sh", "-c", command),
        cwd=cwd,
        uid=1000,
        gid=1000,
        binds=(
            Bind(Path("/home/r/app"), "/app", writable=True),
            Bind(Path("/home/c/1/tools"), "/cache/tools"),
            Bind(Path("/home/b/1/tmp"), "/tmp"),
            Bind(Path("/opt/python"), "/opt/python"),
        ),
        environment=environment,
    )
    return translated(spec, Path("/home/b/1/tmp"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cd /app && ./x", "cd /home/r/app && ./x"),
        ("--prefix=/app/web", "--prefix=/home/r/app/web"),
        ("'/app'", "'/home/r/app'"),
        ("/app:/cache/tools/bin", "/home/r/app:/home/c/1/tools/bin"),
        ("sqlite:////app/a.db", "sqlite:////home/r/app/a.db"),
        ("file:///app/a", "file:///home/r/app/a"),
        ("/opt/python/bin", "/opt/python/bin"),
        ("/application /app-2 /app.d", "/application /app-2 /app.d"),
        ("/srv/app ./app/x ~/app", "/srv/app ./app/x ~/app"),
        ("http://host/app/x", "http://host/app/x"),
        ("/cache/other", "/cache/other"),
    ],
)
def test_paths_of_binds_are_replaced_and_what_looks_like_them_is_not(
    text: str, expected: str
) -> None:
    spec = _translated(text, VALUE=text)
    assert (spec.argv[2], spec.environment["VALUE"]) == (expected, expected)


def test_temporary_folder_is_private_in_the_environment_and_keeps_its_name_in_commands() -> None:
    spec = _translated("touch /tmp/x", "/tmp", HOME="/tmp")
    assert spec.argv[2] == "touch /tmp/x"
    assert (spec.cwd, spec.environment["HOME"]) == ("/home/b/1/tmp", "/home/b/1/tmp")
    assert spec.environment["TMPDIR"] == "/home/b/1/tmp"
    assert spec.binds == ()


def test_source_below_a_target_is_not_replaced_again() -> None:
    spec = SandboxSpec(
        name="t",
        argv=("/app/bin/x",),
        cwd="/app",
        uid=1,
        gid=1,
        binds=(Bind(Path("/app/home/r"), "/app"),),
    )
    assert translated(spec, Path("/t")).argv == ("/app/home/r/bin/x",)
