"""Who may do what: one table of actions per role, and the scope that a token needs for each."""

from enum import StrEnum
from uuid import UUID

from autodeploy.kernel.errors import Forbidden, NotFound
from autodeploy.services.auth.models import Role
from autodeploy.services.auth.principal import Principal, Scope
from autodeploy.services.auth.reach import Reach


class Action(StrEnum):
    """Everything that is decided by a role in an organization."""

    ORGANIZATION_READ = "organization.read"
    ORGANIZATION_UPDATE = "organization.update"
    ORGANIZATION_TRANSFER = "organization.transfer"
    ORGANIZATION_DELETE = "organization.delete"
    MEMBER_READ = "member.read"
    MEMBER_MANAGE = "member.manage"
    INVITATION_READ = "invitation.read"
    AUDIT_READ = "audit.read"
    REPOSITORY_READ = "repository.read"
    REPOSITORY_CREATE = "repository.create"
    REPOSITORY_UPDATE = "repository.update"
    REPOSITORY_ANALYZE = "repository.analyze"
    PROJECT_READ = "project.read"
    PROJECT_CREATE = "project.create"
    PROJECT_UPDATE = "project.update"
    PROJECT_DELETE = "project.delete"
    ENVIRONMENT_CREATE = "environment.create"
    ENVIRONMENT_SCALE = "environment.scale"
    ENVIRONMENT_DELETE = "environment.delete"
    DOMAIN_ADD = "domain.add"
    DOMAIN_VERIFY = "domain.verify"
    DOMAIN_REMOVE = "domain.remove"
    VARIABLE_READ = "variable.read"
    VARIABLE_WRITE = "variable.write"
    DEPLOYMENT_READ = "deployment.read"
    DEPLOYMENT_CREATE = "deployment.create"
    DEPLOYMENT_CANCEL = "deployment.cancel"
    DEPLOYMENT_ROLLBACK = "deployment.rollback"
    RUN_READ = "run.read"
    RUN_CREATE = "run.create"
    RUN_CANCEL = "run.cancel"
    DATABASE_READ = "database.read"
    DATABASE_CREATE = "database.create"
    DATABASE_UPDATE = "database.update"
    DATABASE_CREDENTIALS = "database.credentials"
    DATABASE_ROTATE = "database.rotate"
    DATABASE_PAUSE = "database.pause"
    DATABASE_BACKUP = "database.backup"
    DATABASE_RESTORE = "database.restore"
    DATABASE_DELETE = "database.delete"
    MONITOR_READ = "monitor.read"
    ALERT_MANAGE = "alert.manage"
    NOTIFICATION_MANAGE = "notification.manage"
    BUDGET_MANAGE = "budget.manage"
    SERVICE_TOKEN_MANAGE = "service_token.manage"  # noqa: S105 - an action, not a secret


_VIEWER = frozenset(
    {
        Action.ORGANIZATION_READ,
        Action.MEMBER_READ,
        Action.REPOSITORY_READ,
        Action.PROJECT_READ,
        Action.DEPLOYMENT_READ,
        Action.DATABASE_READ,
        Action.MONITOR_READ,
    }
)
_MEMBER = _VIEWER | {
    Action.REPOSITORY_CREATE,
    Action.REPOSITORY_UPDATE,
    Action.REPOSITORY_ANALYZE,
    Action.PROJECT_CREATE,
    Action.PROJECT_UPDATE,
    Action.ENVIRONMENT_CREATE,
    Action.ENVIRONMENT_SCALE,
    Action.DOMAIN_ADD,
    Action.DOMAIN_VERIFY,
    Action.DOMAIN_REMOVE,
    Action.VARIABLE_READ,
    Action.VARIABLE_WRITE,
    Action.DEPLOYMENT_CREATE,
    Action.DEPLOYMENT_CANCEL,
    Action.DEPLOYMENT_ROLLBACK,
    Action.RUN_READ,
    Action.RUN_CREATE,
    Action.RUN_CANCEL,
    Action.DATABASE_CREATE,
    Action.DATABASE_UPDATE,
    Action.DATABASE_CREDENTIALS,
    Action.DATABASE_ROTATE,
    Action.DATABASE_PAUSE,
    Action.DATABASE_BACKUP,
    Action.ALERT_MANAGE,
}
_ADMIN = _MEMBER | {
    Action.PROJECT_DELETE,
    Action.ENVIRONMENT_DELETE,
    Action.DATABASE_RESTORE,
    Action.DATABASE_DELETE,
    Action.ORGANIZATION_UPDATE,
    Action.MEMBER_MANAGE,
    Action.INVITATION_READ,
    Action.AUDIT_READ,
    Action.NOTIFICATION_MANAGE,
    Action.BUDGET_MANAGE,
    Action.SERVICE_TOKEN_MANAGE,
}
_OWNER = _ADMIN | {Action.ORGANIZATION_TRANSFER, Action.ORGANIZATION_DELETE}

ROLE_ACTIONS: dict[Role, frozenset[Action]] = {
    Role.VIEWER: _VIEWER,
    Role.MEMBER: _MEMBER,
    Role.ADMIN: _ADMIN,
    Role.OWNER: _OWNER,
}

#: What is done to one project and what belongs to it: all that a service token is for.
PROJECT_ACTIONS = frozenset(
    {
        Action.REPOSITORY_READ,
        Action.REPOSITORY_UPDATE,
        Action.REPOSITORY_ANALYZE,
        Action.PROJECT_READ,
        Action.PROJECT_UPDATE,
        Action.PROJECT_DELETE,
        Action.ENVIRONMENT_CREATE,
        Action.ENVIRONMENT_SCALE,
        Action.ENVIRONMENT_DELETE,
        Action.DOMAIN_ADD,
        Action.DOMAIN_VERIFY,
        Action.DOMAIN_REMOVE,
        Action.VARIABLE_READ,
        Action.VARIABLE_WRITE,
        Action.DEPLOYMENT_READ,
        Action.DEPLOYMENT_CREATE,
        Action.DEPLOYMENT_CANCEL,
        Action.DEPLOYMENT_ROLLBACK,
        Action.RUN_READ,
        Action.RUN_CREATE,
        Action.RUN_CANCEL,
        Action.DATABASE_READ,
        Action.DATABASE_CREATE,
        Action.DATABASE_UPDATE,
        Action.DATABASE_CREDENTIALS,
        Action.DATABASE_ROTATE,
        Action.DATABASE_PAUSE,
        Action.DATABASE_BACKUP,
        Action.DATABASE_RESTORE,
        Action.DATABASE_DELETE,
        Action.MONITOR_READ,
        Action.ALERT_MANAGE,
    }
)

#: What a role leaves to a member who is limited to some projects.
LIMITED_ACTIONS = PROJECT_ACTIONS | {Action.ORGANIZATION_READ, Action.MEMBER_READ}

ACTION_SCOPE: dict[Action, Scope] = {
    Action.ORGANIZATION_READ: Scope.READ,
    Action.ORGANIZATION_UPDATE: Scope.ADMIN,
    Action.ORGANIZATION_TRANSFER: Scope.ADMIN,
    Action.ORGANIZATION_DELETE: Scope.ADMIN,
    Action.MEMBER_READ: Scope.READ,
    Action.MEMBER_MANAGE: Scope.ADMIN,
    Action.INVITATION_READ: Scope.READ,
    Action.AUDIT_READ: Scope.READ,
    Action.REPOSITORY_READ: Scope.READ,
    Action.REPOSITORY_CREATE: Scope.DEPLOY,
    Action.REPOSITORY_UPDATE: Scope.DEPLOY,
    Action.REPOSITORY_ANALYZE: Scope.DEPLOY,
    Action.PROJECT_READ: Scope.READ,
    Action.PROJECT_CREATE: Scope.WRITE,
    Action.PROJECT_UPDATE: Scope.WRITE,
    Action.PROJECT_DELETE: Scope.WRITE,
    Action.ENVIRONMENT_CREATE: Scope.WRITE,
    Action.ENVIRONMENT_SCALE: Scope.DEPLOY,
    Action.ENVIRONMENT_DELETE: Scope.WRITE,
    Action.DOMAIN_ADD: Scope.WRITE,
    Action.DOMAIN_VERIFY: Scope.WRITE,
    Action.DOMAIN_REMOVE: Scope.WRITE,
    Action.VARIABLE_READ: Scope.WRITE,
    Action.VARIABLE_WRITE: Scope.WRITE,
    Action.DEPLOYMENT_READ: Scope.READ,
    Action.DEPLOYMENT_CREATE: Scope.DEPLOY,
    Action.DEPLOYMENT_CANCEL: Scope.DEPLOY,
    Action.DEPLOYMENT_ROLLBACK: Scope.DEPLOY,
    Action.RUN_READ: Scope.DEPLOY,
    Action.RUN_CREATE: Scope.DEPLOY,
    Action.RUN_CANCEL: Scope.DEPLOY,
    Action.DATABASE_READ: Scope.READ,
    Action.DATABASE_CREATE: Scope.WRITE,
    Action.DATABASE_UPDATE: Scope.WRITE,
    Action.DATABASE_CREDENTIALS: Scope.WRITE,
    Action.DATABASE_ROTATE: Scope.WRITE,
    Action.DATABASE_PAUSE: Scope.WRITE,
    Action.DATABASE_BACKUP: Scope.WRITE,
    Action.DATABASE_RESTORE: Scope.WRITE,
    Action.DATABASE_DELETE: Scope.WRITE,
    Action.MONITOR_READ: Scope.READ,
    Action.ALERT_MANAGE: Scope.WRITE,
    Action.NOTIFICATION_MANAGE: Scope.ADMIN,
    Action.BUDGET_MANAGE: Scope.ADMIN,
    Action.SERVICE_TOKEN_MANAGE: Scope.ADMIN,
}


def require(principal: Principal, action: Action, organization_id: UUID) -> None:
    """Return when ``principal`` may do ``action`` in the organization.

    Raises ``NotFound`` for an organization that the caller is not a member of (a foreign one is
    not told apart from a missing one) and ``Forbidden`` where the role, a limit to some projects
    or the token's scope does not reach.
    """
    role = principal.roles.get(organization_id)
    if role is None:
        raise NotFound("No such organization.")
    if action not in ROLE_ACTIONS[role]:
        raise Forbidden(
            f"Your role in this organization, {role}, does not allow {action}.",
            remedy="Ask an owner or admin of the organization for a role that does.",
        )
    if action not in _within_limits(principal, organization_id):
        raise _beyond_limits(principal, action)
    require_scope(principal, ACTION_SCOPE[action])


def require_rank(principal: Principal, role: Role, organization_id: UUID) -> None:
    """Return when the caller may give or take ``role``: a role gives those up to its own.

    Raises ``NotFound`` and ``Forbidden``.
    """
    require(principal, Action.MEMBER_MANAGE, organization_id)
    own = principal.roles[organization_id]
    if not ROLE_ACTIONS[role] <= ROLE_ACTIONS[own]:
        raise Forbidden(
            f"As {own} of this organization you cannot decide about its {role}s.",
            field="role",
            remedy="Ask an owner of the organization.",
        )


def require_operator(principal: Principal, scope: Scope) -> None:
    """Return when the caller operates the platform and its credential has ``scope``; raises
    ``Forbidden`` otherwise."""
    if not principal.is_admin:
        raise Forbidden(
            "Only the platform's operators may do this.",
            remedy="Use a credential of an administrator.",
        )
    require_scope(principal, scope)


def require_scope(principal: Principal, scope: Scope) -> None:
    """Return when the caller's credential has ``scope``; raises ``Forbidden`` otherwise."""
    if not principal.has_scope(scope):
        raise Forbidden(
            f"This token lacks the scope {scope}.",
            remedy=f"Use a token that was created with the scope {scope}; "
            f"`autodeploy login --scope {scope}` makes one.",
        )


def reach_of(principal: Principal, action: Action) -> Reach:
    """Where ``principal`` may do ``action``; for queries over lists."""
    require_scope(principal, ACTION_SCOPE[action])
    return principal.reach_in(
        [
            organization_id
            for organization_id, role in principal.roles.items()
            if action in ROLE_ACTIONS[role] & _within_limits(principal, organization_id)
        ]
    )


def _within_limits(principal: Principal, organization_id: UUID) -> frozenset[Action]:
    if principal.service_token_id is not None:
        return PROJECT_ACTIONS
    if organization_id in principal.limits:
        return LIMITED_ACTIONS
    return frozenset(Action)


def _beyond_limits(principal: Principal, action: Action) -> Forbidden:
    if principal.service_token_id is not None:
        return Forbidden(
            f"A service token acts for its project alone, which does not include {action}.",
            remedy="Sign in, or use a personal token.",
        )
    return Forbidden(
        f"You are limited to some projects of this organization, which excludes {action}.",
        remedy="Ask an owner or admin of the organization to do it, or to lift the limit.",
    )
