"""Celery: the worker, and the scheduler, that run beside a Python app.

https://docs.celeryq.dev/en/stable/reference/cli.html (read 2026-11).
"""

from dataclasses import replace

from autodeploy.services.analyzer.entries.base import Run
from autodeploy.services.analyzer.entries.python import find_entry, serve_line
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.matcher import PythonApp
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.plan import Command

_CELERY = PythonApp(
    constructors=("Celery",),
    server="celery",
    server_in=("celery",),
    folder_option="--workdir",
    start="celery --app {app}{folder}",
    start_factory="celery --app {app}{folder}",
)


def with_worker(run: Run, files: SourceFiles, packages: Packages | None) -> Run:
    """The run with a worker for the Celery application, if there is one."""
    if packages is None or not packages.has("celery"):
        return run
    entry = find_entry(files, _CELERY)
    if entry is None or entry.factory:
        return run
    files.note(entry.path, f"makes the Celery application `{entry.name}`", entry.line)
    reason = f"{entry.path} makes the Celery application `{entry.name}`"
    line = serve_line(_CELERY, entry)
    workers = {"worker": Command(command=f"{line} worker --loglevel INFO", reason=reason)}
    if "beat_schedule" in (files.text(entry.path) or ""):
        beat = f"{line} beat --loglevel INFO --schedule /tmp/celerybeat-schedule"
        workers["beat"] = Command(command=beat, reason=f"{entry.path} has a beat_schedule")
    return replace(run, workers={**workers, **run.workers})
