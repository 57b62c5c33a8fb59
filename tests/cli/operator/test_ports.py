"""A taken port is named, with who has it and the variable that chooses another."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from autodeploy.cli.failures import CommandError
from autodeploy.cli.operator.ports import port_problem, require_ports
from autodeploy.settings import Settings


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def test_free_port_has_no_problem() -> None:
    assert port_problem(free_port()) is None


def test_taken_port_names_its_holder(taken: int) -> None:
    assert f"(pid {os.getpid()})" in (port_problem(taken) or "")


@pytest.mark.parametrize("field", ["api_port", "proxy_port"])
def test_taken_port_is_refused_with_the_variable_to_set(home: Path, taken: int, field: str) -> None:
    ports = {"api_port": free_port(), "proxy_port": free_port(), field: taken}
    with pytest.raises(CommandError, match=str(taken)) as failure:
        require_ports(Settings(home=home, **ports))
    assert f"AUTODEPLOY_{field.upper()}=" in (failure.value.remedy or "")


def test_one_port_for_both_is_refused_with_the_variable_to_set(home: Path) -> None:
    port = free_port()
    with pytest.raises(CommandError, match="both") as failure:
        require_ports(Settings(home=home, api_port=port, proxy_port=port))
    assert "AUTODEPLOY_PROXY_PORT=" in (failure.value.remedy or "")
