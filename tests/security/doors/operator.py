"""The platform's own keys, settings that are wrong, and the set-up of a first administrator."""

import asyncio
import json
import re
import sys
from pathlib import Path

import psycopg
from tests.e2e import apps
from tests.e2e.platform import free_port
from tests.kernel.smtp import PASSWORD as SMTP_PASSWORD
from tests.security.canaries import Piece
from tests.security.run import Run

# Commands that meet a server that is not there, or a setting that cannot be used.
_WRONG_SETTINGS = (
    ("migrate", "AUTODEPLOY_DATABASE_URL", "postgresql://user:{}@127.0.0.1:1/x"),
    ("migrate", "AUTODEPLOY_DATABASE_URL", "mysql://user:{}@127.0.0.1:1/x"),
    ("doctor", "AUTODEPLOY_REDIS_URL", "redis://:{}@127.0.0.1:1/0"),
    ("serve", "AUTODEPLOY_REDIS_URL", "http://user:{}@127.0.0.1"),
    ("serve", "AUTODEPLOY_SMTP_URL", "http://user:{}@mail.example.com"),
    ("serve", "AUTODEPLOY_VAULT_URL", "https://user:{}@vault.example.com/transit/k"),
    ("serve", "AUTODEPLOY_PUBLIC_URL", "ftp://user:{}@example.com"),
    ("serve", "AUTODEPLOY_OBJECTS_URL", "nothing://user:{}@example.com"),
    ("serve", "AUTODEPLOY_OIDC__CLIENT_SECRET", "{}"),
    ("serve", "ALLOWED_ORIGINS", "https://user:{}@example.com"),
)


def keys(run: Run) -> None:
    """Every key and password that the platform made for itself, and that of the mail server."""
    for path in sorted((run.platform.home / "secrets").iterdir()):
        for line in path.read_text().splitlines():
            if len(line) > 20 and not line.startswith("-----"):
                run.canaries.learn(f"key file {path.name}", line)
    run.canaries.learn("password of the mail server", SMTP_PASSWORD)
    stored = json.loads((run.platform.folder / "config/autodeploy/credentials.json").read_text())
    run.canaries.learn("token of `up`", stored["tokens"][stored["current"]][12:])


async def command_line(run: Run, folder: Path) -> None:
    """Commands that are given a secret, or find one in a checkout or a setting."""
    app = apps.procfile_app(folder / "app", "app")
    address = run.plant("credential in the remote of a checkout", escaped=False)
    (app / ".git").mkdir()
    (app / ".git" / "config").write_text(
        f'[remote "origin"]\n\turl = https://u:{address}@x.example/a\n'
    )
    variable = run.plant("variable of a file", escaped=False)
    (folder / "variables").write_text(f"API_KEY={variable}\nGREETING={run.witness}\n")
    for works in (
        ("deploy", str(app), "--project", "by-hand"),
        ("env", "import", str(folder / "variables"), "--project", "by-hand"),
        ("env", "list", "by-hand"),
        ("logs", "by-hand"),
    ):
        assert await _command(run, *works) == 0, run.shown[-1].content
    password = run.plant("repository on the command line", escaped=False)
    url = f"https://user:{password}@git.example.com/a"
    await _command(run, "deploy", url, "--project", "by-url")
    await _command(run, "login", "--token", run.plant("token on the command line", escaped=False))
    for command, variable, form in _WRONG_SETTINGS:
        value = form.format(run.plant(f"setting {variable} {form}", escaped=False))
        await _command(run, command, **{variable: value})


async def set_up(run: Run) -> None:
    """The token that a server prints while there is no administrator."""
    await asyncio.to_thread(_forget_administrators, run)
    server = await _spawn(run, "serve", "--roles", "auth", AUTODEPLOY_API_PORT=str(free_port()))
    assert server.stderr is not None
    text = b""
    try:
        while not (found := re.search(rb"Set-up token: (\w+)", text)):
            line = await server.stderr.readline()
            assert line, text
            text += line
        token = run.canaries.learn("set-up token", found[1].decode(), "terminal of serve")
        body = {"token": token, "email": "root@example.com", "name": "Root"}
        body["password"] = run.plant("password of the first administrator")
        made = run.learn_session(await run.call("POST", "/auth/setup", body, status=201))
        assert (await run.call("POST", "/auth/setup", body)).is_client_error
    finally:
        server.terminate()
        _, rest = await server.communicate()
    run.shown.append(Piece("terminal of serve", text + rest))
    run.sign_in(made)
    for path in ("/metrics", "/openapi.json", "/docs", "/readyz", "/healthz"):
        assert (await run.client.get(path, headers=run.headers)).is_success


def _forget_administrators(run: Run) -> None:
    password = (run.platform.home / "secrets" / "postgres.password").read_text().strip()
    with psycopg.connect(
        host=str(run.platform.home / "run" / "postgres"),
        user="postgres",
        dbname="autodeploy",
        password=password,
    ) as connection:
        connection.execute("UPDATE users SET is_admin = false")


async def _command(run: Run, *arguments: str, **environment: str) -> int | None:
    """The exit code."""
    process = await _spawn(run, *arguments, **environment)
    async with asyncio.timeout(90):
        shown = await process.communicate()
    run.shown.append(Piece(f"{len(run.shown)}: {arguments[0]} {[*environment]}", b"".join(shown)))
    return process.returncode


async def _spawn(run: Run, *arguments: str, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "autodeploy", *arguments),
        env={**run.platform.environment, **environment},
        cwd=run.platform.folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
