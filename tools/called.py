"""A pytest plugin: which functions of the product each test calls, as JSON into ``CALLED_FILE``.

With it ``mutate_authz`` runs for a mutant only the tests that reach it.
"""

import json
import os
import sys
from collections.abc import Generator
from pathlib import Path
from types import CodeType, FrameType

import pytest

_MARK = "/src/autodeploy/"
_called: dict[str, set[str]] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Note the functions that run while the test does, each as ``path:name``."""
    seen: set[CodeType] = set()

    def note(frame: FrameType, _event: str, _argument: object) -> None:
        seen.add(frame.f_code)  # and trace no line of it

    sys.settrace(note)
    try:
        return (yield)
    finally:
        sys.settrace(None)
        _called[item.nodeid] = {_place(code) for code in seen if _MARK in code.co_filename}


def _place(code: CodeType) -> str:
    return f"{code.co_filename.partition(_MARK)[2]}:{code.co_name}"


def pytest_sessionfinish() -> None:
    """Write what was noted."""
    called = {test: sorted(functions) for test, functions in _called.items()}
    Path(os.environ["CALLED_FILE"]).write_text(json.dumps(called))
