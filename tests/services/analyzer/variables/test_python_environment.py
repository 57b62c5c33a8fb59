"""Reads of the environment in Python: direct, through names, functions and lists."""

# ruff: noqa: E501 - code is quoted as people write it
import pytest

from autodeploy.services.analyzer.variables.python import find_reads
from autodeploy.services.analyzer.variables.reads import Read


def reads_of(code: str) -> list[Read]:
    return find_reads({"app.py": code})


def read(code: str) -> Read:
    (found,) = reads_of(code)
    return found


@pytest.mark.parametrize(
    ("code", "required"),
    [
        ('import os\nos.environ["KEY"]', True),
        ('import os as o\no.environ["KEY"]', True),
        ('from os import environ as env\nenv["KEY"]', True),
        ('import os\nenv = os.environ\nenv["KEY"]', True),
        ('import os\nNAME = "KEY"\nos.environ[NAME]', True),
        ('import os\nos.environ.get("KEY")', False),
        ('import os\nos.environ.get("KEY").split(",")', True),
        ('import os\nint(os.getenv("KEY"))', True),
        ('from os import getenv\ngetenv("KEY")', False),
        ('from os import getenv as g\ng("KEY")', False),
        ('import os\nget = os.environ.get\nget("KEY")', False),
        ('import os\nk = os.getenv("KEY")\nif not k:\n    raise SystemExit', True),
        ('import os\nk = os.getenv("KEY")\nif k is None:\n    raise ValueError', True),
        ('import os\nk = os.getenv("KEY")\nif not k or not other:\n    raise ValueError', True),
        ('import os\nk = os.getenv("KEY")\nassert k, "no KEY"', True),
        ('import os\ntry:\n    os.environ["KEY"]\nexcept KeyError:\n    pass', False),
        ('import os\nif "KEY" in os.environ:\n    pass', False),
        ('import os\ncopy = os.environ.copy()\ncopy["KEY"]', True),
        ('import os\nenv = {**os.environ}\nenv["KEY"]', True),
        ('import os\ndef f(env=os.environ):\n    return env["KEY"]', True),
        ('import os\ndef f(env):\n    return env.get("KEY")\nf(os.environ)', False),
        ('from dotenv import dotenv_values\nc = dotenv_values()\nc["KEY"]', True),
        (
            'import os\nfor name in ["KEY"]:\n    if name not in os.environ:\n        raise SystemExit',
            True,
        ),
        (
            'import os\ngone = [n for n in ("KEY",) if not os.getenv(n)]\nif gone:\n    raise SystemExit',
            True,
        ),
        ('import os\nP = "APP_"\nos.environ[P + "KEY"]', True),
        ('import os\nP = "APP_"\nos.environ[f"{P}KEY"]', True),
        ('import os\nif (k := os.getenv("KEY")):\n    pass', False),
        # Grammar of a Python that is newer than the one that reads it.
        ('import os\ntry:\n    pass\nexcept A, B:\n    pass\nos.environ["KEY"]', True),
    ],
)
def test_read_is_found_and_known_to_be_required_or_not(code: str, required: bool) -> None:
    found = read(code)
    assert (found.key.removeprefix("APP_"), found.required, found.has_default) == (
        "KEY",
        required,
        False,
    )


@pytest.mark.parametrize(
    "code",
    [
        'import os\nos.environ["KEY"] = "1"',
        'import os\ndel os.environ["KEY"]',
        'import os\nos.environ.update({"KEY": "1"})',
        'import os\n# os.environ["KEY"]',
        'import os\n"""os.environ["KEY"]"""',
        'import os\nother.environ["KEY"]',
        'import os\nsettings.get("KEY")  # environ',
        'import os\nos.environ[f"{x}_KEY"]',
        "import os\nos.environ[",
        'def f(environ):\n    return environ["KEY"]',
    ],
)
def test_what_is_no_read_is_not_found(code: str) -> None:
    assert reads_of(code) == []


@pytest.mark.parametrize(
    ("code", "default", "kind"),
    [
        ('os.getenv("KEY", "x")', "x", None),
        ('int(os.environ.get("KEY", "8"))', "8", "integer"),
        ('os.environ.get("KEY", default=False)', "False", "boolean"),
        ('os.getenv("KEY") or "y"', "y", None),
        ('os.getenv("KEY", make())', None, None),
        ('os.environ.setdefault("KEY", "z")', "z", None),
    ],
)
def test_default_makes_a_read_optional(code: str, default: str | None, kind: str | None) -> None:
    found = read(f"import os\n{code}")
    assert (found.required, found.has_default) == (False, True)
    assert (found.default, found.type) == (default, kind)


READER = """
import os
def need(name, default=None):
    value = os.environ.get(name, default)
    if value is None:
        raise RuntimeError(name)
    return value
"""


@pytest.mark.parametrize(
    ("call", "required", "default"),
    [
        ('need("KEY")', True, None),
        ('need("KEY", "x")', False, "x"),
        ('need(name="KEY", default="x")', False, "x"),
    ],
)
def test_call_of_a_function_that_reads_its_argument_is_a_read(
    call: str, required: bool, default: str | None
) -> None:
    found = read(READER + call)
    assert (found.key, found.required, found.default) == ("KEY", required, default)


def test_reader_may_take_the_name_at_any_place_and_be_handed_on() -> None:
    code = """
import os
def maybe_set(settings, name, envvar, default=None):
    if envvar in os.environ:
        settings[name] = os.environ[envvar]
def flag(settings, variable):
    maybe_set(settings, "x", variable)
maybe_set(s, "a.b", "ONE", default="1")
flag(s, "TWO")
"""
    found = {one.key: one for one in reads_of(code)}
    assert set(found) == {"ONE", "TWO"}
    assert (found["ONE"].default, found["TWO"].required) == ("1", False)


def test_method_that_reads_its_argument_is_a_reader() -> None:
    code = 'import os\nclass C:\n    def get(self, key):\n        return os.environ[key]\nC().get("KEY")'
    assert read(code).key == "KEY"


@pytest.mark.parametrize("how", ["from lib.env import need\nneed({})", "from lib import env\nenv.need({})",
                                 "import lib.env\nlib.env.need({})", "from lib.env import *\nneed({})"])  # fmt: skip
def test_reader_of_another_module_is_followed_where_it_is_imported(how: str) -> None:
    files = {"lib/env.py": READER, "app.py": how.format('"KEY"'), "else.py": 'need("UNRELATED")'}
    assert [(one.key, one.file) for one in find_reads(files)] == [("KEY", "app.py")]


def test_comment_above_or_behind_a_read_describes_it() -> None:
    above = read('import os\n# The key of it\nKEY = os.environ["KEY"]')
    behind = read('import os\nKEY = os.environ["KEY"]  # The key of it')
    assert above.description == behind.description == "The key of it"
