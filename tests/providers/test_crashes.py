"""What an app's last words are taken for."""

import pytest

from autodeploy.providers.crashes import explain_crash


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
