"""What ``autodeploy.toml`` says outranks what the analyzer finds."""

from pathlib import Path

import pytest
from tests.services.analyzer.trees import install_of, plan_of, start_of

from autodeploy.kernel.app_file import AutodeployTomlInvalid, HealthCheck
from autodeploy.providers.base import Cron
from autodeploy.services.analyzer.plan import AppKind

EXPRESS = '{"dependencies": {"express": "5"}, "scripts": {"start": "node server.js"}}'
APP = {"package.json": EXPRESS, "server.js": "process.env.TOKEN_URL"}


def test_commands_versions_and_health_path_are_obeyed(tmp_path: Path) -> None:
    said = """
        install = "npm ci --omit=dev"
        build = ""
        start = "node other.js"
        release = "node migrate.js"
        health = "/healthz"
        replicas = 3
        node = "22"
        [health_check]
        status = "200"
        timeout = 300
        [workers]
        mail = "node mail.js"
        [cron]
        nightly = { schedule = "0 3 * * *", command = "node clean.js" }
    """
    plan = plan_of(tmp_path, {**APP, "Procfile": "web: node x.js", "autodeploy.toml": said})
    assert install_of(plan) == "npm ci --omit=dev"
    assert plan.build_command is None
    assert start_of(plan) == "node other.js"
    assert plan.start_command is not None
    assert plan.start_command.reason == "autodeploy.toml: start"
    assert plan.release_command is not None
    assert plan.release_command.command == "node migrate.js"
    assert plan.worker_commands["mail"].command == "node mail.js"
    assert plan.cron_commands["nightly"].reason == "autodeploy.toml: cron.nightly"
    crons = {"nightly": Cron("0 3 * * *", "node clean.js")}
    assert plan.build_spec().crons == crons
    assert plan.build_spec().replicas == 3
    assert plan.health_path == "/healthz"
    assert plan.health_check == HealthCheck(status="200", timeout=300)
    assert plan.runtime is not None
    assert (plan.runtime.version_request, plan.runtime.source) == ("22", "autodeploy.toml")
    assert plan.framework is not None
    assert plan.framework.slug == "express"


def test_output_makes_a_static_site(tmp_path: Path) -> None:
    said = 'build = "make"\noutput = "site"\nspa = true'
    plan = plan_of(tmp_path, {"autodeploy.toml": said, "Makefile": ""})
    assert (plan.kind, plan.output_directory, plan.spa_fallback) == (AppKind.STATIC, "site", True)
    assert plan.build_command is not None
    assert not plan.abstained
    assert plan.build_spec().output_directory == "site"


def test_replicas_of_what_is_no_server_are_warned_of(tmp_path: Path) -> None:
    files = {"Procfile": "worker: python3 work.py", "autodeploy.toml": "replicas = 2"}
    plan = plan_of(tmp_path, {**files, "work.py": ""})
    assert plan.kind is AppKind.WORKER
    assert [one for one in plan.warnings if "`replicas`" in one]
    served = plan_of(tmp_path, {**APP, **files, "Procfile": "web: node server.js"})
    assert served.build_spec().replicas == 2
    assert not [one for one in served.warnings if "`replicas`" in one]


def test_start_alone_tells_the_language(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"autodeploy.toml": 'start = "python3 serve.py"', "serve.py": ""})
    assert (plan.language, plan.kind) == ("python", AppKind.SERVER)
    assert plan.build_spec().start_command == "python3 serve.py"


def test_root_leads_to_the_app_whose_own_file_is_nearer(tmp_path: Path) -> None:
    files = {f"apps/web/{path}": content for path, content in APP.items()}
    files["autodeploy.toml"] = 'root = "apps/web"\nhealth = "/up"'
    plan = plan_of(tmp_path, files)
    assert (plan.root_directory, plan.health_path) == ("apps/web", "/up")
    assert plan_of(tmp_path, files, "apps/web").health_path == "/up"
    assert plan_of(tmp_path, {"apps/api/package.json": EXPRESS}, "apps/api").health_path is None
    plan = plan_of(tmp_path, {"apps/web/autodeploy.toml": 'health = "/near"'})
    assert plan.health_path == "/near"


def test_variables_are_completed(tmp_path: Path) -> None:
    said = """
[variables.TOKEN_URL]
required = true
secret = true
description = "Where tokens come from"
[variables.EXTRA]
build = true
"""
    plan = plan_of(tmp_path, {**APP, "autodeploy.toml": said})
    found = {variable.key: variable for variable in plan.environment_variables}
    assert found["TOKEN_URL"].required
    assert found["TOKEN_URL"].secret
    assert found["TOKEN_URL"].description == "Where tokens come from"
    assert found["TOKEN_URL"].file == "server.js"
    assert found["EXTRA"].build_time
    assert (found["EXTRA"].file, found["EXTRA"].line) == ("autodeploy.toml", 6)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00\xd8", b"\0", b"strat = 'x'", b'root = "gone"'])
def test_broken_file_is_an_error_and_no_warning(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(AutodeployTomlInvalid):
        plan_of(tmp_path, {**APP, "autodeploy.toml": content})
