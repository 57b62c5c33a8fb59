"""A pytest plugin: which functions of the product each test calls, as JSON into ``CALLED_FILE``.

With it ``mutate_authz`` runs for a mutant only the tests that reach it.
"""

import json
import os
import sys
from collections.abc import Generator
from pathlib import Path
from types import FrameType

import pytest

_MARK = "/src/autodeploy/"
_called: dict[str, set[str]] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Note the functions that run while the test does, each as ``path:name``."""
    seen = _called.setdefault(item.nodeid, set())

    def note(frame: FrameType, event: str, _argument: object) -> None:
        _, mark, path = frame.f_code.co_filename.partition(_MARK)
        if event == "call" and mark:
            seen.add(f"{path}:{frame.f_code.co_name}")

    sys.setprofile(note)
    try:
        return (yield)
    finally:
        sys.setprofile(None)


def pytest_sessionfinish() -> None:
    """Write what was noted."""
    called = {test: sorted(functions) for test, functions in _called.items()}
    Path(os.environ["CALLED_FILE"]).write_text(json.dumps(called))
