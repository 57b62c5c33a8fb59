"""Libraries and settings classes through which Python reads the environment."""

# ruff: noqa: E501 - code is quoted as people write it
import pytest

from autodeploy.services.analyzer.variables.python import MARKS, WORDS, find_reads
from autodeploy.services.analyzer.variables.reads import Read, holds_any


def by_key(code: str) -> dict[str, Read]:
    return {one.key: one for one in find_reads({"settings.py": code})}


def test_the_first_look_at_a_module_leaves_out_none_with_a_mark() -> None:
    assert [mark for mark in MARKS if not holds_any(mark, WORDS)] == []


LIBRARIES = {
    "environs": 'from environs import Env\nenv = Env()\nenv.str("NEED")\nenv.int("COUNT", 3)',
    "environs call": 'import environs\nenv = environs.Env()\nenv("NEED")\nenv.int("COUNT", default=3)',
    "environs ready": 'from environs import env\nenv("NEED")\nenv.int("COUNT", 3)',
    "decouple": 'from decouple import config\nconfig("NEED")\nconfig("COUNT", default=3, cast=int)',
    "decouple file": 'from decouple import Config, RepositoryEnv\nc = Config(RepositoryEnv(".env"))\n'
    'c("NEED")\nc("COUNT", default=3, cast=int)',
    "django-environ": 'import environ\nenv = environ.Env()\nenv("NEED")\nenv.int("COUNT", default=3)',
    "starlette": 'from starlette.config import Config\nc = Config(".env")\nc("NEED")\n'
    'c("COUNT", cast=int, default=3)',
    "everett": "from everett.manager import ConfigManager\nc = ConfigManager.basic_config()\n"
    'c("need")\nc("count", default="3", parser=int)',
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_library_reads_with_default_and_type(library: str) -> None:
    found = by_key(LIBRARIES[library])
    assert set(found) == {"NEED", "COUNT"}
    need, count = found["NEED"], found["COUNT"]
    assert (need.required, need.reason) == (True, "read without a default")
    assert (count.required, count.default) == (False, "3")
    if library != "everett":
        assert count.type == "integer"


def test_schema_of_django_environ_names_variables_and_known_readers_their_own() -> None:
    code = 'import environ\nenv = environ.Env(DEBUG=(bool, False))\nenv.db()\nenv.cache("MY_CACHE")'
    found = by_key(code)
    assert set(found) == {"DEBUG", "DATABASE_URL", "MY_CACHE"}
    assert (found["DEBUG"].default, found["DEBUG"].type) == ("False", "boolean")
    assert found["DATABASE_URL"].type == "database_connection"


def test_instance_is_followed_into_a_module_that_imports_all_names() -> None:
    files = {
        "shop/settings.py": "from environs import FileAwareEnv\nenv = FileAwareEnv()",
        "worker/settings.py": 'from shop.settings import *\nBROKER = env("BROKER_URL")',
        "other/settings.py": 'env("UNRELATED")',
    }
    assert [one.key for one in find_reads(files)] == ["BROKER_URL"]


def test_prefix_of_environs_is_put_before_the_names_inside_it() -> None:
    code = 'from environs import Env\nenv = Env()\nwith env.prefixed("APP_"):\n    env.str("KEY")\nenv("B")'
    assert set(by_key(code)) == {"APP_KEY", "B"}


def test_instance_of_another_module_is_followed() -> None:
    files = {
        "conf/base.py": "from environs import Env\nenv = Env()",
        "conf/live.py": 'from .base import env\nKEY = env("KEY")',
        "other.py": 'from elsewhere import env\nenv("NO")',
    }
    assert [one.key for one in find_reads(files)] == ["KEY"]


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
    (found,) = by_key(code).values()
    assert (found.key, found.default, found.type) == (key, default, "database_connection")
    assert found.has_default == ("default" in code or default is not None)


@pytest.mark.parametrize(
    "code", ["import dj_database_url\ndj_database_url.parse(x)", "import dj_database_url\nother.config()",
             'from decouple import Csv\nother("KEY")']
)  # fmt: skip
def test_what_is_no_reader_of_a_library_reads_nothing(code: str) -> None:
    assert by_key(code) == {}


def test_options_of_the_command_line_name_variables() -> None:
    code = (
        'import click\n@click.option("--key", envvar="KEY", default=3, help="The key")\n'
        '@click.option("--b", envvar=["B", "C"])\ndef main(key, b): ...'
    )
    found = by_key(code)
    assert set(found) == {"KEY", "B", "C"}
    assert (found["KEY"].default, found["KEY"].description) == ("3", "The key")


SETTINGS = """
from typing import Annotated, ClassVar
from pydantic import AliasChoices, Field, PostgresDsn, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="APP_")
    kind: ClassVar[str] = "x"
    database: PostgresDsn
    '''Where the data is.'''
    workers: int = 2
    token: str = Field(..., validation_alias="SECRET_TOKEN", description="Who we are")
    either: str = Field("x", validation_alias=AliasChoices("ONE", "TWO"))
    note: str | None = None
    tags: list[str] = Field(default_factory=list)
    inner: Annotated[str, Field(alias="INSIDE")]
    password: SecretStr
    _private: int = 0
    def method(self) -> str: ...
"""


def test_settings_class_reads_each_field_under_its_prefix() -> None:
    found = by_key(SETTINGS)
    assert set(found) == {
        "APP_DATABASE", "APP_WORKERS", "SECRET_TOKEN", "ONE", "TWO", "APP_NOTE", "APP_TAGS", "INSIDE",
        "APP_PASSWORD",
    }  # fmt: skip
    database, workers, token = found["APP_DATABASE"], found["APP_WORKERS"], found["SECRET_TOKEN"]
    assert (database.required, database.type) == (True, "database_connection")
    assert (database.reason, database.description) == (
        "required by its settings class", "Where the data is.",
    )  # fmt: skip
    assert (workers.required, workers.default, workers.type, workers.line) == (
        False,
        "2",
        "integer",
        11,
    )
    assert (token.required, token.description) == (True, "Who we are")
    assert not found["ONE"].required
    assert found["INSIDE"].required
    assert found["APP_PASSWORD"].secret


@pytest.mark.parametrize(
    "options",
    ['model_config = {"env_prefix": "APP_"}', 'class Config:\n        env_prefix = "APP_"'],
)
def test_prefix_is_read_from_each_place_that_may_hold_it(options: str) -> None:
    code = f"from pydantic import BaseSettings\nclass S(BaseSettings):\n    {options}\n    key: str"
    assert set(by_key(code)) == {"APP_KEY"}


def test_settings_class_inherits_across_modules() -> None:
    files = {
        "conf/base.py": "from pydantic import BaseSettings\nclass BaseAppSettings(BaseSettings):\n    env: str = 'x'",
        "conf/app.py": "from conf.base import BaseAppSettings\nclass AppSettings(BaseAppSettings):\n    key: str",
        "conf/live.py": "from conf.app import AppSettings\nclass Live(AppSettings):\n    debug: bool = False",
        "other.py": "class Other(Base):\n    name: str",
    }
    found = {one.key: one.file for one in find_reads(files)}
    assert found == {"ENV": "conf/base.py", "KEY": "conf/app.py", "DEBUG": "conf/live.py"}


NESTED = """
class Database(BaseModel):
    host: str
class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_nested_delimiter="__")
    db: Database
"""


def test_nested_name_is_given_only_where_it_stands_in_the_code() -> None:
    assert set(by_key(NESTED)) == {"DB"}
    assert set(by_key(NESTED + "# set DB__HOST\n")) == {"DB", "DB__HOST"}


def test_settings_of_dynaconf_are_read_under_their_prefix_where_that_name_stands() -> None:
    files = {
        "conf.py": 'from dynaconf import Dynaconf\nsettings = Dynaconf(envvar_prefix="APP")',
        "app.py": "from conf import settings\nsettings.KEY; settings.other\n# APP_KEY is needed",
    }
    assert [one.key for one in find_reads(files)] == ["APP_KEY"]


def test_settings_of_dynaconf_without_a_prefix_are_variables_themselves() -> None:
    code = 'from dynaconf import Dynaconf\ns = Dynaconf(envvar_prefix=False)\ns.KEY; s["B"]; s.get'
    assert set(by_key(code)) == {"KEY", "B"}
