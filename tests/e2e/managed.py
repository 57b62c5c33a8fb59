"""Tiny apps of every package manager, with the lock files that those managers wrote.

The folders in ``managed/`` hold manifest and lock file; what runs is the same for all of a
language. Each answers with its text, what its one package says, and the interpreter's version.
"""

import json
import shutil
from pathlib import Path

FOLDERS = Path(__file__).with_name("managed")
NODE = frozenset({"npm", "npm-optional", "pnpm", "yarn1", "berry", "pnp", "bun"})
PYTHON = frozenset({"pip", "uv", "pdm", "pipenv", "poetry"})

_SERVER_JS = """
const { createServer } = require("node:http");
const isOdd = require("is-odd");

const said = `TEXT: ${isOdd(3)} with ${process.versions.bun ? "bun" : process.version}`;
createServer((_, response) => response.end(said)).listen(process.env.PORT);
"""

_APP_PY = """
import http.server
import os
import sys

import itsdangerous


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"TEXT: {itsdangerous.__name__} with {sys.version}".encode())


http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def make(folder: Path, manager: str, text: str = "a text") -> Path:
    """Write the app that ``manager`` has locked."""
    shutil.copytree(FOLDERS / manager, folder, dirs_exist_ok=True)
    if manager in NODE:
        (folder / "server.js").write_text(_SERVER_JS.replace("TEXT", text))
    else:
        (folder / "app.py").write_text(_APP_PY.replace("TEXT", text))
        (folder / "Procfile").write_text("web: python app.py\n")
    return folder


def ask_for_another_package(folder: Path) -> None:
    """Change the manifest and leave the lock file as it is."""
    if (folder / "package.json").exists():
        change_manifest(folder, dependencies={"is-odd": "^3.0.1", "is-even": "^1.0.0"})
    elif (folder / "Pipfile").exists():
        with (folder / "Pipfile").open("a") as file:
            file.write('iniconfig = "*"\n')
    else:
        manifest = folder / "pyproject.toml"
        text = manifest.read_text()
        manifest.write_text(text.replace("dependencies = [", 'dependencies = ["iniconfig", '))


def change_manifest(folder: Path, **changes: object) -> None:
    manifest = folder / "package.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **changes}))
