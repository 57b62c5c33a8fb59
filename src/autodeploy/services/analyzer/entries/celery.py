"""Celery: the worker, and the scheduler, that run beside a Python app.

https://docs.celeryq.dev/en/stable/reference/cli.html (read 2026-11).
"""

import re
from dataclasses import replace

from autodeploy.services.analyzer.entries.application import find_entry, serve_line
from autodeploy.services.analyzer.entries.base import Run
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.matcher import PythonApp
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.plan import AppKind, Command

_CELERY = PythonApp(
    constructors=("Celery",),
    server="celery",
    server_in=("celery",),
    folder_option="--workdir",
    start="celery --app {app}{folder}",
    start_factory="celery --app {app}{folder}",
)

_SCHEDULE = re.compile(r"(?i)\bbeat_schedule\b|_beat_schedule\b|\badd_periodic_task\(")
_SETTINGS = ("settings.py", "*/settings.py", "*/settings/*.py", "celeryconfig.py")
_IN_DATABASE = "django_celery_beat.schedulers:DatabaseScheduler"


def with_worker(run: Run, files: SourceFiles, packages: Packages | None) -> Run:
    """The run with a worker for the Celery application, if there is one.

    Where nothing else can be started, the worker is the app.
    """
    if packages is None or not packages.has("celery"):
        return run
    entry = find_entry(files, _CELERY)
    if entry is None or entry.factory:
        return run
    files.note(entry.path, f"makes the Celery application `{entry.name}`", entry.line)
    reason = f"{entry.path} makes the Celery application `{entry.name}`"
    line = serve_line(_CELERY, entry)
    workers = {"worker": Command(command=f"{line} worker --loglevel INFO", reason=reason)}
    beat = _beat(files, packages, entry.path)
    if beat:
        options = f" beat --loglevel INFO --schedule /tmp/celerybeat-schedule{beat[1]}"
        workers["beat"] = Command(command=line + options, reason=beat[0])
    run = replace(run, workers={**workers, **run.workers})
    if run.start is None and run.kind is AppKind.LIBRARY:
        return replace(run, kind=AppKind.WORKER, start=workers["worker"], found=True)
    return run


def _beat(files: SourceFiles, packages: Packages, path: str) -> tuple[str, str] | None:
    """(why there is a schedule, the option for it), or None where there is none."""
    if packages.has("django-celery-beat"):
        return "depends on django-celery-beat", f" --scheduler {_IN_DATABASE}"
    settings = (found for pattern in _SETTINGS for found in files.glob(pattern))
    for place in (path, *settings):
        if _SCHEDULE.search(files.text(place) or ""):
            return f"{place} has a schedule", ""
    return None
