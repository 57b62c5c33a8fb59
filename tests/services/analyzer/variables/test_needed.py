"""When an app fails for want of a variable: as soon as it is started, later, or not surely."""

import pytest
from tests.services.analyzer.trees import MemoryTree

from autodeploy.services.analyzer.engine import analyze

PYTHON = "import os\nos.environ['KEY']\n"
IN_FUNCTION = "import os\ndef f():\n    os.environ['KEY']\n"
ZOD = 'import { z } from "zod"\n'


def tree(files: dict[str, str]) -> MemoryTree:
    return MemoryTree({path: text.encode() for path, text in files.items()})


def needed(**files: str) -> str | None:
    plan = analyze(tree({name.replace("__", "."): text for name, text in files.items()}))
    [found] = [one for one in plan.environment_variables if one.key == "KEY"]
    return found.needed


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (PYTHON, "at_start"),
        (IN_FUNCTION, "later"),
        ("import os\nif __name__ == '__main__':\n    os.environ['KEY']\n", "at_start"),
        ("import os\nif DEBUG:\n    os.environ['KEY']\n", "later"),
        ("import os\nif os.environ['KEY']:\n    pass\n", "at_start"),
        ("import os\nos.getenv('KEY')\n", None),
        ("import os\nk = os.getenv('KEY')\nif not k:\n    raise SystemExit\n", "at_start"),
        ("import os\nk = os.getenv('KEY')\ndef f():\n    if not k:\n        raise E\n", "later"),
        ("from decouple import config\nKEY = config('KEY')\n", "at_start"),
        ("from pydantic_settings import BaseSettings\nclass S(BaseSettings):\n    key: str\n"
         "settings = S()\n", "at_start"),
        ("from pydantic_settings import BaseSettings\nclass S(BaseSettings):\n    key: str\n"
         "def make():\n    return S()\n", "later"),
    ],
)  # fmt: skip
def test_python_says_when_a_variable_is_needed(code: str, expected: str | None) -> None:
    assert needed(app__py=code, Procfile="web: python app.py\n") == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("const key = process.env.KEY", None),
        ("const key = process.env.KEY!", "later"),
        ("if (!process.env.KEY) throw new Error()", "at_start"),
        ("const key = process.env.KEY\nif (!key) throw new Error()", "at_start"),
        ("function f() {\n  if (!process.env.KEY) throw new Error()\n}", "later"),
        ("const { KEY } = process.env\nif (!KEY) {\n  process.exit(1)\n}", "at_start"),
        ("function need(n) { const v = process.env[n]; if (!v) throw 1; return v }\n"
         'const key = need("KEY")', "at_start"),
        (ZOD + "const env = z.object({ KEY: z.string() }).parse(process.env)", "at_start"),
        (ZOD + "const env = z.object({ KEY: z.string() }).safeParse(process.env)", "later"),
        (ZOD + "const env = () => z.object({ KEY: z.string() }).parse(process.env)", "later"),
    ],
)  # fmt: skip
def test_javascript_says_when_a_variable_is_needed(code: str, expected: str | None) -> None:
    manifest = '{"scripts": {"start": "node server.ts"}}'
    assert needed(server__ts=code, package__json=manifest) == expected


def test_main_of_go_and_the_configuration_of_elixir_run_at_start() -> None:
    go = 'package main\nimport "os"\nfunc %s() {\n\tk := os.Getenv("KEY")\n'
    go += '\tif k == "" {\n\t\tpanic("KEY")\n\t}\n}\n'
    assert needed(main__go=go % "main", go__mod="module m\n") == "at_start"
    assert needed(main__go=go % "other", go__mod="module m\n") == "later"
    mix = "defmodule A.MixProject do\nend\n"
    runtime = 'import Config\nconfig :a, key: System.fetch_env!("KEY")\n'
    plan = analyze(tree({"config/runtime.exs": runtime, "mix.exs": mix}))
    assert [one.needed for one in plan.environment_variables] == ["at_start"]


def test_file_that_nothing_loads_and_script_beside_the_app_are_not_needed_at_start() -> None:
    main = "print('hello')\n"
    start = {"main.py": main, "Procfile": "web: python main.py\n"}
    places = {
        "other.py": "later",
        "scripts/fill.py": None,
        "settings/local.py": None,
    }
    for path, expected in places.items():
        plan = analyze(tree({**start, path: PYTHON}))
        assert [one.needed for one in plan.environment_variables] == [expected], path
    imported = analyze(tree({**start, "main.py": "import other\n", "other.py": PYTHON}))
    assert [one.needed for one in imported.environment_variables] == ["at_start"]


def test_variable_that_a_file_of_the_repository_sets_is_not_needed() -> None:
    start = {"app__py": PYTHON, "Procfile": "web: python app.py\n"}
    assert needed(**start, __env="KEY=1\n") is None
    assert needed(**start, __env="KEY=\n") == "at_start"


def test_owner_has_the_last_word() -> None:
    said = "[variables.KEY]\nrequired = {}\n"
    optional = "import os\nos.getenv('KEY')\n"
    start = {"Procfile": "web: python app.py\n"}
    assert needed(**start, app__py=optional, autodeploy__toml=said.format("true")) == "at_start"
    assert needed(**start, app__py=PYTHON, autodeploy__toml=said.format("false")) is None
