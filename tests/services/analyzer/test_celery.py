"""Celery: workers beside an app, or alone."""

from pathlib import Path

import pytest
from tests.services.analyzer.trees import plan_of, start_of

from autodeploy.services.analyzer.plan import AppKind

_TASKS = "from celery import Celery\nq = Celery()\n"


def test_celery_runs_beside_the_web_app(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "celery\nflask\ngunicorn\n",
        "app.py": "from flask import Flask\napp = Flask(__name__)\n",
        "shop/jobs.py": "from celery import Celery\nq = Celery()\nq.conf.beat_schedule = {}\n",
    }
    plan = plan_of(tmp_path, files)

    lines = {name: one.command for name, one in plan.worker_commands.items()}
    assert lines["worker"] == "celery --app shop.jobs:q worker --loglevel INFO"
    assert lines["beat"].startswith("celery --app shop.jobs:q beat ")
    assert plan.build_spec().workers == lines


def test_celery_alone_is_the_app(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"requirements.txt": "celery\n", "tasks.py": _TASKS})

    assert plan.kind is AppKind.WORKER
    assert start_of(plan) == "celery --app tasks:q worker --loglevel INFO"
    assert plan.is_deployable


def test_worker_that_the_procfile_names_is_the_one(tmp_path: Path) -> None:
    procfile = "worker: celery -A tasks worker --pool solo\n"
    files = {"requirements.txt": "celery\n", "tasks.py": _TASKS, "Procfile": procfile}
    plan = plan_of(tmp_path, files)

    assert start_of(plan) == "celery -A tasks worker --pool solo"
    assert list(plan.worker_commands) == ["worker"]


@pytest.mark.parametrize(
    ("files", "beat"),
    [
        ({"proj/settings.py": "CELERY_BEAT_SCHEDULE = {}\n"}, True),
        ({"celeryconfig.py": "beat_schedule = {}\n"}, True),
        ({"tasks.py": _TASKS + "def f(sender):\n    sender.add_periodic_task(1.0)\n"}, True),
        ({"requirements.txt": "celery\ndjango-celery-beat\n"}, True),
        ({}, False),
    ],
)
def test_scheduler_runs_where_there_is_a_schedule(
    tmp_path: Path, files: dict[str, str], beat: bool
) -> None:
    plan = plan_of(tmp_path, {"requirements.txt": "celery\n", "tasks.py": _TASKS, **files})
    assert ("beat" in plan.worker_commands) is beat
