"""Python entry points: the module that makes the application object, or the script to run."""

import re
import shlex

from autodeploy.services.analyzer.entries import django
from autodeploy.services.analyzer.entries.application import find_entry, serve_line, with_server
from autodeploy.services.analyzer.entries.base import Run
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.matcher import Context, FrameworkRecord
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.plan import AppKind, Command

# Scripts that people start an app with, likeliest first.
SCRIPTS = (
    "main.py", "app.py", "server.py", "run.py", "bot.py", "index.py", "web.py", "src/main.py",
    "app/main.py", "src/app.py",
)  # fmt: skip

_LISTENS = re.compile(
    r"http\.server|socketserver|wsgiref|aiohttp|tornado|bottle|starlette|sanic|cherrypy|gradio|"
    r"uvicorn|waitress|gevent|werkzeug|falcon|socket\.|asyncio\.start_server|\bPORT\b"
)
_FIXED_PORT = re.compile(r"\bport\s*=\s*(\d{2,5})\b")


def run(files: SourceFiles, packages: Packages, record: FrameworkRecord, context: Context) -> Run:
    """How to run a Python app; what JavaScript there is beside it is not built."""
    if "build" in context.scripts:
        files.warn("package.json has a build script too; only the Python app is built.")
    if record.slug in ("django", "wagtail"):
        return django.run(files, packages, record)
    return framework_run(files, packages, record)


def framework_run(files: SourceFiles, packages: Packages, record: FrameworkRecord) -> Run:
    """How to run an app of a framework whose application object is served."""
    app = record.python_app
    if app is None:
        return script_run(files, packages, record)
    entry = find_entry(files, app)
    start = None
    if entry:
        files.note(entry.path, f"makes the application `{entry.name}`", entry.line)
        reason = f"{entry.path} makes the application object `{entry.name}`"
        start = Command(command=serve_line(app, entry), reason=reason)
    return Run(
        kind=AppKind.SERVER,
        install=with_server(files, packages, app),
        start=start,
        port=record.port,
        found=entry is not None,
    )


def script_run(files: SourceFiles, packages: Packages, record: FrameworkRecord) -> Run:
    """How to run a script: of a framework with its own runner, or plain Python."""
    script = _script(files, record)
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


def _script(files: SourceFiles, record: FrameworkRecord) -> str | None:
    present = [path for path in SCRIPTS if files.has(path)]
    if not record.generic:
        importing = re.compile(rf"(?m)^[ \t]*(?:import|from) {record.slug}\b")
        named = ("streamlit_app.py", *present, *files.glob("*.py"))
        return next((p for p in named if importing.search(files.text(p) or "")), None)
    if present:
        return present[0]
    alone = [path for path in files.glob("*.py") if path not in ("setup.py", "conftest.py")]
    return alone[0] if len(alone) == 1 and '"__main__"' in (files.text(alone[0]) or "") else None


def _check_listening(files: SourceFiles, script: str) -> None:
    text = files.text(script) or ""
    fixed = _FIXED_PORT.search(text)
    if fixed and "PORT" not in text:
        files.warn(f"{script} listens on port {fixed.group(1)}; it should listen on $PORT.")
    elif not _LISTENS.search(text):
        files.warn(f"Nothing in {script} shows that it listens on $PORT.")
