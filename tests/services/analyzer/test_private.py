"""Apps that other apps alone are to reach: by ``autodeploy.toml``, or as a ``pserv`` of Render."""

from pathlib import Path

import pytest
from tests.services.analyzer.trees import plan_of

from autodeploy.services.analyzer.plan import AppKind, PrivateRefused
from autodeploy.services.analyzer.schemas import build_configuration

EXPRESS = '{"dependencies": {"express": "5"}, "scripts": {"start": "node server.js"}}'
APP = {"package.json": EXPRESS, "server.js": ""}
SITE = {"index.html": "<h1>Hello</h1>"}
BOT = {"Procfile": "worker: python3 work.py", "work.py": ""}
PSERV = "services:\n  - {type: pserv, name: api, runtime: node}\n"
PRIVATE = {"autodeploy.toml": "private = true"}


def test_app_is_public_where_nobody_says_otherwise(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, APP)
    assert (plan.private, plan.build_spec().private) == (False, False)
    assert not build_configuration(plan).private


@pytest.mark.parametrize(
    ("files", "private"),
    [
        (PRIVATE, True),
        ({"render.yaml": PSERV}, True),
        ({"render.yaml": PSERV.replace("pserv", "web")}, False),
        ({"render.yaml": PSERV, "autodeploy.toml": "private = false"}, False),
        ({"render.yaml": PSERV.replace("pserv", "web"), **PRIVATE}, True),
    ],
)
def test_who_says_so_first_is_obeyed(tmp_path: Path, files: dict[str, str], private: bool) -> None:
    plan = plan_of(tmp_path, {**APP, **files})
    assert (plan.private, plan.build_spec().private) == (private, private)
    assert build_configuration(plan).private == private
    assert not [one for one in plan.warnings if "private" in one]


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({**SITE, **PRIVATE}, "a static site"),
        ({**SITE, "render.yaml": PSERV}, "a static site"),
        ({**BOT, **PRIVATE}, "a worker"),
    ],
)
def test_what_is_no_server_is_not_deployed_as_if_nothing_had_been_said(
    tmp_path: Path, files: dict[str, str], named: str
) -> None:
    plan = plan_of(tmp_path, files)
    assert [one for one in plan.warnings if one.startswith("`private` is for servers")]
    with pytest.raises(PrivateRefused, match=named) as refused:
        plan.build_spec()
    assert (refused.value.code, refused.value.field) == ("private_refused", "private")
    assert "autodeploy.toml" in (refused.value.remedy or "")


def test_private_service_that_listens_nowhere_is_a_worker(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {**BOT, "render.yaml": PSERV.replace("node", "python")})
    assert (plan.kind, plan.private) == (AppKind.WORKER, False)
    assert plan.build_spec().kind == "worker"


def test_word_for_a_workspace_is_for_its_only_app(tmp_path: Path) -> None:
    files = {f"apps/api/{path}": text for path, text in APP.items()}
    workspace = '{"private": true, "workspaces": ["apps/*"]}'
    found = plan_of(tmp_path, {**files, "package.json": workspace, **PRIVATE})
    assert (found.root_directory, found.private) == ("apps/api", True)
    assert found.recommendation is not None
    assert [item.item for item in found.recommendation.cost_items] == ["local.private"]


def test_rootdir_of_a_private_service_leads_to_a_private_app(tmp_path: Path) -> None:
    files = {f"api/{path}": text for path, text in APP.items()}
    said = PSERV.replace("name: api", "name: api, rootDir: api, startCommand: node server.js")
    plan = plan_of(tmp_path, {**files, "render.yaml": said})
    assert (plan.root_directory, plan.private) == ("api", True)
