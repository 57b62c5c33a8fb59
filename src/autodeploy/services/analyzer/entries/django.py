"""Django projects: the settings module, the WSGI module, migrations and static files."""

import re

from autodeploy.services.analyzer.entries.application import Entry, serve_line, with_server
from autodeploy.services.analyzer.entries.base import Run
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.matcher import FrameworkRecord, PythonApp
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.plan import AppKind, Command

_SETTINGS = re.compile(r"""DJANGO_SETTINGS_MODULE['"]\s*,\s*['"]([\w.]+)""")
_APPLICATION = {
    kind: re.compile(rf"""(?m)^{kind.upper()}_APPLICATION\s*=\s*['"]([\w.]+)\.\w+['"]""")
    for kind in ("wsgi", "asgi")
}

# For projects that are asynchronous only; the rest is served by the record's own server.
ASGI = PythonApp(
    constructors=(),
    server="uvicorn",
    server_in=("uvicorn",),
    folder_option="--app-dir",
    start="uvicorn {app}{folder} --host 0.0.0.0 --port $PORT",
    start_factory="uvicorn --factory {app}{folder} --host 0.0.0.0 --port $PORT",
)


def run(files: SourceFiles, packages: Packages, record: FrameworkRecord) -> Run:
    """How to run a Django project: gunicorn on its WSGI module, migrations as the release."""
    app = record.python_app
    manage = next(iter(files.glob("manage.py") + files.glob("*/manage.py")), None)
    if app is None or manage is None:
        return Run(kind=AppKind.LIBRARY, install=packages.install, found=False)
    folder = manage.rpartition("/")[0]
    settings = _settings(files, manage, folder)
    _warn(files, settings)
    module, kind = _module(files, folder, settings, "wsgi"), "WSGI"
    if module is None and packages.has("uvicorn"):
        module, kind, app = _module(files, folder, settings, "asgi"), "ASGI", ASGI
    start = None
    if module:
        entry = Entry(manage, 1, module, "application", False, folder)
        start = Command(command=serve_line(app, entry), reason=f"{kind} module {module}")
    return Run(
        kind=AppKind.SERVER,
        install=with_server(files, packages, app),
        build=_collect_static(files, manage, settings),
        start=start,
        release=_migrate(manage, settings),
        port=record.port,
        found=start is not None,
    )


def _settings(files: SourceFiles, manage: str, folder: str) -> str:
    """The text of the settings that ``manage.py`` names, with the modules of its package."""
    named = _SETTINGS.search(files.text(manage) or "")
    if not named:
        return ""
    path = "/".join(filter(None, (folder, named.group(1).replace(".", "/"))))
    files.note(manage, f"settings are {named.group(1)}")
    inside = files.glob(f"{path}/*.py") or files.glob(f"{path.rpartition('/')[0]}/base.py")
    modules = [f"{path}.py", *inside]
    return "\n".join(files.text(module) or "" for module in modules if files.has(module))


def _module(files: SourceFiles, folder: str, settings: str, kind: str) -> str | None:
    """The module of the ``wsgi`` or ``asgi`` application: named in the settings, else by habit."""
    named = _APPLICATION[kind].search(settings)
    if named:
        return named.group(1)
    below = f"{folder}/" if folder else ""
    for pattern in (f"{kind}.py", f"*/{kind}.py", f"*/{kind}/__init__.py"):
        for path in files.glob(below + pattern):
            if f"get_{kind}_application" in (files.text(path) or ""):
                files.note(path, f"is the {kind.upper()} module")
                module = path.removeprefix(below).removesuffix(".py").removesuffix("/__init__")
                return module.replace("/", ".")
    return None


def _collect_static(files: SourceFiles, manage: str, settings: str) -> Command | None:
    if not re.search(r"(?m)^[ \t]*STATIC_ROOT\s*=", settings):
        return None
    if "whitenoise" not in settings.lower():
        files.warn("STATIC_ROOT is set, but nothing serves it (whitenoise is the usual way).")
    return Command(
        command=f"python {manage} collectstatic --noinput", reason="the settings name STATIC_ROOT"
    )


def _migrate(manage: str, settings: str) -> Command | None:
    """The migrations; Django refuses them where the settings name no database.

    Settings that import others may name one where it is not seen, so they are taken to.
    """
    if settings and not re.search(r"(?m)^[ \t]*DATABASES\b|import \*", settings):
        return None
    return Command(command=f"python {manage} migrate --noinput", reason="Django migrations")


def _warn(files: SourceFiles, settings: str) -> None:
    debug_off = re.search(r"(?m)^DEBUG\s*=\s*False", settings)
    if debug_off and re.search(r"(?m)^ALLOWED_HOSTS\s*=\s*\[\s*\]", settings):
        files.warn("ALLOWED_HOSTS is empty while DEBUG is off: Django refuses every request.")
    if "django.db.backends.sqlite3" in settings and "DATABASE_URL" not in settings:
        files.warn("The database is an SQLite file in the app's folder: a redeploy starts anew.")
