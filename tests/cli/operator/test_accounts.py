"""What an operator sees of accounts: mails, the set-up token, a rotated key."""

import asyncio
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from tests.cli.operator.platform import free_port, wait_until

from autodeploy.cli.operator.checks import Verdict, platform
from autodeploy.cli.operator.outbox import show_mails
from autodeploy.cli.operator.setup import offer_setup
from autodeploy.kernel.mail import Mail, Mailer, Outbox
from autodeploy.kernel.process import die_with_parent, python_argv
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.signing import TokenSigner, generate_signing_key
from autodeploy.kernel.vault import generate_master_key_file
from autodeploy.services.auth import service
from autodeploy.services.auth.schemas import SetupInput
from autodeploy.settings import Settings

LINK = "https://autodeploy.test/reset-password#token=" + "s" * 80


@pytest.fixture
def settings(home: Path, database_url: str, redis_url: str) -> Settings:
    settings = Settings(home=home / "home", database_url=database_url, redis_url=redis_url)
    settings.secrets_folder.mkdir(parents=True)
    generate_signing_key(settings.jwt_key_file)
    generate_master_key_file(settings.master_key_file)
    return settings


def environment(settings: Settings, **more: str) -> dict[str, str]:
    return {
        **os.environ,
        "HOME": str(settings.home),
        "AUTODEPLOY_HOME": str(settings.home),
        "AUTODEPLOY_DATABASE_URL": settings.database_url or "",
        "AUTODEPLOY_REDIS_URL": settings.redis_url or "",
        **more,
    }


async def test_mails_are_shown_whole_once_and_kept_nowhere(home: Path) -> None:
    shown: list[str] = []
    showing = asyncio.create_task(show_mails(home / "outbox", shown.append))
    mailer = Mailer(Outbox(home / "outbox"), sender="a@b.example")
    await mailer.send(Mail("ada@example.com", "Set a new password", f"Open\n\n{LINK}\x1b[2J\n"))
    await wait_until(lambda: bool(shown), 10)
    assert shown == [f"  Mail to ada@example.com: Set a new password\n  Open\n\n  {LINK}"]
    assert list((home / "outbox").iterdir()) == []
    await mailer.send(Mail("ada@example.com", "Another", "one"))
    await wait_until(lambda: len(shown) == 2, 10)
    showing.cancel()


async def test_token_is_offered_until_there_is_an_administrator(
    settings: Settings, resources: Resources, capsys: pytest.CaptureFixture[str]
) -> None:
    await offer_setup(settings)
    token = capsys.readouterr().err.strip().splitlines()[-1].removeprefix("  Set-up token: ")
    body = SetupInput(token=token, email="root@example.com", password="long enough", name="Root")
    await service.set_up(resources, body, user_agent=None, address=None)
    await offer_setup(settings)
    assert capsys.readouterr().err == ""


async def test_server_without_a_database_says_so_and_starts(
    settings: Settings, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    away = settings.model_copy(update={"database_url": f"postgresql://u:p@/x?host={home}"})
    await offer_setup(away)
    assert "admin-token" in capsys.readouterr().err


async def test_serve_prints_the_token_once_and_logs_it_nowhere(settings: Settings) -> None:
    """The real process: its output holds the token a single time, outside of any log line."""
    output = settings.home / "output"
    port = free_port()
    with output.open("wb") as file:
        process = subprocess.Popen(
            python_argv("serve", "--roles", "auth"),
            env=environment(settings, AUTODEPLOY_API_PORT=str(port), AUTODEPLOY_LOG_LEVEL="debug"),
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
    try:
        await wait_until(lambda: "startup complete" in output.read_text(), 60)
    finally:
        process.terminate()
        process.wait(20)
    lines = [line for line in output.read_text().splitlines() if "Set-up token: " in line]
    assert len(lines) == 1
    token = lines[0].partition("Set-up token: ")[2]
    assert len(token) == 43
    assert output.read_text().count(token) == 1
    others = [path for path in settings.home.rglob("*") if path.is_file() and path != output]
    assert not [path for path in others if token.encode() in path.read_bytes()]


def test_key_is_rotated_by_the_command(settings: Settings) -> None:
    before = TokenSigner.load(settings.jwt_key_file)
    done = subprocess.run(
        python_argv("secrets", "--rotate-signing-key", "--json"),
        env=environment(settings),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {"made": [str(settings.jwt_key_file)]}
    after = TokenSigner.load(settings.jwt_key_file)
    assert [key["kid"] for key in after.jwks()["keys"]] == [after.kid, before.kid]


def test_missing_key_is_not_rotated_but_told(settings: Settings) -> None:
    settings.jwt_key_file.unlink()
    done = subprocess.run(
        python_argv("secrets", "--rotate-signing-key"),
        env=environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "signing_key_unusable" in done.stderr
    assert not settings.jwt_key_file.exists()


@pytest.mark.parametrize(
    ("more", "verdict", "found"),
    [
        ({"env": "development"}, Verdict.OK, "shown by"),
        ({"env": "production"}, Verdict.ADVICE, "none"),
        ({"smtp_url": "smtp://127.0.0.1:{closed}"}, Verdict.ADVICE, "does not answer"),
    ],
)
def test_doctor_says_whether_mails_are_sent(
    home: Path, more: dict[str, str], verdict: Verdict, found: str
) -> None:
    values = {name: value.format(closed=free_port()) for name, value in more.items()}
    (check,) = platform.mail(Settings(home=home, **values))
    assert (check.name, check.verdict) == ("mail", verdict)
    assert found in check.found
    assert (check.remedy is None) == (verdict is Verdict.OK)
