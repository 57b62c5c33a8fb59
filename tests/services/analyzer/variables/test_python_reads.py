"""Reads in Python: direct ones, through aliases, and settings classes."""

import pytest

from autodeploy.services.analyzer.variables.python import find_reads
from autodeploy.services.analyzer.variables.reads import Read


def read(code: str) -> Read:
    (found,) = find_reads(code, "app.py")
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
        ('import os\nk = os.getenv("KEY")\nif not k:\n    raise SystemExit', True),
        ('import os\nk = os.getenv("KEY")\nif k is None:\n    raise ValueError', True),
        ('import os\ntry:\n    os.environ["KEY"]\nexcept KeyError:\n    pass', False),
        ('import os\n"KEY" in os.environ', False),
    ],
)
def test_read_is_found_and_known_to_be_required_or_not(code: str, required: bool) -> None:
    found = read(code)
    assert (found.key, found.required, found.has_default) == ("KEY", required, False)


@pytest.mark.parametrize(
    ("code", "key", "default"),
    [
        ("import dj_database_url\nd = dj_database_url.config()", "DATABASE_URL", None),
        ("import dj_database_url as dj\ndj.config(conn_max_age=9)", "DATABASE_URL", None),
        (
            'from dj_database_url import config\nconfig("KEY", "sqlite:///db")',
            "KEY",
            "sqlite:///db",
        ),
        ('import dj_database_url\ndj_database_url.config(env="KEY", default=x)', "KEY", None),
    ],
)
def test_the_reader_of_djangos_database_is_known(code: str, key: str, default: str | None) -> None:
    found = read(code)
    assert (found.key, found.default, found.type) == (key, default, "database_connection")
    assert found.has_default == ("default" in code or default is not None)
    assert not found.required


@pytest.mark.parametrize(
    "code",
    [
        "import dj_database_url\ndj_database_url.parse(x)",
        "import dj_database_url\nother.config()",
        'import os\nos.environ["KEY"] = "1"',
        'import os\ndel os.environ["KEY"]',
        '# os.environ["KEY"]',
        '"""os.environ["KEY"]"""',
        'other.environ["KEY"]',
        'settings.get("KEY")  # environ',
        'import os\nos.environ[f"{x}_KEY"]',
        "import os\nos.environ[",
    ],
)
def test_what_is_no_read_is_not_found(code: str) -> None:
    assert find_reads(code, "app.py") == []


@pytest.mark.parametrize(
    ("code", "default", "kind"),
    [
        ('os.getenv("KEY", "x")', "x", None),
        ('int(os.environ.get("KEY", "8"))', "8", "integer"),
        ('os.environ.get("KEY", default=False)', "False", "boolean"),
        ('os.getenv("KEY") or "y"', "y", None),
        ('os.getenv("KEY", make())', None, None),
    ],
)
def test_default_makes_a_read_optional(code: str, default: str | None, kind: str | None) -> None:
    found = read(f"import os\n{code}")
    assert (found.required, found.has_default) == (False, True)
    assert (found.default, found.type) == (default, kind)


def test_settings_class_reads_each_field_under_its_prefix() -> None:
    code = """
from pydantic import Field, PostgresDsn
from pydantic_settings import BaseSettings, SettingsConfigDict

class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="APP_")
    database: PostgresDsn
    workers: int = 2
    token: str = Field(..., validation_alias="SECRET_TOKEN")
    note: str | None = None
    tags: list[str] = Field(default_factory=list)
    _private: int = 0
"""
    found = {one.key: one for one in find_reads(code, "settings.py")}
    assert set(found) == {"APP_DATABASE", "APP_WORKERS", "SECRET_TOKEN", "APP_NOTE", "APP_TAGS"}
    assert found["APP_DATABASE"].required
    assert found["APP_DATABASE"].type == "database_connection"
    assert found["SECRET_TOKEN"].required
    assert not found["APP_WORKERS"].required
    assert found["APP_WORKERS"].default == "2"
    assert found["APP_WORKERS"].line == 8
