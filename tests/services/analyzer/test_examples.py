"""Every example has its expected plan, and every framework record its example.

UPDATE_EXPECTED_PLANS=1 writes the expected plans anew.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from autodeploy.services.analyzer.engine import analyze
from autodeploy.services.analyzer.frameworks import FRAMEWORKS
from autodeploy.services.analyzer.plan import AppKind, Plan
from autodeploy.services.analyzer.tree import FolderTree

EXAMPLES = Path(__file__).parents[3] / "examples"
NAMES = sorted(folder.name for folder in EXAMPLES.iterdir() if folder.is_dir())


def plan_of(name: str) -> Plan:
    return analyze(FolderTree(EXAMPLES / name))


def shown(plan: Plan) -> dict[str, Any]:
    return plan.model_dump(mode="json", by_alias=True, exclude={"analyzer_version"})


@pytest.mark.parametrize("name", NAMES)
def test_example_analyzed_gives_its_expected_plan(name: str) -> None:
    expected = EXAMPLES / name / "expected-plan.json"
    plan = shown(plan_of(name))
    if os.environ.get("UPDATE_EXPECTED_PLANS"):
        expected.write_text(json.dumps(plan, indent=2, ensure_ascii=False) + "\n")
    assert plan == json.loads(expected.read_text())


@pytest.mark.parametrize("name", NAMES)
def test_example_analyzed_is_sure_and_deployable(name: str) -> None:
    plan = plan_of(name)
    if plan.apps:
        plan = analyze(FolderTree(EXAMPLES / name), plan.apps[0])
    assert not plan.abstained
    spec = plan.build_spec()
    assert spec.start_command or spec.output_directory


def test_each_framework_record_has_an_example() -> None:
    shown = set()
    for name in NAMES:
        plan = plan_of(name)
        language = f"{plan.language}-bot" if plan.kind is AppKind.BOT else plan.language
        shown |= {plan.framework.slug if plan.framework else language}
    assert set(FRAMEWORKS) - shown == set()


def test_guestbook_needs_a_database_and_says_which_variable() -> None:
    plan = plan_of("guestbook")
    variables = {variable.key: variable for variable in plan.environment_variables}
    assert [(need.kind, need.variable) for need in plan.services] == [
        ("postgresql", "DATABASE_URL")
    ]
    assert variables["DATABASE_URL"].required
    assert variables["DATABASE_URL"].type == "database_connection"
    assert variables["DATABASE_URL"].description == "PostgreSQL connection string"
    assert not variables["PORT"].required
