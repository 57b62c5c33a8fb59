"""Apps as their own generators make them, each with a text of its own that can be changed.

Generators that fetch their templates from elsewhere than a package registry (Astro's and Nuxt's)
are represented by the folder in ``examples/`` that follows their manual set-up.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.managed import package_index

EXAMPLES = Path(__file__).parents[2] / "examples"

# The programs that generate, and lock, Python apps; installed once a session.
PYTHON_TOOLS = ("uv>=0.9,<1", "poetry>=2,<3")
GENERATE_SECONDS = 240


@dataclass(frozen=True)
class Tools:
    """Where the programs of ``PYTHON_TOOLS`` lie."""

    folder: Path

    def run(self, where: Path, program: str, *arguments: str) -> None:
        path = self.folder / "bin" / program
        run(where, str(path) if path.exists() else program, *arguments)


@dataclass(frozen=True)
class Generated:
    """One kind of app.

    ``make`` writes it into a folder; ``write`` gives it a text, which ``path`` of the running app
    shows, or the script that its page loads where ``in_script``. ``found`` is what it is taken for.
    """

    name: str
    make: Callable[[Path, Tools], None]
    write: Callable[[Path, str], None]
    path: str = "/"
    in_script: bool = False
    found: str = "JavaScript"
    arguments: tuple[str, ...] = field(default=())


def run(where: Path, *command: str) -> None:
    done = subprocess.run(
        command,
        cwd=where,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=GENERATE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def _npx(package: str, *arguments: str) -> Callable[[Path, Tools], None]:
    """Run a generator that is given the folder as the first of its arguments."""

    def make(folder: Path, _: Tools) -> None:
        placed = [folder.name if one == "." else one for one in arguments]
        run(folder.parent, "npx", "--yes", package, *placed)

    return make


def _copy(example: str) -> Callable[[Path, Tools], None]:
    def make(folder: Path, _: Tools) -> None:
        shutil.copytree(EXAMPLES / example, folder)

    return make


def _file(path: str, content: str) -> Callable[[Path, str], None]:
    """Write a file in which ``TEXT`` stands for the text."""

    def write(folder: Path, text: str) -> None:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content.replace("TEXT", text))

    return write


def _vite(template: str, path: str, content: str) -> Generated:
    return Generated(
        name=f"vite-{template}",
        make=_npx("create-vite@9", ".", "--template", template, "--no-interactive"),
        write=_file(path, content),
        in_script=True,
        found="Vite",
    )


_NEXT = ("create-next-app@16", ".", "--js", "--app", "--no-eslint", "--no-tailwind",
         "--no-src-dir", "--import-alias", "@/*", "--use-npm", "--skip-install", "--disable-git",
         "--yes")  # fmt: skip
# The template's own fetches fonts from Google when it builds, which is no package registry.
_NEXT_LAYOUT = """
export default function Layout({ children }) {
  return <html lang="en"><body>{children}</body></html>;
}
"""
_NEXT_PAGE = "export default function Page() { return <h1>TEXT</h1>; }\n"


def _next(folder: Path, tools: Tools) -> None:
    _npx(*_NEXT)(folder, tools)
    (folder / "app/layout.js").write_text(_NEXT_LAYOUT)


def _next_export(folder: Path, tools: Tools) -> None:
    _next(folder, tools)
    (folder / "next.config.mjs").write_text("export default { output: 'export' };\n")


def _fastapi_with_uv(folder: Path, tools: Tools) -> None:
    tools.run(folder.parent, "uv", "init", "--app", "--vcs", "none", folder.name)
    tools.run(folder, "uv", "add", "--no-sync", "fastapi", "uvicorn")


def _flask_with_poetry(folder: Path, tools: Tools) -> None:
    folder.mkdir()
    tools.run(folder, "poetry", "init", "--no-interaction", "--name", "flask-app",
              "--python", ">=3.11,<4.0")  # fmt: skip
    # Poetry asks its own kind of source for more than mirrors have.
    tools.run(folder, "poetry", "source", "add", "--priority=primary", "index", package_index())
    tools.run(folder, "poetry", "add", "--lock", "flask", "gunicorn")


_VIEW = """
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.urls import path


def index(request):
    return HttpResponse(f"TEXT for {User.objects.count()} users")


urlpatterns = [path("", index)]
"""


def _django_with_a_database(folder: Path, _: Tools) -> None:
    folder.mkdir()
    run(folder, sys.executable, "-m", "django", "startproject", "mysite", ".")
    settings = folder / "mysite" / "settings.py"
    settings.write_text(
        settings.read_text().replace("ALLOWED_HOSTS = []", 'ALLOWED_HOSTS = ["*"]')
        + "\nimport dj_database_url\n\n"
        'DATABASES = {"default": dj_database_url.config(env="DATABASE_URL")}\n'
    )
    requirements = "django\ndj-database-url\ngunicorn\npsycopg[binary]\n"
    (folder / "requirements.txt").write_text(requirements)
    (folder / "Procfile").write_text(
        "web: gunicorn --bind 0.0.0.0:$PORT mysite.wsgi\nrelease: python manage.py migrate\n"
    )


_STREAMLIT = """
import streamlit

streamlit.title("A page")
"""


def _streamlit(folder: Path, _: Tools) -> None:
    (folder / ".streamlit").mkdir(parents=True)
    (folder / ".streamlit/config.toml").write_text("[server]\nenableStaticServing = true\n")
    (folder / "requirements.txt").write_text("streamlit\n")
    (folder / "streamlit_app.py").write_text(_STREAMLIT)


_MEMBER_SERVER = """
import { createServer } from "node:http";
import { greeting } from "@example/greeting";

createServer((_, response) => response.end(greeting("TEXT"))).listen(process.env.PORT);
"""


def _npm_workspace(folder: Path, _: Tools) -> None:
    shutil.copytree(EXAMPLES / "pnpm-workspace", folder)
    (folder / "pnpm-workspace.yaml").unlink()
    root = {"name": "workspace", "private": True, "workspaces": ["apps/*", "packages/*"]}
    (folder / "package.json").write_text(json.dumps(root))
    for app in ("api", "web"):
        manifest = folder / "apps" / app / "package.json"
        manifest.write_text(manifest.read_text().replace("workspace:*", "*"))
    run(folder, "npm", "install", "--package-lock-only", "--ignore-scripts")


def _pnpm_workspace(folder: Path, _: Tools) -> None:
    shutil.copytree(EXAMPLES / "pnpm-workspace", folder)
    run(folder, "npx", "--yes", "pnpm@10.0.0", "install", "--lockfile-only")


def _member(kind: str, make: Callable[[Path, Tools], None], app: str) -> Generated:
    return Generated(
        name=f"{kind}-workspace-{app}",
        make=make,
        write=_file(f"apps/{app}/server.js", _MEMBER_SERVER),
        arguments=("--root", f"apps/{app}"),
    )


_NEST_SERVICE = """
import { Injectable } from "@nestjs/common";

@Injectable()
export class AppService {
  getHello(): string {
    return "TEXT";
  }
}
"""

_HONO = """
import { serve } from "@hono/node-server";
import { Hono } from "hono";

const app = new Hono();

app.get("/", (context) => context.text("TEXT"));

serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) });
"""

APPS = (
    _vite("react", "src/App.jsx", "export default function App() { return <h1>TEXT</h1>; }\n"),
    _vite("vue", "src/App.vue", "<template><h1>TEXT</h1></template>\n"),
    _vite("svelte", "src/App.svelte", "<h1>TEXT</h1>\n"),
    _vite("solid", "src/App.jsx", "export default function App() { return <h1>TEXT</h1>; }\n"),
    Generated("nextjs", _next, _file("app/page.js", _NEXT_PAGE), found="Next.js"),
    Generated("nextjs-export", _next_export, _file("app/page.js", _NEXT_PAGE), found="Next.js"),
    Generated(
        "astro",
        _copy("astro"),
        _file("src/pages/own.astro", "<html><body><h1>TEXT</h1></body></html>\n"),
        path="/own/",
        found="Astro",
    ),
    Generated(
        "sveltekit",
        _npx("sv@0.17", "create", ".", "--template", "minimal", "--types", "ts", "--no-add-ons",
             "--no-install"),
        _file("src/routes/+page.svelte", "<h1>TEXT</h1>\n"),
        found="SvelteKit",
    ),
    Generated(
        "nuxt",
        _copy("nuxt"),
        _file("app/app.vue", "<template><h1>TEXT</h1></template>\n"),
        found="Nuxt",
    ),
    Generated(
        "react-router",
        _copy("react-router"),
        _file("app/routes/home.jsx", "export default () => <h1>TEXT</h1>;\n"),
        found="React Router",
    ),
    Generated(
        "express",
        _npx("express-generator@4", "--no-view", "."),
        _file("public/index.html", "<h1>TEXT</h1>\n"),
        found="Express",
    ),
    Generated(
        "nestjs",
        _npx("@nestjs/cli@12", "new", ".", "--skip-install", "--skip-git", "--package-manager",
             "npm"),
        _file(
            "src/app.service.ts",
            _NEST_SERVICE,
        ),
        found="NestJS",
    ),
    Generated(
        "fastify",
        _npx("fastify-cli@8", "generate", ".", "--esm"),
        _file(
            "routes/root.js",
            'export default async function (app) {\n  app.get("/", async () => ({ said: "TEXT" }));'
            "\n}\n",
        ),
        found="Fastify",
    ),
    Generated("hono", _copy("hono"), _file("src/index.ts", _HONO), found="Hono"),
    Generated(
        "fastapi-uv",
        _fastapi_with_uv,
        _file(
            "main.py",
            'from fastapi import FastAPI\n\napp = FastAPI()\n\n\n@app.get("/")\ndef index():\n'
            '    return {"said": "TEXT"}\n',
        ),
        found="FastAPI",
    ),
    Generated(
        "flask-poetry",
        _flask_with_poetry,
        _file(
            "app.py",
            'from flask import Flask\n\napp = Flask(__name__)\n\n\n@app.get("/")\ndef index():\n'
            '    return "TEXT"\n',
        ),
        found="Flask",
    ),
    Generated(
        "django",
        _django_with_a_database,
        _file("mysite/urls.py", _VIEW),
        found="Django",
    ),
    Generated(
        "streamlit",
        _streamlit,
        _file("static/own.txt", "TEXT\n"),
        path="/app/static/own.txt",
        found="Streamlit",
    ),
    _member("pnpm", _pnpm_workspace, "web"),
    _member("pnpm", _pnpm_workspace, "api"),
    _member("npm", _npm_workspace, "web"),
    _member("npm", _npm_workspace, "api"),
)  # fmt: skip

BY_NAME: Mapping[str, Generated] = {app.name: app for app in APPS}
