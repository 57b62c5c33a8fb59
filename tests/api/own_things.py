"""What generated calls are about: a caller who owns one thing of each kind."""

from tests.api.deployer import User

from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import service
from autodeploy.services.auth.principal import Scope
from autodeploy.services.auth.schemas import TokenInput


async def make_own_things(user: User, resources: Resources) -> tuple[dict[str, str], str]:
    """Ids of what the caller owns, by the names of path parameters; and the caller's token."""
    project = await user.project()
    deployment = await user.deployment(project)
    body = {"key": "COLOUR", "value": "red"}
    await user.call("POST", f"/projects/{project['id']}/env", body, status=201)
    database = await user.call("POST", "/databases", {"projectId": project["id"]}, status=202)
    me = await user.call("GET", "/auth/me", status=200)
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
        "organization_id": me["organizations"][0]["id"],
        "user_id": me["id"],
        "token_id": str(tokens[1].id),
        "key": "COLOUR",
        "environment": "production",
        "name": "local",
    }
    return known, tokens[0].token
