"""Python entry points: the module that makes the application object, or the script to run."""

import re
import shlex

from autodeploy.services.analyzer.entries import django, site
from autodeploy.services.analyzer.entries.application import find_entry, serve_line, with_server
from autodeploy.services.analyzer.entries.base import Run
from autodeploy.services.analyzer.entries.front_end import is_built_in_image, with_front_end
from autodeploy.services.analyzer.evidence import SourceFiles, table
from autodeploy.services.analyzer.matcher import Context, FrameworkRecord
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.plan import AppKind, Command

# Scripts that people start an app with, likeliest first.
SCRIPTS = (
    "main.py", "app.py", "server.py", "run.py", "bot.py", "index.py", "web.py", "src/main.py",
    "app/main.py", "src/app.py",
)  # fmt: skip

# Scripts of a package that start a server; any other may be a tool.
SERVING = ("start", "serve", "server", "web")

_LISTENS = re.compile(
    r"http\.server|socketserver|wsgiref|aiohttp|tornado|bottle|starlette|sanic|cherrypy|gradio|"
    r"uvicorn|waitress|gevent|werkzeug|falcon|socket\.|asyncio\.start_server|\bPORT\b"
)
_SERVES = re.compile(r"(?m)^[ \t]*(?:if __name__.*:[ \t]*)?serve\(")
_FIXED_PORT = re.compile(r"\bport\s*=\s*(\d{2,5})\b")


def run(files: SourceFiles, packages: Packages, record: FrameworkRecord, context: Context) -> Run:
    """How to run a Python app, with the front end that stands beside it."""
    if record.kind is AppKind.STATIC:
        return site.run(files, packages, record)
    if record.slug in ("django", "wagtail"):
        found = django.run(files, packages, record)
    else:
        found = framework_run(files, packages, record)
    if is_built_in_image(files):
        files.warn("The front end is built by the Dockerfile alone; here only the Python app is.")
        return found
    return with_front_end(found, files)


def framework_run(files: SourceFiles, packages: Packages, record: FrameworkRecord) -> Run:
    """How to run an app of a framework whose application object is served."""
    app = record.python_app
    if app is None or _serves_itself(files, record):
        return script_run(files, packages, record)
    entry = find_entry(files, app)
    if entry is None:
        return _without_application(files, packages, record)
    files.note(entry.path, f"makes the application `{entry.name}`", entry.line)
    reason = f"{entry.path} makes the application object `{entry.name}`"
    return Run(
        kind=AppKind.SERVER,
        install=with_server(files, packages, app),
        start=Command(command=serve_line(app, entry), reason=reason),
        port=record.port,
    )


def _serves_itself(files: SourceFiles, record: FrameworkRecord) -> bool:
    """Whether the script that uses the framework serves the application too, when it is run."""
    script = _script(files, record) if record.start_command else None
    return script is not None and _SERVES.search(files.text(script) or "") is not None


def _without_application(files: SourceFiles, packages: Packages, record: FrameworkRecord) -> Run:
    """How to run what depends on a framework and makes no application that was seen."""
    return Run(
        kind=AppKind.SERVER,
        install=packages.install,
        start=_named_script(files, packages) or _usual_script(files, record),
        port=record.port,
        found=False,
    )


def _usual_script(files: SourceFiles, record: FrameworkRecord) -> Command | None:
    """The script, or the package, that is run by its name."""
    lines = {path: f"python {path}" for path in SCRIPTS if files.has(path)}
    for path in files.glob("*/__main__.py"):
        lines[path] = f"python -m {shlex.quote(path.partition('/')[0])}"
    script = next(iter(lines), None)
    if script is None:
        return None
    reason = f"{script} is the entry point by its name; no {record.name} application was seen"
    return Command(command=lines[script], reason=reason)


def script_run(files: SourceFiles, packages: Packages, record: FrameworkRecord) -> Run:
    """How to run a script: of a framework with its own runner, or plain Python."""
    script = _script(files, record)
    named = _named_script(files, packages) if script is None else None
    if named:
        return Run(kind=record.kind, install=packages.install, start=named, port=record.port)
    if script is None:
        kind = AppKind.LIBRARY if record.generic else record.kind
        return Run(kind=kind, install=packages.install, port=record.port, found=False)
    line = (record.start_command or "python {file}").format(file=shlex.quote(script))
    files.note(script, "is the script that is started")
    if record.generic and record.kind is AppKind.SERVER:
        _check_listening(files, script)
    return Run(
        kind=record.kind,
        install=packages.install,
        start=Command(command=line, reason=f"{script} is the entry point by its name"),
        port=record.port,
    )


def _named_script(files: SourceFiles, packages: Packages) -> Command | None:
    """The script of ``pyproject.toml`` that is called like what starts a server."""
    manifest = files.toml("pyproject.toml")
    scripts = {
        **table(manifest, "tool", "poetry", "scripts"),
        **table(manifest, "project", "scripts"),
    }
    name = next((one for one in SERVING if one in scripts), None)
    if name is None:
        return None
    # Poetry runs the scripts of what it does not install.
    line = f"poetry run {name}" if packages.manager == "poetry" else name
    return Command(command=line, reason=f"pyproject.toml: script {name}")


def _script(files: SourceFiles, record: FrameworkRecord) -> str | None:
    present = [path for path in SCRIPTS if files.has(path)]
    if not record.generic:
        importing = re.compile(rf"(?m)^[ \t]*(?:import|from) {record.slug}\b")
        named = ("streamlit_app.py", *present, *files.glob("*.py"))
        return next((p for p in named if importing.search(files.text(p) or "")), None)
    if present:
        return present[0]
    if "build-system" in files.toml("pyproject.toml"):
        return None  # a package, and a script beside it is a tool for whoever works on it
    alone = [path for path in files.glob("*.py") if path not in ("setup.py", "conftest.py")]
    return alone[0] if len(alone) == 1 and '"__main__"' in (files.text(alone[0]) or "") else None


def _check_listening(files: SourceFiles, script: str) -> None:
    text = files.text(script) or ""
    fixed = _FIXED_PORT.search(text)
    if fixed and "PORT" not in text:
        files.warn(f"{script} listens on port {fixed.group(1)}; it should listen on $PORT.")
    elif not _LISTENS.search(text):
        files.warn(f"Nothing in {script} shows that it listens on $PORT.")
