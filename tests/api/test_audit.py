"""Each route that changes something leaves an entry in the audit log: this walks all of them."""

import re
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import httpx
import pyotp
import pytest
from sqlalchemy import select, update
from tests.api.conftest import SignUp
from tests.api.deployer import User, deploy_server, make_runner
from tests.services.analyzer.archives import tar_gz
from tests.services.auth.accounts import PASSWORD
from tests.services.auth.mails import links_to
from tests.services.auth.people import entries, invitation_token, mails_to
from tests.services.deployer.hosted import CLOUD_TOKEN
from tests.services.deployer.platform import STATIC

from autodeploy.api.routes import list_routes
from autodeploy.kernel.clock import now
from autodeploy.kernel.git.refs import ResolvedRef
from autodeploy.kernel.git.remote import GitClient
from autodeploy.kernel.resources import Resources
from autodeploy.providers.registry import Registry
from autodeploy.services.analyzer.analyses import queue_and_wait
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.auth.models import ProviderIntegration
from autodeploy.services.auth.models import User as Account
from autodeploy.services.auth.setup import issue_setup_token
from autodeploy.services.deployer.databases.models import DatabaseBackup, ProjectDatabase
from autodeploy.services.deployer.holdings.models import Orphan
from autodeploy.services.deployer.models import Deployment, Environment, Project
from autodeploy.services.deployer.pushes.models import Preview

#: Routes that are no GET and change nothing that lasts: each with the reason.
CHANGES_NOTHING = {
    ("POST", "/api/v1/auth/ticket"): "opens one WebSocket within a minute",
    ("POST", "/api/v1/auth/refresh"): "goes on with a session that is in the log",
    ("POST", "/api/v1/auth/verify-email/resend"): "sends a link",
    ("PUT", "/api/v1/auth/email"): "sends a link, which changes the address when it is used",
    ("POST", "/api/v1/auth/password-reset"): "sends a link",
    ("POST", "/api/v1/auth/second-factor"): "makes a secret that counts once it is confirmed",
    ("POST", "/api/v1/invitations/lookup"): "reads an invitation",
    ("POST", "/api/v1/auth/command-line/code"): "is good for one token, within a minute",
    ("POST", "/api/v1/queues/{queue}/jobs/{job_id}/retry"): "hands out again what was asked for",
    ("POST", "/api/v1/webhooks/github/{webhook_id}"): "has what was pushed looked at",
    ("DELETE", "/api/v1/queues/{queue}/jobs/{job_id}"): "removes no work: rows hold what is to do",
}

#: Routes that need another party: ``tests/api/oauth/test_audit.py`` sees their entries.
WITH_PROVIDERS = {
    ("POST", "/api/v1/auth/github/callback"),
    ("POST", "/api/v1/auth/oidc/callback"),
    ("POST", "/api/v1/auth/supabase/callback"),
    ("POST", "/api/v1/auth/vercel/callback"),
    ("DELETE", "/api/v1/users/{user_id}/connections/{provider}"),
}

NEW_PASSWORD = "another horse battery"


@dataclass(frozen=True)
class Stage:
    """A signed-in user, and what calls are made with."""

    client: httpx.AsyncClient
    resources: Resources
    sign_up: SignUp
    user: User
    email: str
    id: str

    async def another(self) -> tuple[User, dict[str, Any]]:
        """Another user, and what it says of itself."""
        user = User(self.client, await self.sign_up())
        return user, await user.call("GET", "/auth/me", status=200)

    async def organization(self) -> dict[str, Any]:
        return await self.user.call("POST", "/organizations", {"name": "Acme"}, status=201)

    async def invited(self, organization: dict[str, Any], email: str) -> tuple[str, str]:
        """The id and the token of an invitation."""
        path = f"/organizations/{organization['id']}/invitations"
        made = await self.user.call("POST", path, {"email": email}, status=201)
        return made["id"], invitation_token(mails_to(self.resources, email)[-1])

    async def joined(self, organization: dict[str, Any]) -> str:
        """The id of a user who joined."""
        person, me = await self.another()
        _, token = await self.invited(organization, me["email"])
        await person.call("POST", "/invitations/accept", {"token": token}, status=200)
        return str(me["id"])


@dataclass(frozen=True)
class Call:
    """The call that is looked at, after everything that it needs was made."""

    path: str
    body: Any = None
    anonymous: bool = False
    content: bytes | None = None


Scenario = Callable[[Stage], Awaitable[Call]]
SCENARIOS: dict[tuple[str, str], tuple[str, Scenario]] = {}


def writes(method: str, template: str, action: str) -> Callable[[Scenario], Scenario]:
    """Calls of the route, as the scenario prepares one, write an entry of this action."""

    def register(scenario: Scenario) -> Scenario:
        SCENARIOS[method, f"/api/v1{template}"] = (action, scenario)
        return scenario

    return register


async def _database(stage: Stage) -> str:
    """The path of a database that is available, as if a worker had made it."""
    project = await stage.user.project()
    made = await stage.user.call("POST", "/databases", {"projectId": project["id"]}, status=202)
    async with stage.resources.db.transaction() as session:
        await session.execute(update(ProjectDatabase).values(status="available", external_id="x"))
    return f"/databases/{made['id']}"


@writes("POST", "/databases", "database.create")
async def _(stage: Stage) -> Call:
    return Call("/databases", {"projectId": (await stage.user.project())["id"]})


@writes("PUT", "/databases/{database_id}", "database.update")
async def _(stage: Stage) -> Call:
    return Call(await _database(stage), {"backups": {"schedule": "off"}})


@writes("DELETE", "/databases/{database_id}", "database.delete")
async def _(stage: Stage) -> Call:
    return Call(await _database(stage) + "?confirm=main")


@writes("POST", "/databases/{database_id}/rotate", "database.rotate")
async def _(stage: Stage) -> Call:
    return Call(await _database(stage) + "/rotate")


@writes("POST", "/databases/{database_id}/pause", "database.pause")
async def _(stage: Stage) -> Call:
    return Call(await _database(stage) + "/pause")


@writes("POST", "/databases/{database_id}/resume", "database.pause")
async def _(stage: Stage) -> Call:
    return Call(await _database(stage) + "/resume")


@writes("POST", "/databases/{database_id}/backups", "database.backup")
async def _(stage: Stage) -> Call:
    return Call(await _database(stage) + "/backups")


@writes("POST", "/databases/{database_id}/restore", "database.restore")
async def _(stage: Stage) -> Call:
    path = await _database(stage)
    backup = await stage.user.call("POST", f"{path}/backups", status=202)
    async with stage.resources.db.transaction() as session:
        await session.execute(update(DatabaseBackup).values(status="verified"))
    return Call(f"{path}/restore", {"backupId": backup["id"], "confirm": "main"})


async def _runs_of_a_server(stage: Stage) -> str:
    """Where commands are asked for."""
    project_id = await deploy_server(stage.user, stage.resources)
    return f"/projects/{project_id}/environments/production/runs"


@writes("POST", "/projects/{project_id}/environments/{environment}/runs", "run.create")
async def _(stage: Stage) -> Call:
    return Call(await _runs_of_a_server(stage), {"command": ["ls"]})


@writes("POST", "/runs/{run_id}/cancel", "run.cancel")
async def _(stage: Stage) -> Call:
    body = {"command": ["ls"]}
    run = await stage.user.call("POST", await _runs_of_a_server(stage), body, status=202)
    return Call(f"/runs/{run['id']}/cancel")


async def _project_at_github(stage: Stage) -> str:
    """The path of a project whose sources are at GitHub."""
    project = await stage.user.project()
    async with stage.resources.db.transaction() as session:
        await session.execute(update(Repository).values(kind="github", github_id=1))
    return f"/projects/{project['id']}"


@writes("PUT", "/projects/{project_id}/push-to-deploy", "project.update")
async def _(stage: Stage) -> Call:
    return Call(await _project_at_github(stage) + "/push-to-deploy", {})


@writes("DELETE", "/projects/{project_id}/push-to-deploy", "project.update")
async def _(stage: Stage) -> Call:
    path = await _project_at_github(stage) + "/push-to-deploy"
    await stage.user.call("PUT", path, {}, status=200)
    return Call(path)


@writes("POST", "/projects/{project_id}/previews/{number}/approve", "deployment.create")
async def _(stage: Stage) -> Call:
    path = await _project_at_github(stage)
    commit = "0" * 40
    async with stage.resources.db.transaction() as session:
        project = (await session.scalars(select(Project))).one()
        session.add(
            Preview(
                organization_id=project.organization_id, project_id=project.id, number=7,
                environment="pr-7", head_sha=commit, is_fork=True,
            )
        )  # fmt: skip
    return Call(f"{path}/previews/7/approve", {"commit": commit})


@writes("POST", "/auth/register", "auth.register")
async def _(stage: Stage) -> Call:
    body = {"email": "new@example.com", "name": "New", "password": PASSWORD}
    return Call("/auth/register", body, anonymous=True)


@writes("POST", "/auth/login", "auth.login")
async def _(stage: Stage) -> Call:
    return Call("/auth/login", {"email": stage.email, "password": PASSWORD}, anonymous=True)


async def _enrolled(stage: Stage) -> str:
    enrolled = await stage.user.call(
        "POST", "/auth/second-factor", {"password": PASSWORD}, status=201
    )
    return str(enrolled["secret"])


async def _recovery_codes(stage: Stage) -> list[str]:
    code = pyotp.TOTP(await _enrolled(stage)).now()
    confirmed = await stage.user.call(
        "POST", "/auth/second-factor/confirm", {"code": code}, status=200
    )
    return list(confirmed["recoveryCodes"])


@writes("POST", "/auth/second-factor/confirm", "auth.second_factor_enable")
async def _(stage: Stage) -> Call:
    code = pyotp.TOTP(await _enrolled(stage)).now()
    return Call("/auth/second-factor/confirm", {"code": code})


@writes("POST", "/auth/second-factor/recovery-codes", "auth.recovery_codes_renew")
async def _(stage: Stage) -> Call:
    code = (await _recovery_codes(stage))[0]
    return Call("/auth/second-factor/recovery-codes", {"password": PASSWORD, "code": code})


@writes("POST", "/auth/second-factor/disable", "auth.second_factor_disable")
async def _(stage: Stage) -> Call:
    code = (await _recovery_codes(stage))[0]
    return Call("/auth/second-factor/disable", {"password": PASSWORD, "code": code})


@writes("POST", "/auth/login/second-factor", "auth.login")
async def _(stage: Stage) -> Call:
    code = (await _recovery_codes(stage))[0]
    body = {"email": stage.email, "password": PASSWORD}
    challenged = await stage.user.call("POST", "/auth/login", body, status=200)
    challenge = challenged["secondFactor"]["challenge"]
    return Call("/auth/login/second-factor", {"challenge": challenge, "code": code}, anonymous=True)


@writes("POST", "/auth/setup", "auth.register")
async def _(stage: Stage) -> Call:
    token = await issue_setup_token(stage.resources)
    body = {"email": "root@example.com", "name": "Root", "password": PASSWORD, "token": token}
    return Call("/auth/setup", body, anonymous=True)


@writes("POST", "/auth/logout", "auth.logout")
async def _(stage: Stage) -> Call:
    return Call("/auth/logout")


@writes("POST", "/auth/tokens", "auth.token_create")
async def _(stage: Stage) -> Call:
    return Call("/auth/tokens", {"name": "CI"})


@writes("POST", "/auth/command-line/token", "auth.token_create")
async def _(stage: Stage) -> Call:
    verifier = "v" * 43
    challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
    given = await stage.user.call(
        "POST", "/auth/command-line/code", {"challenge": challenge}, status=200
    )
    body = {"code": given["code"], "verifier": verifier, "name": "laptop"}
    return Call("/auth/command-line/token", body, anonymous=True)


@writes("DELETE", "/auth/tokens/{token_id}", "auth.token_revoke")
async def _(stage: Stage) -> Call:
    made = await stage.user.call("POST", "/auth/tokens", {"name": "CI"}, status=201)
    return Call(f"/auth/tokens/{made['id']}")


async def _link(stage: Stage, page: str) -> str:
    return (await links_to(stage.resources, stage.email, page))[-1]


@writes("POST", "/auth/verify-email", "auth.email_verify")
async def _(stage: Stage) -> Call:
    return Call("/auth/verify-email", {"token": await _link(stage, "verify-email")}, anonymous=True)


@writes("POST", "/auth/password-reset/confirm", "auth.password_reset")
async def _(stage: Stage) -> Call:
    await stage.user.call("POST", "/auth/password-reset", {"email": stage.email}, status=202)
    body = {"token": await _link(stage, "reset-password"), "password": NEW_PASSWORD}
    return Call("/auth/password-reset/confirm", body, anonymous=True)


@writes("PUT", "/auth/password", "auth.password_change")
async def _(stage: Stage) -> Call:
    return Call("/auth/password", {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD})


@writes("DELETE", "/auth/sessions", "auth.sessions_end")
async def _(stage: Stage) -> Call:
    return Call("/auth/sessions")


@writes("DELETE", "/auth/sessions/{session_id}", "auth.session_end")
async def _(stage: Stage) -> Call:
    listed = await stage.user.call("GET", "/auth/sessions", status=200)
    return Call(f"/auth/sessions/{listed['items'][0]['id']}")


@writes("PUT", "/users/{user_id}", "auth.user_update")
async def _(stage: Stage) -> Call:
    return Call(f"/users/{stage.id}", {"name": "Countess"})


@writes("DELETE", "/users/{user_id}", "auth.user_delete")
async def _(stage: Stage) -> Call:
    return Call(f"/users/{stage.id}?confirm={stage.email}")


@writes("POST", "/organizations", "organization.create")
async def _(stage: Stage) -> Call:
    return Call("/organizations", {"name": "Acme"})


@writes("PUT", "/organizations/{organization_id}", "organization.update")
async def _(stage: Stage) -> Call:
    made = await stage.organization()
    return Call(f"/organizations/{made['id']}", {"name": "Acme Ltd"})


@writes("DELETE", "/organizations/{organization_id}", "organization.delete")
async def _(stage: Stage) -> Call:
    made = await stage.organization()
    return Call(f"/organizations/{made['id']}?confirm=acme")


@writes("POST", "/organizations/{organization_id}/transfer", "organization.transfer")
async def _(stage: Stage) -> Call:
    made = await stage.organization()
    return Call(f"/organizations/{made['id']}/transfer", {"userId": await stage.joined(made)})


@writes("POST", "/organizations/{organization_id}/members", "member.manage")
async def _(stage: Stage) -> Call:
    first, second = await stage.organization(), await stage.organization()
    return Call(f"/organizations/{second['id']}/members", {"userId": await stage.joined(first)})


@writes("PUT", "/organizations/{organization_id}/members/{user_id}", "member.manage")
async def _(stage: Stage) -> Call:
    made = await stage.organization()
    return Call(
        f"/organizations/{made['id']}/members/{await stage.joined(made)}", {"role": "viewer"}
    )


@writes("DELETE", "/organizations/{organization_id}/members/{user_id}", "member.manage")
async def _(stage: Stage) -> Call:
    made = await stage.organization()
    return Call(f"/organizations/{made['id']}/members/{await stage.joined(made)}")


@writes("POST", "/organizations/{organization_id}/invitations", "member.manage")
async def _(stage: Stage) -> Call:
    made = await stage.organization()
    return Call(f"/organizations/{made['id']}/invitations", {"email": "bob@example.com"})


@writes("DELETE", "/organizations/{organization_id}/invitations/{invitation_id}", "member.manage")
async def _(stage: Stage) -> Call:
    made = await stage.organization()
    invitation_id, _ = await stage.invited(made, "bob@example.com")
    return Call(f"/organizations/{made['id']}/invitations/{invitation_id}")


@writes("POST", "/invitations/accept", "invitation.accept")
async def _(stage: Stage) -> Call:
    _, token = await stage.invited(await stage.organization(), "bob@example.com")
    body = {"token": token, "name": "Bob", "password": PASSWORD}
    return Call("/invitations/accept", body, anonymous=True)


@writes("POST", "/repositories", "repository.create")
async def _(stage: Stage) -> Call:
    return Call("/repositories", {"url": "https://git.example.com/acme/shop"})


@writes("POST", "/repositories/upload", "repository.create")
async def _(stage: Stage) -> Call:
    return Call("/repositories/upload?name=shop", content=tar_gz(STATIC))


@writes("POST", "/repositories/{repository_id}/analyze", "repository.analyze")
async def _(stage: Stage) -> Call:
    uploaded = await stage.user.repository()
    return Call(f"/repositories/{uploaded['repository']['id']}/analyze", {})


@writes("POST", "/projects", "project.create")
async def _(stage: Stage) -> Call:
    return Call("/projects", {"name": "Shop"})


@writes("PUT", "/projects/{project_id}", "project.update")
async def _(stage: Stage) -> Call:
    project = await stage.user.project()
    return Call(f"/projects/{project['id']}", {"name": "Store"})


@writes("DELETE", "/projects/{project_id}", "project.delete")
async def _(stage: Stage) -> Call:
    project = await stage.user.project()
    return Call(f"/projects/{project['id']}")


async def _variable(stage: Stage) -> str:
    project = await stage.user.project()
    path = f"/projects/{project['id']}/env"
    await stage.user.call("POST", path, {"key": "MODE", "value": "a"}, status=201)
    return path


@writes("POST", "/projects/{project_id}/env", "variable.write")
async def _(stage: Stage) -> Call:
    project = await stage.user.project()
    return Call(f"/projects/{project['id']}/env", {"key": "MODE", "value": "a"})


@writes("PUT", "/projects/{project_id}/env/{key}", "variable.write")
async def _(stage: Stage) -> Call:
    return Call(f"{await _variable(stage)}/MODE", {"value": "b"})


@writes("DELETE", "/projects/{project_id}/env/{key}", "variable.write")
async def _(stage: Stage) -> Call:
    return Call(f"{await _variable(stage)}/MODE")


@writes("POST", "/projects/{project_id}/env/import", "variable.write")
async def _(stage: Stage) -> Call:
    project = await stage.user.project()
    return Call(f"/projects/{project['id']}/env/import", {"values": {"MODE": "a"}})


@writes("POST", "/projects/{project_id}/env/copy", "variable.write")
async def _(stage: Stage) -> Call:
    return Call(f"{await _variable(stage)}/copy", {"from": "production", "to": "staging"})


@writes("DELETE", "/resources/orphans/{orphan_id}", "orphan.remove")
async def _(stage: Stage) -> Call:
    orphan = Orphan(id=uuid4(), provider="local", kind="app", external_id="7", made_at=now())
    async with stage.resources.db.transaction() as session:
        await session.execute(update(Account).where(Account.id == stage.id).values(is_admin=True))
        session.add(orphan)
    return Call(f"/resources/orphans/{orphan.id}")


async def _staging(stage: Stage) -> str:
    project = await stage.user.project()
    path = f"/projects/{project['id']}/environments"
    await stage.user.call("POST", path, {"name": "staging"}, status=201)
    return path


@writes("POST", "/projects/{project_id}/environments", "environment.create")
async def _(stage: Stage) -> Call:
    return Call(await _staging(stage), {"name": "preview"})


@writes("PUT", "/projects/{project_id}/environments/{environment}/scale", "environment.scale")
async def _(stage: Stage) -> Call:
    return Call(f"{await _staging(stage)}/staging/scale", {"replicas": 2})


@writes("PUT", "/projects/{project_id}/budget", "budget.manage")
async def _(stage: Stage) -> Call:
    project = await stage.user.project()
    return Call(f"/projects/{project['id']}/budget", {"monthlyLimitCents": 5000})


@writes("DELETE", "/projects/{project_id}/environments/{environment}", "environment.delete")
async def _(stage: Stage) -> Call:
    return Call(f"{await _staging(stage)}/staging?confirm=staging")


@writes(
    "DELETE", "/projects/{project_id}/environments/{environment}/kept/{provider}",
    "environment.remove_kept",
)  # fmt: skip
async def _(stage: Stage) -> Call:
    """The app was live at a cloud, and is on this machine now."""
    path = await _staging(stage)
    async with stage.resources.db.transaction() as session:
        account = ProviderIntegration(user_id=UUID(stage.id), provider="cloud", encrypted_token="x")
        session.add(account)
        await session.flush()
        staging = (
            await session.scalars(select(Environment).where(Environment.name == "staging"))
        ).one()
        there, here = [
            Deployment(
                organization_id=staging.organization_id, project_id=staging.project_id,
                environment="staging", branch="main", commit_sha="0" * 40, status="ready",
                provider=provider, promoted_at=now(), connection_id=account.id,
            )
            for provider in ("cloud", "local")
        ]  # fmt: skip
        session.add_all([there, here])
        await session.flush()
        staging.live_deployment_id = here.id
    return Call(f"{path}/staging/kept/cloud")


async def _domain(stage: Stage) -> str:
    project = await stage.user.project()
    path = f"/projects/{project['id']}/domains"
    body = {"name": "shop.example.com", "environment": "staging"}
    environment = {"name": "staging"}
    await stage.user.call(
        "POST", f"/projects/{project['id']}/environments", environment, status=201
    )
    await stage.user.call("POST", path, body, status=202)
    return path


@writes("POST", "/projects/{project_id}/domains", "domain.add")
async def _(stage: Stage) -> Call:
    return Call(await _domain(stage), {"name": "www.example.com", "environment": "staging"})


@writes("POST", "/projects/{project_id}/domains/{domain}/verify", "domain.verify")
async def _(stage: Stage) -> Call:
    return Call(f"{await _domain(stage)}/shop.example.com/verify")


@writes("DELETE", "/projects/{project_id}/domains/{domain}", "domain.remove")
async def _(stage: Stage) -> Call:
    return Call(f"{await _domain(stage)}/shop.example.com")


@writes("POST", "/projects/{project_id}/deployments", "deployment.create")
async def _(stage: Stage) -> Call:
    project = await stage.user.project()
    return Call(f"/projects/{project['id']}/deployments", {})


@writes("POST", "/projects/{project_id}/drift/reconcile", "deployment.create")
async def _(stage: Stage) -> Call:
    project_id = await deploy_server(stage.user, stage.resources)
    return Call(f"/projects/{project_id}/drift/reconcile", {})


@writes("POST", "/deployments/{deployment_id}/cancel", "deployment.cancel")
async def _(stage: Stage) -> Call:
    made = await stage.user.deployment(await stage.user.project())
    return Call(f"/deployments/{made['id']}/cancel")


@writes("POST", "/deployments/{deployment_id}/rollback", "deployment.rollback")
async def _(stage: Stage) -> Call:
    made = await stage.user.deployment(await stage.user.project())
    await make_runner(stage.resources).run(UUID(made["id"]))
    return Call(f"/deployments/{made['id']}/rollback")


@writes("PUT", "/organizations/{organization_id}/members/{user_id}/projects", "member.manage")
async def _(stage: Stage) -> Call:
    made = await stage.organization()
    body = {"name": "Shop", "organizationId": made["id"]}
    project = await stage.user.call("POST", "/projects", body, status=201)
    path = f"/organizations/{made['id']}/members/{await stage.joined(made)}/projects"
    return Call(path, {"projects": [project["id"]]})


_WEBHOOKS = "/organizations/{organization_id}/webhooks"
_CHANNELS = "/organizations/{organization_id}/notification-channels"
_RECEIVER = "http://127.0.0.1:9/receiver"
_CHANNEL = {"kind": "slack", "name": "team", "address": _RECEIVER}


async def _webhook(stage: Stage) -> str:
    """The path of a webhook."""
    path = _WEBHOOKS.format(organization_id=(await stage.organization())["id"])
    made = await stage.user.call("POST", path, {"url": _RECEIVER}, status=201)
    return f"{path}/{made['id']}"


async def _channel(stage: Stage) -> str:
    """The path of a notification channel."""
    path = _CHANNELS.format(organization_id=(await stage.organization())["id"])
    made = await stage.user.call("POST", path, _CHANNEL, status=201)
    return f"{path}/{made['id']}"


@writes("POST", _WEBHOOKS, "notification.manage")
async def _(stage: Stage) -> Call:
    organization = await stage.organization()
    return Call(_WEBHOOKS.format(organization_id=organization["id"]), {"url": _RECEIVER})


@writes("PUT", _WEBHOOKS + "/{webhook_id}", "notification.manage")
async def _(stage: Stage) -> Call:
    return Call(await _webhook(stage), {"active": False})


@writes("DELETE", _WEBHOOKS + "/{webhook_id}", "notification.manage")
async def _(stage: Stage) -> Call:
    return Call(await _webhook(stage))


@writes("POST", _WEBHOOKS + "/{webhook_id}/rotate", "notification.manage")
async def _(stage: Stage) -> Call:
    return Call(f"{await _webhook(stage)}/rotate")


@writes("POST", _WEBHOOKS + "/{webhook_id}/ping", "notification.manage")
async def _(stage: Stage) -> Call:
    return Call(f"{await _webhook(stage)}/ping")


@writes(
    "POST", _WEBHOOKS + "/{webhook_id}/deliveries/{delivery_id}/redeliver", "notification.manage"
)
async def _(stage: Stage) -> Call:
    path = await _webhook(stage)
    sent = await stage.user.call("POST", f"{path}/ping", status=202)
    return Call(f"{path}/deliveries/{sent['id']}/redeliver")


@writes("POST", _CHANNELS, "notification.manage")
async def _(stage: Stage) -> Call:
    return Call(_CHANNELS.format(organization_id=(await stage.organization())["id"]), _CHANNEL)


@writes("PUT", _CHANNELS + "/{channel_id}", "notification.manage")
async def _(stage: Stage) -> Call:
    return Call(await _channel(stage), {"events": None})


@writes("DELETE", _CHANNELS + "/{channel_id}", "notification.manage")
async def _(stage: Stage) -> Call:
    return Call(await _channel(stage))


@writes("POST", _CHANNELS + "/{channel_id}/test", "notification.manage")
async def _(stage: Stage) -> Call:
    return Call(f"{await _channel(stage)}/test")


@writes("POST", "/projects/{project_id}/tokens", "service_token.manage")
async def _(stage: Stage) -> Call:
    project = await stage.user.project()
    return Call(f"/projects/{project['id']}/tokens", {"name": "CI"})


@writes("DELETE", "/projects/{project_id}/tokens/{token_id}", "service_token.manage")
async def _(stage: Stage) -> Call:
    path = f"/projects/{(await stage.user.project())['id']}/tokens"
    made = await stage.user.call("POST", path, {"name": "CI"}, status=201)
    return Call(f"{path}/{made['id']}")


@writes("PUT", "/users/{user_id}/connections/{provider}", "auth.connect")
async def _(stage: Stage) -> Call:
    return Call(f"/users/{stage.id}/connections/cloud", {"token": CLOUD_TOKEN})


def test_each_route_is_either_seen_to_write_an_entry_or_changes_nothing(app):
    mutating = {
        (method, entry.template)
        for entry in list_routes(app)
        for method in entry.methods & {"POST", "PUT", "PATCH", "DELETE"}
    }
    assert mutating == SCENARIOS.keys() | CHANGES_NOTHING.keys() | WITH_PROVIDERS
    assert not SCENARIOS.keys() & CHANGES_NOTHING.keys()


async def _known(*_: object) -> ResolvedRef:
    return ResolvedRef("main", "0" * 40, "main")


@pytest.fixture
async def stage(
    client: httpx.AsyncClient, resources: Resources, sign_up: SignUp, monkeypatch: Any
) -> Stage:
    monkeypatch.setattr("autodeploy.services.deployer.projects.DELETION_WAIT_SECONDS", 0.1)
    monkeypatch.setattr(GitClient, "resolve", _known)  # there is no server to ask here
    monkeypatch.setitem(queue_and_wait.__kwdefaults__, "wait_seconds", 0.1)
    monkeypatch.setattr(Registry, "is_hosted", lambda _self, name: name == "cloud")
    user = User(client, await sign_up())
    me = await user.call("GET", "/auth/me", status=200)
    return Stage(client, resources, sign_up, user, me["email"], me["id"])


@pytest.mark.parametrize(
    ("method", "template"), sorted(SCENARIOS), ids=lambda value: value.removeprefix("/api/v1")
)
async def test_a_change_is_in_the_log_with_who_made_it_and_from_where(stage, method, template):
    action, prepare = SCENARIOS[method, template]
    call = await prepare(stage)
    assert re.fullmatch(re.sub(r"\{\w+\}", r"[^/]+", template), f"/api/v1{call.path}".split("?")[0])
    before = {entry.id for entry in await entries(stage.resources)}
    body = {"content": call.content} if call.content else {"json": call.body}
    answer = await stage.client.request(
        method,
        f"/api/v1{call.path}",
        headers={"User-Agent": "seen/1", **({} if call.anonymous else stage.user.headers)},
        **body,
    )
    assert answer.is_success, answer.text
    written = [entry for entry in await entries(stage.resources) if entry.id not in before]
    entry = next(entry for entry in written if entry.action == action)
    assert (entry.address, entry.user_agent) == ("127.0.0.1", "seen/1")
    if not call.anonymous:
        assert (entry.actor, str(entry.user_id)) == ("user", stage.id)
    assert entry.organization_id or entry.account_id
    secrets = {PASSWORD, NEW_PASSWORD, *re.findall(r"ad[a-z]_[A-Za-z0-9]{20,}", answer.text)}
    for each in written:
        assert not [secret for secret in secrets if secret in str(vars(each))]


async def test_a_failed_login_is_in_the_log_of_the_account(stage):
    body = {"email": stage.email, "password": "a wrong password"}
    await stage.user.call("POST", "/auth/login", body, status=401)
    body["email"] = "nobody@example.com"
    await stage.user.call("POST", "/auth/login", body, status=401)
    log = await stage.user.call("GET", "/auth/audit-log?action=auth.login_failed", status=200)
    (entry,) = log["items"]
    assert (entry["actor"], entry["userId"], entry["address"]) == ("anonymous", None, "127.0.0.1")
    assert [each.account_id for each in await entries(stage.resources, "auth.login_failed")] == [
        UUID(stage.id), None,
    ]  # fmt: skip


async def test_a_secret_variable_is_in_no_entry(stage):
    project = await stage.user.project()
    path = f"/projects/{project['id']}/env"
    canary = "a-planted-canary-value"
    body = {"key": "API_KEY", "value": canary, "isSecret": True}
    await stage.user.call("POST", path, body, status=201)
    await stage.user.call("PUT", f"{path}/API_KEY", {"value": canary + "-2"}, status=200)
    await stage.user.call("DELETE", f"{path}/API_KEY", status=204)
    organization = project["organizationId"]
    log = await stage.user.call(
        "GET", f"/organizations/{organization}/audit-log?objectType=variable", status=200
    )
    assert len(log["items"]) == 3
    assert canary not in str(log)
    assert log["items"][1]["changes"] == [
        {"field": "encryptedValue", "before": None, "after": None, "hidden": True}
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=yesterday", "since"),
        ("until=2026-01-01T00:00:00", "until"),
        ("userId=me", "userId"),
        ("objectType=thing", "objectType"),
        ("cursor=x", "cursor"),
        ("limit=0", "limit"),
    ],
)
async def test_an_unusable_filter_is_named(stage, query, field):
    problem = await stage.user.call("GET", f"/auth/audit-log?{query}", status=422)
    named = problem.get("field") or problem["errors"][0]["field"]
    assert named == field
