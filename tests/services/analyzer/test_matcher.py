"""One matcher reads all records; their order never decides."""

import itertools
from pathlib import Path

import pytest
from tests.services.analyzer.trees import write

from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.frameworks import FRAMEWORKS
from autodeploy.services.analyzer.matcher import (
    Content,
    Context,
    Dependency,
    File,
    FrameworkRecord,
    Script,
    Way,
    judge,
)
from autodeploy.services.analyzer.plan import AppKind
from autodeploy.services.analyzer.tree import FolderTree


def record(slug: str, *ways: Way, **values: frozenset[str]) -> FrameworkRecord:
    return FrameworkRecord(
        slug=slug, name=slug.title(), language="node", kind=AppKind.SERVER, source="", ways=ways,
        **values,
    )  # type: ignore[arg-type]  # fmt: skip


def context(folder: Path) -> Context:
    write(folder, {"config.js": "line\nexport default 'magic'", "package.json": '{\n"a": "1"}'})
    return Context(
        files=SourceFiles(FolderTree(folder)),
        production={"node": {"a": "1"}},
        development={"node": {"b": "2"}},
        manifests={"node": {"a": "package.json", "b": "package.json"}},
        scripts={"start": "node x"},
    )


@pytest.mark.parametrize(
    ("condition", "fact"),
    [
        (Dependency("a"), ("package.json", "depends on a", 2)),
        (File("conf*.js"), ("config.js", "config.js exists", None)),
        (Content("*.js", "mag.c"), ("config.js", "holds `magic`", 2)),
        (Script("start", "node"), ("package.json", "script start is `node x`", None)),
    ],
)
def test_condition_that_holds_gives_the_fact_behind_it(
    tmp_path: Path, condition: File, fact: tuple[str, str, int | None]
) -> None:
    verdict = judge([record("one", Way(0.9, (condition,)))], context(tmp_path))
    assert verdict.winner is not None
    (found,) = verdict.winner.facts
    assert (found.path, found.text, found.line) == fact


@pytest.mark.parametrize(
    "condition",
    [Dependency("b", production_only=True), Dependency("c"), File("absent"), Content("*.js", "no"),
     Script("build", "."), File("*/config.js")],
)  # fmt: skip
def test_condition_that_does_not_hold_matches_nothing(tmp_path: Path, condition: File) -> None:
    assert judge([record("one", Way(0.9, (condition,)))], context(tmp_path)).winner is None


def test_order_of_records_never_decides(tmp_path: Path) -> None:
    records = [
        record("low", Way(0.5, (Dependency("a"),))),
        record("high", Way(0.9, (Dependency("a"),))),
        record("even", Way(0.9, (Dependency("b"),))),
        record("top", Way(0.8, (File("config.js"),)), supersedes=frozenset({"high", "even"})),
    ]
    where = context(tmp_path)
    verdicts = {judge(order, where) for order in itertools.permutations(records)}
    (verdict,) = verdicts
    assert verdict.winner is not None
    assert verdict.winner.record.slug == "top"
    assert [loser.slug for loser in verdict.losers] == ["even", "high", "low"]
    assert verdict.losers[0].lost_because == "Top supersedes it"


def test_surest_way_of_a_record_counts(tmp_path: Path) -> None:
    ways = Way(0.4, (Dependency("a"),)), Way(0.8, (Dependency("a"), File("config.js")))
    verdict = judge([record("one", *ways)], context(tmp_path))
    assert verdict.winner is not None
    assert verdict.winner.confidence == 0.8


def test_way_with_an_exception_that_holds_gives_place_to_the_next(tmp_path: Path) -> None:
    ways = Way(0.9, (Dependency("a"),), unless=(File("config.js"),)), Way(0.4, (Dependency("a"),))
    verdict = judge([record("one", *ways)], context(tmp_path))
    assert verdict.winner is not None
    assert verdict.winner.confidence == 0.4


@pytest.mark.parametrize("slug", sorted(FRAMEWORKS))
def test_record_is_complete(slug: str) -> None:
    known = FRAMEWORKS[slug]
    assert known.source.startswith("https://")
    assert known.supersedes <= set(FRAMEWORKS) - {slug}
    assert all(0 < way.confidence <= 1 and way.conditions for way in known.ways)
    if known.kind is AppKind.STATIC and not known.generic:
        assert known.output_directory


def test_no_two_records_supersede_each_other() -> None:
    mutual = {
        (slug, other)
        for slug, record in FRAMEWORKS.items()
        for other in record.supersedes
        if slug in FRAMEWORKS[other].supersedes
    }
    assert mutual == set()
