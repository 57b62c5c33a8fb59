"""What generated calls are about: a caller who owns one thing of each kind."""

from uuid import UUID, uuid4

from sqlalchemy import select
from tests.api.deployer import User

from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import service
from autodeploy.services.auth.principal import Scope
from autodeploy.services.auth.schemas import TokenInput
from autodeploy.services.deployer.models import Environment
from autodeploy.services.deployer.pushes.models import Preview
from autodeploy.services.deployer.runs.models import Run


async def make_own_things(user: User, resources: Resources) -> tuple[dict[str, str], str]:
    """Ids of what the caller owns, by the names of path parameters; and the caller's token."""
    project = await user.project()
    deployment = await user.deployment(project)
    body = {"key": "COLOUR", "value": "red"}
    await user.call("POST", f"/projects/{project['id']}/env", body, status=201)
    database = await user.call("POST", "/databases", {"projectId": project["id"]}, status=202)
    domain = {"name": "shop.example.com"}
    await user.call("POST", f"/projects/{project['id']}/domains", domain, status=202)
    run = Run(
        id=uuid4(), organization_id=UUID(project["organizationId"]), command=["ls"],
        project_id=UUID(project["id"]), environment="production", timeout_seconds=60,
        status="succeeded",  # nobody waits for its lines
    )  # fmt: skip
    async with resources.db.transaction() as session:
        session.add(
            Preview(
                organization_id=run.organization_id, project_id=run.project_id, number=7,
                environment="pr-7", head_sha="0" * 40, is_fork=True,
            )
        )  # fmt: skip
        run.environment_id = await session.scalar(
            select(Environment.id).where(Environment.project_id == run.project_id)
        )
        session.add(run)
    me = await user.call("GET", "/auth/me", status=200)
    organization = f"/organizations/{me['organizations'][0]['id']}"
    receiver = "http://127.0.0.1:9/receiver"
    webhook = await user.call("POST", f"{organization}/webhooks", {"url": receiver}, status=201)
    body = {"kind": "slack", "name": "team", "address": receiver}
    channel = await user.call("POST", f"{organization}/notification-channels", body, status=201)
    ping = f"{organization}/webhooks/{webhook['id']}/ping"
    delivery = await user.call("POST", ping, status=202)
    principal = await service.authenticate(resources, user.headers["Authorization"].split()[1])
    tokens = [
        await service.create_token(
            resources, principal, TokenInput(name=name, scopes=[Scope.ADMIN])
        )
        for name in ("caller", "other")
    ]
    known = {
        "project_id": project["id"],
        "repository_id": project["repository"]["id"],
        "deployment_id": deployment["id"],
        "database_id": database["id"],
        "run_id": str(run.id),
        "webhook_id": webhook["id"],
        "channel_id": channel["id"],
        "delivery_id": delivery["id"],
        "organization_id": me["organizations"][0]["id"],
        "user_id": me["id"],
        "token_id": str(tokens[1].id),
        "key": "COLOUR",
        "domain": "shop.example.com",
        "environment": "production",
        "name": "local",
        "number": "7",
    }
    return known, tokens[0].token
