"""``autodeploy push-to-deploy`` and ``previews`` against a served platform."""

import httpx
import pytest
from sqlalchemy import select, update
from tests.api.deployer import User
from tests.cli.user.conftest import Person

from autodeploy.kernel.resources import Resources
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.deployer.models import Project
from autodeploy.services.deployer.pushes.models import Preview

COMMIT = "0123456789" * 4


@pytest.fixture
async def shop(ada: Person, resources: Resources) -> str:
    """A project of Ada's whose sources are at GitHub, with a pull request of a fork."""
    headers = {"Authorization": f"Bearer {ada.token}"}
    async with httpx.AsyncClient(base_url=ada.url) as client:
        await User(client, headers).project()
    async with resources.db.transaction() as session:
        await session.execute(update(Repository).values(kind="github", github_id=1))
        project = (await session.scalars(select(Project))).one()
        session.add(
            Preview(
                organization_id=project.organization_id, project_id=project.id, number=12,
                environment="pr-12", title="Say hello", head_sha=COMMIT, is_fork=True,
            )
        )  # fmt: skip
    return "my-shop"


async def test_it_is_switched_on_changed_shown_and_switched_off(ada: Person, shop: str) -> None:
    off = await ada.run("push-to-deploy", "status", shop)
    assert "push-to-deploy on" in off.stderr
    settings = await ada.json(
        "push-to-deploy on", shop, "--branch", "main=production", "--branch", "next=staging",
        "--path", "apps/shop/**", "--wait-for-ci",
    )  # fmt: skip
    assert settings["branches"] == {"main": "production", "next": "staging"}
    assert settings["waitForCi"]
    told = await ada.run("push-to-deploy", "on", shop, "--no-wait-for-ci")
    assert "What is pushed to next is deployed to staging of My Shop." in told.stderr
    status = await ada.json("push-to-deploy status", shop)
    assert [each["branch"] for each in status["branches"]] == ["main", "next"]
    shown = await ada.run("push-to-deploy", "status", shop)
    assert "being registered" in shown.stderr
    assert (await ada.json("push-to-deploy off", shop))["enabled"] is False
    assert not (await ada.json("push-to-deploy status", shop))["enabled"]


async def test_a_branch_without_an_environment_is_wrong_usage(ada: Person, shop: str) -> None:
    done = await ada.run("push-to-deploy", "on", shop, "--branch", "main")
    assert done.returncode == 2
    assert "--branch main=production" in done.stderr


async def test_a_fork_is_approved_after_its_number_was_typed(ada: Person, shop: str) -> None:
    listed = await ada.run("previews", "list", shop)
    assert "waits for approval" in listed.stdout
    wrong = await ada.run("previews", "approve", "12", "--project", shop, stdin="11\n")
    assert wrong.returncode == 2
    done = await ada.run("previews", "approve", "12", "--project", shop, stdin="12\n")
    assert done.returncode == 0, done.stderr
    [preview] = (await ada.json("previews list", shop))["items"]
    assert preview["approved"]
    again = await ada.run("previews", "approve", "12", "--project", shop, "--yes")
    assert "needs no approval" in again.stderr
    missing = await ada.run("previews", "approve", "13", "--project", shop, "--yes")
    assert "no preview of pull request 13" in missing.stderr
