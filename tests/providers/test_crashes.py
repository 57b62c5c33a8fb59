"""What an app's last words are taken for."""

from pathlib import Path

import pytest

from autodeploy.kernel.outputs import MOST_LINES, lines_that_matter
from autodeploy.providers.crashes import explain_crash

OUTPUTS = Path(__file__).parent / "outputs"

# What apps and release commands really printed: a part of the cause, and a line to be shown.
RECORDED = {
    "alembic-no-revision": ("nosuch", "Can't locate revision"),
    "alembic-refused": ("does not answer", "sqlalchemy.exc.OperationalError"),
    "celery-refused": ("does not answer", "Cannot connect to redis"),
    "django-migrate-failed": ("data in the database", "UNIQUE constraint failed"),
    "django-migrate-refused": ("does not answer", "django.db.utils.OperationalError"),
    "django-no-table": ("migrations have not run", "site1/urls.py"),
    "flask-port-in-use": ("in use", "Address already in use"),
    "gunicorn-missing-variable": ("STRIPE_SECRET_KEY", "/app/shop/settings.py"),
    "gunicorn-port-in-use": ("in use", "Connection in use"),
    "gunicorn-wrong-module": ("module wrong", "No module named 'wrong'"),
    "nest-unresolved-provider": ("cannot make Shop", "argument Prices"),
    "node-esm-in-cjs": ("kinds of modules", "/app/s7.cjs:1"),
    "node-missing-build": ("/app/dist/wrong.js", "Cannot find module"),
    "node-missing-file": ("/app/db.mjs", "imported from /app/s1.mjs"),
    "node-missing-module": ("dotenv", "/app/s2.cjs:1:1"),
    "node-missing-variable": ("STRIPE_SECRET_KEY", "/app/s5.mjs:3"),
    "node-pg-refused": ("does not answer", "ECONNREFUSED 127.0.0.1:5432"),
    "node-port-in-use": ("in use", "/app/s4.mjs:2:61"),
    "node-type-error": (None, "/app/s6.mjs:2:18"),
    "psycopg-refused": ("does not answer", "/app/m6.py"),
    "uvicorn-missing-module": ("module redis", "/app/m2.py"),
    "uvicorn-port-in-use": ("in use", "address already in use"),
    "uvicorn-syntax": ("does not parse", "/app/m3.py"),
}


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("KeyError: 'API_KEY'", "API_KEY"),
        ("Error: Missing required environment variable STRIPE_KEY", "STRIPE_KEY"),
        ("SECRET_KEY must be set", "SECRET_KEY"),
        ("ModuleNotFoundError: No module named 'flask'", "flask"),
        ("Error: Cannot find module 'express'", "express"),
        ("Error: listen EADDRINUSE: address already in use :::3000", "fixed one"),
        ("Error: Could not find a production build in the '.next' directory.", "not made"),
        ("psycopg.OperationalError: connection failed", "does not answer"),
        ("Error: connect ECONNREFUSED 127.0.0.1:6379", "does not answer"),
        ('FATAL: password authentication failed for user "app"', "refuses"),
        ('ERROR:  relation "users" does not exist', "migrations"),
        ("Error: EROFS: read-only file system, open '/etc/x'", "may not"),
        ("sh: 1: gunicorn: not found", "gunicorn"),
        ("MemoryError", "memory"),
    ],
)
def test_a_known_reason_is_named(said: str, cause: str) -> None:
    found = explain_crash(["starting", said])

    assert found is not None
    assert cause in found.cause
    assert found.remedy


def test_ordinary_output_is_not_explained_away() -> None:
    assert explain_crash(["listening", "GET / 200", "bye"]) is None


def test_every_recorded_output_is_expected() -> None:
    assert {path.stem for path in OUTPUTS.glob("*.txt")} == set(RECORDED)


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_output_gets_its_cause_and_lines(name: str) -> None:
    cause, line = RECORDED[name]
    said = (OUTPUTS / f"{name}.txt").read_text().splitlines()

    found = explain_crash(said)
    shown = lines_that_matter(said)

    assert (cause in found.cause) if found and cause else found is cause
    assert any(line in one for one in shown), shown
    assert len(shown) <= MOST_LINES
    assert not any("node:internal" in one or "<frozen" in one for one in shown), shown
