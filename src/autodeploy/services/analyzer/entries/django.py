"""Django projects: the settings module, the WSGI module, migrations and static files."""

import re

from autodeploy.services.analyzer.entries.application import Entry, serve_line, with_server
from autodeploy.services.analyzer.entries.base import Run
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.matcher import FrameworkRecord
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.plan import AppKind, Command

_SETTINGS = re.compile(r"""DJANGO_SETTINGS_MODULE['"]\s*,\s*['"]([\w.]+)""")
_WSGI = re.compile(r"""(?m)^WSGI_APPLICATION\s*=\s*['"]([\w.]+)\.\w+['"]""")


def run(files: SourceFiles, packages: Packages, record: FrameworkRecord) -> Run:
    """How to run a Django project: gunicorn on its WSGI module, migrations as the release."""
    app = record.python_app
    manage = next(iter(files.glob("manage.py") + files.glob("*/manage.py")), None)
    if app is None or manage is None:
        return Run(kind=AppKind.LIBRARY, install=packages.install, found=False)
    folder = manage.rpartition("/")[0]
    settings = _settings(files, manage, folder)
    _warn(files, settings)
    module = _wsgi_module(files, folder, settings)
    start = None
    if module:
        entry = Entry(manage, 1, f"{module}", "application", False, folder)
        start = Command(command=serve_line(app, entry), reason=f"WSGI module {module}")
    return Run(
        kind=AppKind.SERVER,
        install=with_server(files, packages, app),
        build=_collect_static(files, manage, settings),
        start=start,
        release=_migrate(manage, settings),
        port=record.port,
        found=module is not None,
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


def _wsgi_module(files: SourceFiles, folder: str, settings: str) -> str | None:
    named = _WSGI.search(settings)
    if named:
        return named.group(1)
    below = f"{folder}/" if folder else ""
    for path in (*files.glob(f"{below}wsgi.py"), *files.glob(f"{below}*/wsgi.py")):
        if "get_wsgi_application" in (files.text(path) or ""):
            files.note(path, "is the WSGI module")
            return path.removeprefix(below).removesuffix(".py").replace("/", ".")
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
