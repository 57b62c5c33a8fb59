"""What every operation of the API is expected to allow: written down here, not read from the code.

An operation that is in the OpenAPI description and not in ``OPERATIONS`` fails the matrix.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

from tests.services.deployer.hosted import CLOUD_TOKEN

from autodeploy.services.auth.models import Role
from autodeploy.services.auth.permissions import Action
from autodeploy.services.auth.principal import Scope

RANKS = [Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER]
SCOPES = list(Scope)

#: Where two organizations have the same repository.
SHARED_URL = "https://example.com/shared.git"

Ids = Mapping[str, str]
Build = Callable[[Ids], Any]

_VIEWER, _MEMBER, _ADMIN, _OWNER = RANKS
_READ, _DEPLOY, _WRITE, _FULL = SCOPES


@dataclass(frozen=True)
class Right:
    """The least role and scope for an action, and whether it concerns a single project: if not,
    neither a service token nor, unless ``limited``, a member limited to projects may do it."""

    role: Role
    scope: Scope
    of_project: bool = True
    limited: bool = True


RIGHTS: dict[Action, Right] = {
    Action.ORGANIZATION_READ: Right(_VIEWER, _READ, of_project=False),
    Action.ORGANIZATION_UPDATE: Right(_ADMIN, _FULL, of_project=False, limited=False),
    Action.ORGANIZATION_TRANSFER: Right(_OWNER, _FULL, of_project=False, limited=False),
    Action.INVITATION_READ: Right(_ADMIN, _READ, of_project=False, limited=False),
    Action.AUDIT_READ: Right(_ADMIN, _READ, of_project=False, limited=False),
    Action.ORGANIZATION_DELETE: Right(_OWNER, _FULL, of_project=False, limited=False),
    Action.MEMBER_READ: Right(_VIEWER, _READ, of_project=False),
    Action.MEMBER_MANAGE: Right(_ADMIN, _FULL, of_project=False, limited=False),
    Action.REPOSITORY_READ: Right(_VIEWER, _READ),
    Action.REPOSITORY_CREATE: Right(_MEMBER, _DEPLOY, of_project=False, limited=False),
    Action.REPOSITORY_UPDATE: Right(_MEMBER, _DEPLOY),
    Action.REPOSITORY_ANALYZE: Right(_MEMBER, _DEPLOY),
    Action.PROJECT_READ: Right(_VIEWER, _READ),
    Action.PROJECT_CREATE: Right(_MEMBER, _WRITE, of_project=False, limited=False),
    Action.PROJECT_UPDATE: Right(_MEMBER, _WRITE),
    Action.PROJECT_DELETE: Right(_ADMIN, _WRITE),
    Action.ENVIRONMENT_CREATE: Right(_MEMBER, _WRITE),
    Action.ENVIRONMENT_SCALE: Right(_MEMBER, _DEPLOY),
    Action.ENVIRONMENT_DELETE: Right(_ADMIN, _WRITE),
    Action.DOMAIN_ADD: Right(_MEMBER, _WRITE),
    Action.DOMAIN_VERIFY: Right(_MEMBER, _WRITE),
    Action.DOMAIN_REMOVE: Right(_MEMBER, _WRITE),
    Action.VARIABLE_READ: Right(_MEMBER, _WRITE),
    Action.VARIABLE_WRITE: Right(_MEMBER, _WRITE),
    Action.DEPLOYMENT_READ: Right(_VIEWER, _READ),
    Action.DEPLOYMENT_CREATE: Right(_MEMBER, _DEPLOY),
    Action.DEPLOYMENT_CANCEL: Right(_MEMBER, _DEPLOY),
    Action.DEPLOYMENT_ROLLBACK: Right(_MEMBER, _DEPLOY),
    Action.RUN_READ: Right(_MEMBER, _DEPLOY),
    Action.RUN_CREATE: Right(_MEMBER, _DEPLOY),
    Action.RUN_CANCEL: Right(_MEMBER, _DEPLOY),
    Action.DATABASE_READ: Right(_VIEWER, _READ),
    Action.DATABASE_CREATE: Right(_MEMBER, _WRITE),
    Action.DATABASE_UPDATE: Right(_MEMBER, _WRITE),
    Action.DATABASE_CREDENTIALS: Right(_MEMBER, _WRITE),
    Action.DATABASE_ROTATE: Right(_MEMBER, _WRITE),
    Action.DATABASE_PAUSE: Right(_MEMBER, _WRITE),
    Action.DATABASE_BACKUP: Right(_MEMBER, _WRITE),
    Action.DATABASE_RESTORE: Right(_ADMIN, _WRITE),
    Action.DATABASE_DELETE: Right(_ADMIN, _WRITE),
    Action.MONITOR_READ: Right(_VIEWER, _READ),
    Action.ALERT_MANAGE: Right(_MEMBER, _WRITE),
    Action.NOTIFICATION_MANAGE: Right(_ADMIN, _FULL, of_project=False, limited=False),
    Action.BUDGET_MANAGE: Right(_ADMIN, _FULL, of_project=False, limited=False),
    Action.SERVICE_TOKEN_MANAGE: Right(_ADMIN, _FULL, of_project=False, limited=False),
}

Kind = Literal[
    "organization", "member", "project", "repository", "deployment", "service_token",
    "personal_token", "colleague", "invitation", "account", "session", "database", "backup",
    "run", "webhook", "channel",
]  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """One way of calling an operation.

    Attributes:
        access: ``public``, ``anyone`` with a credential, an ``account`` (no service token),
            ``either`` nobody in particular or an account, an ``operator`` of the platform, or the
            ``action`` of a role.
        kind: of the object that the call names, if it names one.
        done: the status of a call that is allowed.
        hidden: the status of a call whose object the caller cannot see.
        operators: an operator of the platform may do it to every account.
        spends: a call that is allowed needs an object of its own, since it uses it up.
        body, query: of a request about the object with these ids.
        path: the ids that the path names, where they are others than the object's.
    """

    access: Literal["public", "anyone", "account", "either", "operator", "action"]
    done: int = 200
    action: Action | None = None
    scope: Scope | None = None
    kind: Kind | None = None
    hidden: int = 404
    spends: bool = False
    operators: bool = False
    body: Build | None = None
    query: Build = field(default=lambda _ids: {})
    path: Callable[[Ids], Ids] = field(default=lambda ids: ids)

    @property
    def needs_scope(self) -> Scope | None:
        return RIGHTS[self.action].scope if self.action else self.scope


def _on(kind: Kind | None, action: Action, done: int = 200, **more: Any) -> Operation:
    return Operation("action", done, action, kind=kind, **more)


def _name() -> str:
    return f"made-{uuid4().hex[:12]}"


def _confirmed(_: Ids) -> Any:
    return {"password": "x", "code": "123456"}


def _queued(_: Ids) -> Ids:
    return {"queue": "deployment", "job_id": "none-such"}


def _nobodys(_: Ids) -> Ids:
    return {"orphan_id": str(uuid4())}


def _domain(ids: Ids) -> Ids:
    return {**ids, "domain": f"{ids['project_id']}.example.com"}


_LINK = "x" * 43
_RECEIVER = "http://127.0.0.1:9/receiver"
_PUBLIC = Operation("public")
_ANYONE = Operation("anyone")

OPERATIONS: dict[str, tuple[Operation, ...]] = {
    # accounts and sessions
    "register": (
        Operation(
            "public", 201,
            body=lambda _: {
                "email": f"{_name()}@example.com", "password": "long enough", "name": "x",
            },
        ),
    ),
    "login": (
        Operation("public", 401, body=lambda _: {"email": f"{_name()}@b.example", "password": "x"}),
    ),
    "loginWithSecondFactor": (
        Operation("public", 401, body=lambda _: {"challenge": "x", "code": "123456"}),
    ),
    "setUp": (
        Operation(
            "public", 403,
            body=lambda _: {
                "token": "x", "email": "a@example.com", "password": "long enough", "name": "x",
            },
        ),
    ),
    "verifyEmail": (Operation("public", 422, body=lambda _: {"token": _LINK}),),
    "requestPasswordReset": (
        Operation("public", 202, body=lambda _: {"email": f"{_name()}@example.com"}),
    ),
    "resetPassword": (
        Operation("public", 422, body=lambda _: {"token": _LINK, "password": "long enough"}),
    ),
    # The callers have verified addresses and no password, so these stop there.
    "resendVerification": (Operation("account", 409, scope=_WRITE),),
    "changeEmail": (
        Operation(
            "account", 409, scope=_FULL,
            body=lambda _: {"email": f"{_name()}@example.com", "password": "x"},
        ),
    ),
    "changePassword": (
        Operation(
            "account", 409, scope=_FULL,
            body=lambda _: {"currentPassword": "x", "newPassword": "long enough"},
        ),
    ),
    "getSecondFactor": (Operation("account", scope=_READ),),
    "enrolSecondFactor": (
        Operation("account", 409, scope=_FULL, body=lambda _: {"password": "x"}),
    ),
    "confirmSecondFactor": (
        Operation("account", 409, scope=_FULL, body=lambda _: {"code": "123456"}),
    ),
    "renewRecoveryCodes": (Operation("account", 409, scope=_FULL, body=_confirmed),),
    "disableSecondFactor": (Operation("account", 409, scope=_FULL, body=_confirmed),),
    "listSessions": (Operation("account", scope=_READ),),
    "endOtherSessions": (Operation("account", 204, scope=_FULL),),
    "endSession": (Operation("account", 204, scope=_FULL, kind="session", spends=True),),
    "refresh": (Operation("public", 401, body=lambda _: {"refreshToken": "adr_x"}),),
    "getPublicKeys": (_PUBLIC,),
    "logout": (Operation("account", 409),),
    "getMe": (Operation("account"),),
    "listTokens": (Operation("account", scope=_READ),),
    "createToken": (Operation("account", 201, scope=_FULL, body=lambda _: {"name": "made"}),),
    "revokeToken": (
        Operation("account", 204, scope=_FULL, kind="personal_token", spends=True),
    ),
    "issueTicket": (_ANYONE,),
    # organizations
    "listOrganizations": (Operation("account", scope=_READ),),
    "getOrganization": (_on("organization", Action.ORGANIZATION_READ),),
    "createOrganization": (
        Operation("account", 201, scope=_FULL, body=lambda _: {"name": _name()}),
    ),
    "updateOrganization": (_on("organization", Action.ORGANIZATION_UPDATE, body=lambda _: {}),),
    "deleteOrganization": (_on("organization", Action.ORGANIZATION_DELETE, 422),),
    "transferOrganization": (
        _on(
            "organization", Action.ORGANIZATION_TRANSFER, 422,
            body=lambda _: {"userId": str(uuid4())},
        ),
    ),
    "listMembers": (_on("organization", Action.MEMBER_READ),),
    "getMember": (_on("member", Action.MEMBER_READ),),
    "addMember": (
        _on(
            "organization", Action.MEMBER_MANAGE, 409,
            body=lambda ids: {"userId": ids["spare_user_id"]},
        ),
    ),
    "updateMember": (_on("member", Action.MEMBER_MANAGE, body=lambda _: {"role": "member"}),),
    "removeMember": (_on("colleague", Action.MEMBER_MANAGE, 204, spends=True),),
    "listInvitations": (_on("organization", Action.INVITATION_READ),),
    "createInvitation": (
        _on(
            "organization", Action.MEMBER_MANAGE, 201,
            body=lambda _: {"email": f"{_name()}@example.com"},
        ),
    ),
    "revokeInvitation": (_on("invitation", Action.MEMBER_MANAGE, 204, spends=True),),
    "lookUpInvitation": (Operation("public", 404, body=lambda _: {"token": "adi_x"}),),
    "acceptInvitation": (
        Operation(
            "public", 404,
            body=lambda _: {"token": "adi_x", "name": "x", "password": "long enough"},
        ),
    ),
    "listAuditEntries": (_on("organization", Action.AUDIT_READ),),
    "listAccountAuditEntries": (Operation("account", scope=_READ),),
    # users
    "getUser": (Operation("account", scope=_READ, kind="account"),),
    "updateUser": (Operation("account", scope=_FULL, kind="account", body=lambda _: {}),),
    "previewUserDeletion": (Operation("account", scope=_FULL, kind="account"),),
    "deleteUser": (Operation("account", 422, scope=_FULL, kind="account", operators=True),),
    "getMemberProjects": (_on("member", Action.MEMBER_READ),),
    "setMemberProjects": (
        _on("member", Action.MEMBER_MANAGE, body=lambda _: {"projects": None}),
        _on(
            "project", Action.MEMBER_MANAGE, hidden=422,
            path=lambda ids: {
                "organization_id": ids["own_organization_id"], "user_id": ids["spare_user_id"],
            },
            body=lambda ids: {"projects": [ids["project_id"]]},
        ),
    ),
    # signing in elsewhere, of which nothing is set up here
    "listSignInMethods": (_PUBLIC,),
    "getGithubUrl": (Operation("either", 409, scope=_FULL),),
    "completeGithub": (Operation("either", 409, scope=_FULL, body=lambda _: {"state": "x"}),),
    "getOidcUrl": (Operation("either", 409, scope=_FULL),),
    "completeOidc": (Operation("either", 409, scope=_FULL, body=lambda _: {"state": "x"}),),
    "getSupabaseUrl": (Operation("account", 409, scope=_FULL),),
    "completeSupabase": (Operation("account", 409, scope=_FULL, body=lambda _: {"state": "x"}),),
    "getVercelUrl": (Operation("account", 409, scope=_FULL),),
    "completeVercel": (Operation("account", 409, scope=_FULL, body=lambda _: {"state": "x"}),),
    "issueCommandLineCode": (
        Operation("account", scope=_FULL, body=lambda _: {"challenge": "c" * 43}),
    ),
    "createCommandLineToken": (
        Operation(
            "public", 422, body=lambda _: {"code": "x", "verifier": "v" * 43, "name": "laptop"}
        ),
    ),
    "listConnections": (Operation("account", scope=_READ, kind="account"),),
    # not connected: another's and one's own are told apart by nothing
    "disconnect": (
        Operation(
            "account", 404, scope=_FULL, kind="account",
            path=lambda ids: {**ids, "provider": "github"},
        ),
    ),
    "connectByToken": (
        Operation(
            "account", scope=_FULL, kind="account",
            path=lambda ids: {**ids, "provider": "cloud"}, body=lambda _: {"token": CLOUD_TOKEN},
        ),
    ),
    # repositories
    "createRepository": (
        _on(
            "organization", Action.REPOSITORY_CREATE, 201,
            body=lambda ids: {"url": SHARED_URL, "organizationId": ids["organization_id"]},
        ),
    ),
    "uploadRepository": (
        _on(
            "organization", Action.REPOSITORY_CREATE, 422,
            query=lambda ids: {"organizationId": ids["organization_id"]},
        ),
        _on(
            "repository", Action.REPOSITORY_UPDATE, 422,
            query=lambda ids: {"repositoryId": ids["repository_id"]},
        ),
    ),
    "listRepositories": (_on(None, Action.REPOSITORY_READ),),
    # nobody here has connected an account at GitHub
    "discoverRepositories": (_on(None, Action.REPOSITORY_READ, 409),),
    "getRepository": (_on("repository", Action.REPOSITORY_READ),),
    "analyzeRepository": (_on("repository", Action.REPOSITORY_ANALYZE),),
    "getRepositoryAnalysis": (_on("repository", Action.REPOSITORY_READ),),
    # projects
    "createProject": (
        _on(
            "organization", Action.PROJECT_CREATE, 201,
            body=lambda ids: {"name": _name(), "organizationId": ids["organization_id"]},
        ),
        _on(
            "repository", Action.PROJECT_CREATE, 201, hidden=422,
            body=lambda ids: {
                "name": _name(),
                "organizationId": ids["own_organization_id"],
                "repositoryId": ids["repository_id"],
            },
        ),
    ),
    "listProjects": (_on(None, Action.PROJECT_READ),),
    "getProject": (_on("project", Action.PROJECT_READ),),
    "updateProject": (
        _on("project", Action.PROJECT_UPDATE, body=lambda _: {"description": _name()}),
        _on(
            "repository", Action.PROJECT_UPDATE, hidden=422,
            path=lambda ids: {"project_id": ids["own_project_id"]},
            body=lambda ids: {"repositoryId": ids["repository_id"]},
        ),
    ),
    "deleteProject": (_on("project", Action.PROJECT_DELETE, 204, spends=True),),
    "createServiceToken": (
        _on("project", Action.SERVICE_TOKEN_MANAGE, 201, body=lambda _: {"name": "made"}),
    ),
    "listServiceTokens": (_on("project", Action.SERVICE_TOKEN_MANAGE),),
    "revokeServiceToken": (
        _on("service_token", Action.SERVICE_TOKEN_MANAGE, 204, spends=True),
    ),
    # webhooks and notification channels
    "listWebhooks": (_on("organization", Action.NOTIFICATION_MANAGE),),
    "createWebhook": (
        _on("organization", Action.NOTIFICATION_MANAGE, 201, body=lambda _: {"url": _RECEIVER}),
    ),
    "getWebhook": (_on("webhook", Action.NOTIFICATION_MANAGE),),
    "updateWebhook": (
        _on("webhook", Action.NOTIFICATION_MANAGE, body=lambda _: {"name": _name()}),
    ),
    "deleteWebhook": (_on("webhook", Action.NOTIFICATION_MANAGE, 204, spends=True),),
    "rotateWebhookSecret": (_on("webhook", Action.NOTIFICATION_MANAGE),),
    "pingWebhook": (_on("webhook", Action.NOTIFICATION_MANAGE, 202),),
    "listWebhookDeliveries": (_on("webhook", Action.NOTIFICATION_MANAGE),),
    "redeliverWebhook": (_on("webhook", Action.NOTIFICATION_MANAGE, 202),),
    "listNotificationChannels": (_on("organization", Action.NOTIFICATION_MANAGE),),
    "createNotificationChannel": (
        _on(
            "organization", Action.NOTIFICATION_MANAGE, 201,
            body=lambda _: {"kind": "slack", "name": _name(), "address": _RECEIVER},
        ),
    ),
    "getNotificationChannel": (_on("channel", Action.NOTIFICATION_MANAGE),),
    "updateNotificationChannel": (
        _on("channel", Action.NOTIFICATION_MANAGE, body=lambda _: {"name": _name()}),
    ),
    "deleteNotificationChannel": (
        _on("channel", Action.NOTIFICATION_MANAGE, 204, spends=True),
    ),
    "testNotificationChannel": (_on("channel", Action.NOTIFICATION_MANAGE, 202),),
    "listNotificationDeliveries": (_on("channel", Action.NOTIFICATION_MANAGE),),
    # variables
    "listVariables": (_on("project", Action.VARIABLE_READ),),
    "getVariable": (_on("project", Action.VARIABLE_READ),),
    "createVariable": (
        _on(
            "project", Action.VARIABLE_WRITE, 201,
            body=lambda _: {
                "key": _name().replace("-", "_"), "value": "v", "environment": "production",
            },
        ),
    ),
    "updateVariable": (_on("project", Action.VARIABLE_WRITE, body=lambda _: {"value": _name()}),),
    "deleteVariable": (_on("project", Action.VARIABLE_WRITE, 204, spends=True),),
    "setVariables": (
        _on("project", Action.VARIABLE_WRITE, body=lambda _: {"values": {"GIVEN": _name()}}),
    ),
    "copyVariables": (
        _on(
            "project", Action.VARIABLE_WRITE,
            body=lambda _: {"from": "production", "to": "staging"},
        ),
    ),
    "listVariablesVersions": (_on("project", Action.VARIABLE_READ),),
    "compareVariablesVersions": (
        _on("project", Action.VARIABLE_READ, query=lambda _: {"from": 0, "to": 0}),
    ),
    # environments
    "listEnvironments": (_on("project", Action.PROJECT_READ),),
    "createEnvironment": (
        _on(
            "project", Action.ENVIRONMENT_CREATE, 201,
            body=lambda _: {"name": f"e{uuid4().hex[:12]}"},
        ),
    ),
    "getProjectCosts": (_on("project", Action.PROJECT_READ),),
    "getProjectUsage": (_on("project", Action.PROJECT_READ),),
    "getProjectBudget": (_on("project", Action.PROJECT_READ),),
    "setProjectBudget": (
        _on("project", Action.BUDGET_MANAGE, body=lambda _: {"monthlyLimitCents": 5000}),
    ),
    "scaleEnvironment": (
        _on(
            "project", Action.ENVIRONMENT_SCALE, body=lambda _: {"replicas": 2},
            path=lambda ids: {**ids, "environment": "production"},
        ),
    ),
    "getEnvironmentMetrics": (
        _on(
            "project", Action.MONITOR_READ, 409,
            path=lambda ids: {**ids, "environment": "production"},
        ),
    ),
    "deleteEnvironment": (
        _on(
            "project", Action.ENVIRONMENT_DELETE, 204, spends=True,
            query=lambda ids: {"confirm": ids["environment"]},
        ),
    ),
    "removeKeptApp": (
        _on(
            "project", Action.ENVIRONMENT_DELETE, 409,
            path=lambda ids: {**ids, "environment": "production", "provider": "cloud"},
        ),
    ),
    # push to deploy, of a project whose sources are not at GitHub
    "getPushToDeploy": (_on("project", Action.PROJECT_READ),),
    "updatePushToDeploy": (
        _on("project", Action.PROJECT_UPDATE, body=lambda _: {"enabled": False}),
    ),
    "switchOffPushToDeploy": (_on("project", Action.PROJECT_UPDATE, 204),),
    "getPushToDeployStatus": (_on("project", Action.PROJECT_READ),),
    "listPreviews": (_on("project", Action.DEPLOYMENT_READ),),
    "approvePreview": (
        _on(
            "project", Action.DEPLOYMENT_CREATE, path=lambda ids: {**ids, "number": "7"},
            body=lambda _: {"commit": "0" * 40},
        ),
    ),
    "receiveFromGitHub": (
        Operation("public", 401, path=lambda ids: {**ids, "webhook_id": str(uuid4())}),
    ),
    # domains
    "listDomains": (_on("project", Action.PROJECT_READ),),
    "addDomain": (
        _on("project", Action.DOMAIN_ADD, 202, body=lambda _: {"name": f"{_name()}.example.com"}),
    ),
    "verifyDomain": (_on("project", Action.DOMAIN_VERIFY, path=_domain),),
    "removeDomain": (_on("project", Action.DOMAIN_REMOVE, 202, path=_domain),),
    # what is set at a provider, where nothing is live
    "findDrift": (_on("project", Action.VARIABLE_READ, 409),),
    "reconcileDrift": (_on("project", Action.DEPLOYMENT_CREATE, 409, body=lambda _: {}),),
    # deployments
    "createDeployment": (
        _on("project", Action.DEPLOYMENT_CREATE, 201, body=lambda _: {}),
        _on(
            "project", Action.VARIABLE_WRITE, 201,
            body=lambda _: {"configuration": {"environmentVariables": {"GIVEN": "v"}}},
        ),
    ),
    "listDeployments": (_on("project", Action.DEPLOYMENT_READ),),
    "getDeployment": (_on("deployment", Action.DEPLOYMENT_READ),),
    "getDeploymentStatus": (_on("deployment", Action.DEPLOYMENT_READ),),
    "listDeploymentLogs": (_on("deployment", Action.DEPLOYMENT_READ),),
    "cancelDeployment": (_on("deployment", Action.DEPLOYMENT_CANCEL, 409),),
    "rollBackDeployment": (_on("deployment", Action.DEPLOYMENT_ROLLBACK, 409),),
    "WEBSOCKET /api/v1/deployments/{deployment_id}/logs/stream": (
        _on("deployment", Action.DEPLOYMENT_READ),
    ),
    "WEBSOCKET /api/v1/deployments/{deployment_id}/status/stream": (
        _on("deployment", Action.DEPLOYMENT_READ),
    ),
    # one-off commands, where nothing is live
    "createRun": (
        _on(
            "project", Action.RUN_CREATE, 409,
            body=lambda _: {"command": ["ls"]}, path=lambda _: {"environment": "production"},
        ),
    ),
    "listRuns": (_on("project", Action.RUN_READ),),
    "getRun": (_on("run", Action.RUN_READ),),
    "listRunLogs": (_on("run", Action.RUN_READ),),
    "cancelRun": (_on("run", Action.RUN_CANCEL, 409),),
    "WEBSOCKET /api/v1/runs/{run_id}/attach": (_on("run", Action.RUN_CREATE, 409),),
    # databases, of which no worker makes any here
    "createDatabase": (
        _on(
            "project", Action.DATABASE_CREATE, 202,
            body=lambda ids: {"projectId": ids["project_id"], "name": _name()},
        ),
    ),
    "listResources": (_on(None, Action.PROJECT_READ),),
    "listDatabases": (_on(None, Action.DATABASE_READ),),
    "getDatabase": (_on("database", Action.DATABASE_READ),),
    "updateDatabase": (_on("database", Action.DATABASE_UPDATE, body=lambda _: {}),),
    "deleteDatabase": (_on("database", Action.DATABASE_DELETE, 422),),
    "getDatabaseMetrics": (_on("database", Action.DATABASE_READ, 409),),
    "getDatabaseCredentials": (_on("database", Action.DATABASE_CREDENTIALS, 409),),
    "rotateDatabaseCredentials": (_on("database", Action.DATABASE_ROTATE, 409),),
    "pauseDatabase": (_on("database", Action.DATABASE_PAUSE, 409),),
    "resumeDatabase": (_on("database", Action.DATABASE_PAUSE, 202),),
    "createDatabaseBackup": (_on("database", Action.DATABASE_BACKUP, 409),),
    "listDatabaseBackups": (_on("database", Action.DATABASE_READ),),
    "getDatabaseBackup": (_on("backup", Action.DATABASE_READ),),
    "restoreDatabase": (
        _on(
            "database", Action.DATABASE_RESTORE, 422,
            body=lambda ids: {"backupId": ids["backup_id"]},
        ),
    ),
    "listDatabaseRestores": (_on("database", Action.DATABASE_READ),),
    "listProjectBackups": (_on("project", Action.DATABASE_READ),),
    # providers and operations
    "listProviders": (_ANYONE,),
    "getProviderCapabilities": (_ANYONE,),
    "listProviderRegions": (_ANYONE,),
    "listProviderPrices": (_ANYONE,),
    "getHealth": (_PUBLIC,),
    "getReadiness": (_PUBLIC,),
    "getMetrics": (Operation("operator", scope=_READ),),
    "listQueues": (Operation("operator", scope=_READ),),
    "listQueuedJobs": (Operation("operator", scope=_READ, path=_queued),),
    "retryQueuedJob": (Operation("operator", 404, scope=_WRITE, path=_queued),),
    "dropQueuedJob": (Operation("operator", 404, scope=_WRITE, path=_queued),),
    "listOrphans": (Operation("operator", scope=_READ),),
    "removeOrphan": (Operation("operator", 404, scope=_WRITE, path=_nobodys),),
}  # fmt: skip
