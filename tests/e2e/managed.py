"""Tiny apps of every package manager, with the lock files that those managers wrote.

The folders in ``managed/`` hold manifest and lock file, in which registries have names that are
none (``https://npm.invalid``): each machine has its own. What runs is the same for all of a
language. Each answers with its text, what its one package says, and the interpreter's version.
"""

import functools
import json
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urljoin

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
    for path in folder.iterdir():
        text_of = path.read_text()
        for name, address in _registries().items():
            text_of = text_of.replace(name, address)
        path.write_text(text_of)
    if manager in NODE:
        (folder / "server.js").write_text(_SERVER_JS.replace("TEXT", text))
    else:
        (folder / "app.py").write_text(_APP_PY.replace("TEXT", text))
        (folder / "Procfile").write_text("web: python app.py\n")
    return folder


@functools.cache
def _registries() -> dict[str, str]:
    """Where this machine's package managers look, by the names in the lock files."""
    asked = ("npm", "config", "get", "registry")
    npm = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    index = package_index().rstrip("/")
    page = f"{index}/itsdangerous/"
    with urllib.request.urlopen(page) as answer:
        link = re.search(r'href="([^"]+/packages/)', answer.read().decode())
    assert link is not None, page
    files = urljoin(page, link[1]).removesuffix("/packages/")
    return {
        "https://npm.invalid": npm.rstrip("/"),
        "https://index.invalid/simple": index,
        "https://files.invalid": files,
    }


def package_index() -> str:
    """The package index of this machine's pip."""
    asked = (
        "from pip._internal.commands import create_command as c; "
        "print(c('download').parser.get_default_values().index_url)"
    )
    return subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True
    ).stdout.strip()


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
