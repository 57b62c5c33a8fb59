"""Whatever a repository's files hold, there is an answer, and soon."""

import itertools
import json
import random
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.services.analyzer.asked_names import (
    asked_names,
    example_files,
    examples,
    known_words,
)
from tests.services.analyzer.trees import MemoryTree

from autodeploy.kernel.app_file import AutodeployTomlInvalid
from autodeploy.services.analyzer.engine import analyze
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.plan import Plan

MOST_SECONDS = 2.0
SLOW_BYTES = 8_000
# In so many trees the known names are put.
TREES = 20
EXPLORE = settings(
    max_examples=250, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)

# What makes parsers and patterns slow when it is repeated, with what may come after it.
REPEATED = (
    "a", " ", "\t", "\n", "\r", "'", '"', "`", "\\", "/", "/*", "<a>", "<!--", "&a;", "{", "[", "(",
    "${", "{{", "a.", "a=", "a: ", "- ", "-", "#", "=", ",", "[a]\n", "[[a]]\n", "a b ", "a\n",
    "a = [\n", "a==1;", "&a [*a,", "!", "!!", "|\n", ">\n", "def a do\n", "a{", "@", "$", "%", "<%",
    "::", "->", "\u0130", "\u2028",
)  # fmt: skip

# Ways in which a file of an example is broken.
BROKEN = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "doubled": lambda content: content + content,
    "with NULs": lambda content: content.replace(b"e", b"\0"),
    "invalid UTF-8": lambda content: content.replace(b"e", b"\xff\xc3"),
    "UTF-16": lambda content: content.decode("utf-8", "replace").encode("utf-16"),
    "UTF-16 cut": lambda content: content.decode("utf-8", "replace").encode("utf-16")[:-1],
    "carriage returns": lambda content: content.replace(b"\n", b"\r"),
    "without quotes": lambda content: content.replace(b'"', b""),
    "brackets swapped": lambda content: content.translate(bytes.maketrans(b"[]{}()", b"{})([]")),
    "numbers": lambda content: content.replace(b'"', b"9"),
    "a list": lambda content: b"[]",
    "null": lambda content: b"null",
    "lines reversed": lambda content: b"\n".join(reversed(content.splitlines())),
}


def analyzed(files: Mapping[str, bytes]) -> Plan | None:
    """The plan of these files, after checks that hold for all; None if their owner must act."""
    started = time.process_time()
    try:
        plan = analyze(MemoryTree(files))
    except AutodeployTomlInvalid:  # the owner's own words are never guessed around
        assert any(path.endswith("autodeploy.toml") for path in files)
        return None
    stored = plan.model_dump_json()
    assert time.process_time() - started < MOST_SECONDS, sorted(files)
    assert "\\u0000" not in stored
    json.loads(stored)
    return plan


def values() -> st.SearchStrategy[object]:
    words = st.sampled_from(known_words())
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(max_size=20)
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | tables(inner), max_leaves=12
    )


def tables(inner: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.dictionaries(st.sampled_from(known_words()), inner, max_size=5)


def as_toml(value: dict[str, object]) -> bytes:
    lines = (f"{json.dumps(key)} = {json.dumps(part)}" for key, part in value.items())
    return "\n".join(lines).encode("utf-8", "replace")


CONTENT = (
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
    | tables(values()).map(lambda value: json.dumps(value).encode())  # JSON, and YAML
    | tables(values()).map(as_toml)
    | st.lists(st.sampled_from(known_words())).map(lambda words: " ".join(words).encode())
    | st.lists(st.sampled_from(known_words())).map(lambda words: "\n".join(words).encode())
)


@EXPLORE
@given(st.dictionaries(st.sampled_from(asked_names()), CONTENT, min_size=1, max_size=5))
def test_any_content_under_any_known_name_gives_a_plan(files: dict[str, bytes]) -> None:
    analyzed(files)


@EXPLORE
@given(
    st.sampled_from(examples()),
    st.dictionaries(st.sampled_from(asked_names()), CONTENT, min_size=1, max_size=3),
)
def test_any_content_beside_a_real_app_gives_a_plan(folder: Path, files: dict[str, bytes]) -> None:
    analyzed({**example_files(folder), **files})


@pytest.mark.parametrize("folder", examples(), ids=lambda folder: folder.name)
def test_each_file_of_an_example_broken_gives_a_plan(folder: Path) -> None:
    files = example_files(folder)
    # Three ways for each file: over all examples, every kind of file meets every way.
    turn = itertools.cycle(BROKEN.values())
    for _ in range(sum(folder.name.encode()) % len(BROKEN)):
        next(turn)
    for path, content in files.items():
        for spoil in itertools.islice(turn, 3):
            analyzed({**files, path: spoil(content)})


@pytest.mark.parametrize("repeated", REPEATED)
def test_known_names_full_of_one_sign_are_read_in_time(repeated: str) -> None:
    signs = repeated * (SLOW_BYTES // len(repeated.encode()))
    content = f"{signs}\nx {signs} x".encode()
    names = asked_names()
    for start in range(TREES):
        # Those that are far from each other in the alphabet seldom stand in for each other.
        analyzed(dict.fromkeys(names[start::TREES], content) | {"index.html": b""})


class Anything(dict[str, object]):
    """A table in which every key that is looked up may be there, with a value of any kind."""

    def __init__(self, chance: random.Random):
        super().__init__({chance.choice(known_words()): value(chance) for _ in range(2)})
        self.chance = chance

    def get(self, key: str, default: object = None) -> object:  # type: ignore[override]
        if key not in self:
            self[key] = value(self.chance)
        return self[key]


def value(chance: random.Random, depth: int = 4) -> object:
    kind = chance.randrange(8 if depth else 5)
    if kind == 5:
        return Anything(chance) if chance.random() < 0.5 else {}
    if kind > 5:
        return [value(chance, depth - 1) for _ in range(chance.randrange(3))]
    return (None, True, -1.5, chance.choice(known_words()), "../ \udc80\n*")[kind]


@pytest.mark.parametrize("seed", range(20))
def test_manifests_of_any_shape_give_a_plan(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    names = [name for name in asked_names() if not name.endswith("autodeploy.toml")]
    tables: dict[str, Anything] = {}

    def parsed(files: SourceFiles, path: str, load: object) -> Mapping[str, object]:
        return tables.setdefault(files.at(path), Anything(chance)) if files.has(path) else {}

    monkeypatch.setattr(SourceFiles, "_parse", parsed)
    for _ in range(20):
        tables.clear()
        some = chance.sample(names, k=chance.randrange(1, len(names)))
        analyze(MemoryTree(dict.fromkeys(some, b"x")), with_variables=False)


def test_names_are_those_that_the_analyzer_asks_for() -> None:
    names = set(asked_names())
    assert {"package.json", "pyproject.toml", "Procfile", "pnpm-workspace.yaml"} <= names
    assert len(names) > 50
