"""A pytest plugin that writes which functions each test calls, as JSON into ``CALLED_FILE``.

``mutate_authz`` runs the tests once with ``note`` in the functions that hold a mutant, and then
for each mutant only those tests that reach it.
"""

import json
import os
from collections.abc import Generator
from pathlib import Path

import pytest

_called: dict[str, set[str]] = {}
_places: set[str] = set()


def note(place: str) -> None:
    """Say that the function at ``place`` (``path:name``) is called by the test that runs."""
    _places.add(place)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Collect what is noted from the first fixture of the test to its end."""
    global _places
    _called[item.nodeid] = _places = set()
    return (yield)


def pytest_sessionfinish() -> None:
    """Write what was noted."""
    called = {test: sorted(places) for test, places in _called.items()}
    Path(os.environ["CALLED_FILE"]).write_text(json.dumps(called))
