"""Variables, databases, service tokens, and what builds and apps print of them."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

from tests.security.canaries import Piece
from tests.security.run import Json, Run
from tests.services.analyzer.archives import tar_gz
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

_PRINTS = f"""
import base64, json, os, subprocess, sys, urllib.parse


def show(value):
    data = value.encode()
    print("raw", value)
    for offset in range(3):
        print("base64", base64.b64encode(bytes(offset) + data).decode())
        print("urlsafe", base64.urlsafe_b64encode(bytes(offset) + data + b"?").decode())
    print("url", urllib.parse.quote(value), urllib.parse.quote_plus(value))
    print("json", json.dumps({{"value": value}}), json.dumps(json.dumps(value)))
    print("hex", data.hex(), data.hex().upper())
    print("repr", repr(value), [value], file=sys.stderr)
    print("script", value.replace(chr(92), 2 * chr(92)))
    for piece in value:
        sys.stdout.write(piece)
        sys.stdout.flush()
    print()


def show_all():
    print({Run.witness!r}, flush=True)
    for name in ("API_KEY", "DATABASE_URL", "OTHER_URL", "SIGNING_KEY"):
        show(os.environ.get(name, ""))
    print(dict(os.environ), flush=True)
    for shell in filter(os.path.exists, ("/bin/sh", "/bin/bash")):
        subprocess.run([shell, "-xc", 'true "$API_KEY" "x$SIGNING_KEY"; set; export -p'])
"""
_BUILD = "from prints import show_all\n\nshow_all()\n"
_SERVER = """
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

from prints import show_all

show_all()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/print":
            show_all()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ.get(self.path[1:], "").encode())


HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
_FAILS = """
import os

from prints import show_all

show_all()
raise SystemExit("cannot go on with " + os.environ["API_KEY"] + " at " + os.environ["OTHER_URL"])
"""
_PROGRAM = {
    "Procfile": "web: python server.py\n",
    "autodeploy.toml": 'install = ""\nbuild = "python build.py"\n',
    "prints.py": _PRINTS,
    "build.py": _BUILD,
    "server.py": _SERVER,
}


async def projects(run: Run) -> None:
    """An app that works and prints all it knows, a build that fails with it, an app that does."""
    works = await _project(run, "works", {})
    wanted = {"environmentVariables": {"DATABASE_URL": "provision_new"}}
    await _deploy(run, works, "ready", wanted)
    password = urlsplit(await _ask_app(run, "DATABASE_URL")).password
    assert password
    run.canaries.learn("password of a database", password)
    await _ask_app(run, "print")
    await _wait_for_output(run, works)
    path = f"/projects/{works['id']}/tokens"
    made = await run.call("POST", path, {"name": "ci"}, status=201)
    run.learn("service token", made.json()["token"][12:], made)
    await _read(run, works)
    for name, files in (("bad-build", {"build.py": _FAILS}), ("bad-start", {"server.py": _FAILS})):
        project = await _project(run, name, files)
        await _deploy(run, project, "error", {})
        await _read(run, project)


async def sources(run: Run) -> None:
    """Secrets that stand in the sources, whose upload holds them; the analysis tells none."""
    values = [run.plant(f"source {number}", escaped=False) for number in range(6)]
    files = {
        "requirements.txt": "flask\n",
        ".env": f"API_KEY={values[0]}\n",
        ".env.example": f"SESSION_SECRET={values[1]}\n",
        "app.py": f"import os\nfrom flask import Flask\napp = Flask(__name__)\n"
        f"app.secret_key = os.environ.get('SECRET_KEY', '{values[2]}')\n"
        "key = os.environ['API_KEY'] + os.environ['SESSION_SECRET']\n"
        f"url = os.getenv('CACHE_URL', 'redis://user:{values[3]}@cache/0')\n",
        "docker-compose.yml": "services:\n  web:\n    build: .\n    environment:\n"
        f"      AUTH_TOKEN: {values[4]}\n",
        "app.json": f'{{"env": {{"JWT_SECRET": {{"value": "{values[5]}"}}}}}}',
    }
    uploaded = await _upload(run, "sources", files)
    me = (await run.call("GET", "/auth/me", status=200)).json()
    name = f"objects/uploads/{me['organizations'][0]['id']}/{uploaded['commit']}.tar.gz"
    for number, value in enumerate(values):
        run.canaries.learn(f"source {number}", value, name)
    path = f"/repositories/{uploaded['repository']['id']}"
    answer = await run.call("POST", f"{path}/analyze", {})
    assert answer.is_success, answer.text
    keys = {each["key"] for each in answer.json()["environmentVariables"]}
    assert keys >= {"API_KEY", "SECRET_KEY", "CACHE_URL"}, keys


async def _upload(run: Run, name: str, files: dict[str, str]) -> Json:
    answer = await run.client.post(
        "/api/v1/repositories/upload",
        params={"name": name},
        content=tar_gz(files),
        headers=run.headers,
    )
    assert answer.status_code == 201, answer.text
    uploaded: Json = answer.json()
    return uploaded


async def _project(run: Run, name: str, files: dict[str, str]) -> Json:
    uploaded = await _upload(run, name, {**_PROGRAM, **files})
    body = {
        "name": name,
        "repositoryId": uploaded["repository"]["id"],
        "description": run.witness,
    }
    project: Json = (await run.call("POST", "/projects", body, status=201)).json()
    await _variables(run, f"/projects/{project['id']}/env", name)
    return project


async def _variables(run: Run, path: str, name: str) -> None:
    """Secret values that are set, changed, and refused."""
    secret = run.plant(f"variable of {name}")
    in_url = run.plant(f"password in a URL of {name}", escaped=False)
    lines = [
        "-----BEGIN PRIVATE KEY-----",
        run.plant(f"line of a key of {name}"),
        "-----END PRIVATE KEY-----",
    ]
    values = {
        "API_KEY": run.plant(f"former variable of {name}"),
        "OTHER_URL": f"redis://user:{in_url}@cache.example.com/0",
        "SIGNING_KEY": "\n".join(lines),
    }
    for key, value in values.items():
        await run.call("POST", path, {"key": key, "value": value}, status=201)
    await run.call("PUT", f"{path}/API_KEY", {"value": secret}, status=200)
    await run.call("POST", path, {"key": "API_KEY", "value": secret}, status=409)
    for value in ([run.plant("value of no type")], run.plant("value with NUL") + "\x00"):
        await run.call("PUT", f"{path}/API_KEY", {"value": value}, status=422)
    swapped = {"key": run.plant("value in place of its key"), "value": "API_KEY"}
    await run.call("POST", path, swapped, status=422)


async def _deploy(run: Run, project: Json, end: str, configuration: Json) -> None:
    path = f"/projects/{project['id']}/deployments"
    made = (await run.call("POST", path, {"configuration": configuration}, status=201)).json()
    await asyncio.gather(*(_follow(run, made["id"], stream) for stream in ("logs", "status")))
    view = (await run.call("GET", f"/deployments/{made['id']}", status=200)).json()
    assert view["status"] == end, view


async def _follow(run: Run, deployment_id: str, stream: str) -> None:
    """A stream to its end: the log by a ticket, the status by a token."""
    options: dict[str, Any] = {"additional_headers": run.headers}
    if stream == "logs":
        given = await run.call("POST", "/auth/ticket", status=200)
        ticket = run.learn("ticket", given.json()["ticket"], given)
        options = {"subprotocols": [Subprotocol(f"autodeploy.ticket.{ticket}")]}
    url = str(run.client.base_url.copy_with(scheme="ws")).rstrip("/")
    messages = []
    async with asyncio.timeout(90):
        path = f"{url}/api/v1/deployments/{deployment_id}/{stream}/stream"
        async with connect(path, **options) as socket:
            try:
                while True:
                    messages.append(str(await socket.recv()))
            except ConnectionClosed:
                pass
    run.streamed.append(Piece(f"{stream} of {deployment_id}", "\n".join(messages).encode()))


async def _read(run: Run, project: Json) -> None:
    """What a dashboard reads of a project."""
    path = f"/projects/{project['id']}"
    made = (await run.call("GET", f"{path}/deployments", status=200)).json()["items"]
    paths = [
        f"/deployments/{each['id']}{what}" for each in made for what in ("", "/logs", "/status")
    ]
    paths += [f"{path}{what}" for what in ("", "/env", "/env/API_KEY", "/tokens")]
    paths += [f"/repositories/{project['repository']['id']}{what}" for what in ("", "/analysis")]
    for each in paths:
        await run.call("GET", each, status=200)


async def _wait_for_output(run: Run, project: Json) -> None:
    """Until what the running app printed is stored: at its start, and when it was asked to."""
    made = (await run.call("GET", f"/projects/{project['id']}/deployments", status=200)).json()
    path = f"/deployments/{made['items'][0]['id']}/logs?source=app"
    async with asyncio.timeout(60):
        while (await run.call("GET", path, status=200)).text.count(run.witness) < 2:
            await asyncio.sleep(0.1)


async def _ask_app(run: Run, path: str) -> str:
    return await asyncio.to_thread(run.platform.page, "works", f"/{path}")
