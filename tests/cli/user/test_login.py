"""Signing in at a terminal, against the real API."""

import asyncio
import json
from pathlib import Path

import pyotp
import pytest
import typer
from tests.services.auth.accounts import PASSWORD, signed_up

from autodeploy.cli.failures import CommandError
from autodeploy.cli.user import login
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import second_factor, service
from autodeploy.services.auth.principal import Scope
from autodeploy.services.auth.schemas import CodeInput, EnrolInput

ADA = "ada@example.com"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, home: Path) -> list[str]:
    """What the user types, in order."""
    typed: list[str] = []
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: typed.pop(0))
    return typed


async def sign_in(url: str, scope: str = "write") -> None:
    await asyncio.to_thread(login.run, url, None, ADA, scope, False)


def stored(home: Path, url: str) -> str:
    content = json.loads((home / "config" / "autodeploy" / "credentials.json").read_text())
    token: str = content["tokens"][url]
    return token


async def test_password_alone_gives_a_token_where_no_code_is_needed(
    url: str, answers: list[str], home: Path, resources: Resources
) -> None:
    await signed_up(resources, ADA)
    answers += [PASSWORD, PASSWORD]
    await sign_in(url)
    caller = await service.authenticate(resources, stored(home, url))
    assert (caller.email, caller.has_scope(Scope.ADMIN)) == (ADA, False)
    await sign_in(url, "admin")
    assert (await service.authenticate(resources, stored(home, url))).has_scope(Scope.ADMIN)


async def test_code_is_asked_for_and_again_when_it_is_mistyped(
    url: str,
    answers: list[str],
    home: Path,
    resources: Resources,
    capsys: pytest.CaptureFixture[str],
) -> None:
    signed_in = await signed_up(resources, ADA)
    caller = await service.authenticate(resources, signed_in.access_token)
    made = await second_factor.enrol(resources, caller, EnrolInput(password=PASSWORD))
    body = CodeInput(code=pyotp.TOTP(made.secret).now())
    codes = (await second_factor.confirm(resources, caller, body)).recovery_codes
    answers += [PASSWORD, "123", codes[0]]
    await sign_in(url)
    assert (await service.authenticate(resources, stored(home, url))).email == ADA
    shown = capsys.readouterr()
    assert "The code is wrong" in shown.err
    assert codes[0] not in shown.err + shown.out


async def test_wrong_password_ends_the_command_without_asking_for_a_code(
    url: str, answers: list[str], resources: Resources
) -> None:
    await signed_up(resources, ADA)
    answers += ["wrong"]
    with pytest.raises(CommandError) as failure:
        await sign_in(url)
    assert failure.value.code == "wrong_credentials"
