"""The audit log: who changed what, from where. Written in the transaction of the change.

``FIELDS`` is the one list of what an entry may show. A column that is not on it never gets into
the log, whatever it holds; of a hidden one the log says that it changed, never its value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.db import Base
from autodeploy.services.auth.models import AuditEntry, Organization, OrganizationMember, User
from autodeploy.services.auth.permissions import Action
from autodeploy.services.auth.principal import Principal

_LONGEST_TEXT = 1000
_LONGEST_USER_AGENT = 500


class ObjectType(StrEnum):
    """What an entry is about."""

    USER = "user"
    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - a kind of object
    SERVICE_TOKEN = "service_token"  # noqa: S105 - a kind of object
    IDENTITY = "identity"
    CONNECTION = "connection"
    ORGANIZATION = "organization"
    MEMBER = "member"
    INVITATION = "invitation"
    REPOSITORY = "repository"
    PROJECT = "project"
    ENVIRONMENT = "environment"
    VARIABLE = "variable"
    DEPLOYMENT = "deployment"
    DATABASE = "database"
    DOMAIN = "domain"
    ORPHAN = "orphan"
    RUN = "run"
    ENDPOINT = "endpoint"
    PUSH_TO_DEPLOY = "push_to_deploy"
    PREVIEW = "preview"


class OwnAction(StrEnum):
    """Changes that no role decides: to the caller's own account, sessions and memberships."""

    REGISTER = "auth.register"
    LOGIN = "auth.login"
    LOGIN_FAILED = "auth.login_failed"
    LOGOUT = "auth.logout"
    SESSION_REUSED = "auth.session_reused"
    SESSION_END = "auth.session_end"
    SESSIONS_END = "auth.sessions_end"
    EMAIL_VERIFY = "auth.email_verify"
    PASSWORD_CHANGE = "auth.password_change"  # noqa: S105 - the name of an action
    PASSWORD_RESET = "auth.password_reset"  # noqa: S105 - the name of an action
    SECOND_FACTOR_ENABLE = "auth.second_factor_enable"
    SECOND_FACTOR_DISABLE = "auth.second_factor_disable"
    RECOVERY_CODES_RENEW = "auth.recovery_codes_renew"
    IDENTITY_LINK = "auth.identity_link"
    IDENTITY_UNLINK = "auth.identity_unlink"
    CONNECT = "auth.connect"
    DISCONNECT = "auth.disconnect"
    TOKEN_CREATE = "auth.token_create"  # noqa: S105 - the name of an action
    TOKEN_REVOKE = "auth.token_revoke"  # noqa: S105 - the name of an action
    USER_UPDATE = "auth.user_update"
    USER_DELETE = "auth.user_delete"
    ORGANIZATION_CREATE = "organization.create"
    INVITATION_ACCEPT = "invitation.accept"
    MEMBER_LEAVE = "member.leave"
    ORPHAN_REMOVE = "orphan.remove"
    KEPT_REMOVE = "environment.remove_kept"
    RUN_END = "run.end"


@dataclass(frozen=True)
class Fields:
    """Of a table: the kind of object it holds, the columns that are shown and those hidden."""

    object_type: ObjectType
    shown: tuple[str, ...]
    hidden: tuple[str, ...] = ()


FIELDS: Mapping[str, Fields] = {
    "users": Fields(
        ObjectType.USER,
        ("email", "email_verified_at", "name", "avatar_url", "is_admin"),
        ("encrypted_password",),
    ),
    "sessions": Fields(ObjectType.SESSION, ("expires_at", "revoked_at")),
    "api_tokens": Fields(ObjectType.TOKEN, ("name", "prefix", "scopes", "expires_at")),
    "identities": Fields(ObjectType.IDENTITY, ("provider", "issuer", "subject", "account_name")),
    "provider_integrations": Fields(
        ObjectType.CONNECTION,
        ("provider", "external_id", "scopes", "expires_at"),
        ("encrypted_token", "encrypted_refresh_token"),
    ),
    "service_tokens": Fields(
        ObjectType.SERVICE_TOKEN, ("project_id", "name", "prefix", "scopes", "expires_at")
    ),
    "organizations": Fields(ObjectType.ORGANIZATION, ("name", "slug", "plan", "billing_email")),
    "organization_members": Fields(ObjectType.MEMBER, ("role", "project_ids")),
    "invitations": Fields(ObjectType.INVITATION, ("email", "role", "expires_at")),
    "repositories": Fields(
        ObjectType.REPOSITORY,
        ("kind", "full_name", "url", "default_branch", "private", "connection_id",
         "github_owner_id", "github_access", "github_installation_id"),
    ),
    "projects": Fields(
        ObjectType.PROJECT,
        ("name", "slug", "description", "status", "repository_id", "root_directory",
         "monthly_budget_cents"),
    ),
    "environments": Fields(
        ObjectType.ENVIRONMENT, ("project_id", "name", "provider", "plan", "region", "replicas")
    ),
    "environment_variables": Fields(
        ObjectType.VARIABLE, ("project_id", "environment", "key", "is_secret", "scope"),
        ("encrypted_value",),
    ),
    "deployments": Fields(
        ObjectType.DEPLOYMENT,
        ("project_id", "environment", "kind", "branch", "commit_sha", "provider",
         "source_deployment_id", "status"),
    ),
    "runs": Fields(
        ObjectType.RUN,
        ("project_id", "environment", "command", "deployment_id", "status", "exit_code"),
        ("encrypted_command",),
    ),
    "databases": Fields(
        ObjectType.DATABASE,
        ("project_id", "environment", "name", "engine", "provider", "plan", "region",
         "backup_schedule", "backup_hour", "keep_daily", "keep_weekly"),
    ),
    "notification_endpoints": Fields(
        ObjectType.ENDPOINT, ("kind", "name", "target", "events", "project_ids", "off_reason"),
        ("encrypted_address", "encrypted_secret"),
    ),
    "push_to_deploy": Fields(
        ObjectType.PUSH_TO_DEPLOY,
        ("project_id", "paths", "wait_for_ci", "previews", "created_by"),
    ),
    "watched_branches": Fields(ObjectType.PUSH_TO_DEPLOY, ("branch", "environment")),
    "previews": Fields(ObjectType.PREVIEW, ("project_id", "number", "approved_sha", "closed_at")),
    "domains": Fields(
        ObjectType.DOMAIN, ("project_id", "environment", "name", "state", "removal_requested_at")
    ),
    "orphans": Fields(
        ObjectType.ORPHAN, ("provider", "kind", "external_id", "removal_requested_at")
    ),
}  # fmt: skip


class ActorKind(StrEnum):
    """With what a change was made."""

    USER = "user"
    TOKEN = "token"  # noqa: S105 - a kind of actor
    SERVICE_TOKEN = "service_token"  # noqa: S105 - a kind of actor
    SYSTEM = "system"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who makes a change, where there is no ``Principal``: before a log-in, or in a worker."""

    kind: ActorKind
    user_id: UUID | None = None
    token_id: UUID | None = None
    address: str | None = None
    user_agent: str | None = None

    @classmethod
    def of(cls, principal: Principal) -> "Actor":
        kind = ActorKind.USER
        if principal.service_token_id:
            kind = ActorKind.SERVICE_TOKEN
        elif principal.token_id:
            kind = ActorKind.TOKEN
        return cls(
            kind=kind,
            user_id=principal.account_id,
            token_id=principal.service_token_id or principal.token_id,
            address=principal.address,
            user_agent=principal.user_agent,
        )

    @classmethod
    def anonymous(cls, *, address: str | None, user_agent: str | None) -> "Actor":
        """A caller without a credential, such as one that tries to sign in or holds a link."""
        return cls(kind=ActorKind.ANONYMOUS, address=address, user_agent=user_agent)


SYSTEM = Actor(kind=ActorKind.SYSTEM)

#: The shown and hidden columns of a row at one moment. Never stored as it is.
Snapshot = Mapping[str, Any]


def snapshot(row: Base) -> Snapshot:
    """What ``record`` compares: take one before the change and one after it."""
    fields = FIELDS[row.__tablename__]
    return {name: getattr(row, name) for name in (*fields.shown, *fields.hidden)}


async def record(
    session: AsyncSession,
    who: Principal | Actor,
    action: Action | OwnAction,
    row: Base,
    *,
    before: Snapshot | None = None,
    after: Snapshot | None = None,
) -> None:
    """Write that ``who`` did ``action`` to ``row``, in the transaction of the change.

    Args:
        before, after: snapshots of the row; one that is missing means that the row did not exist
            then, both missing that the action changed no column worth showing. Two equal ones
            mean that nothing changed, so nothing is written.
    """
    if before is not None and before == after:
        return
    fields = FIELDS[row.__tablename__]
    await _write(
        session,
        who if isinstance(who, Actor) else Actor.of(who),
        action,
        organization_id=_organization_of(row),
        account_id=_account_of(row),
        object_type=fields.object_type,
        object_id=str(_id_of(row)),
        changes=_changes(fields, before or {}, after or {}) or None,
    )


async def record_failed_login(session: AsyncSession, who: Actor, user: User | None) -> None:
    """Write that somebody could not sign in as ``user``.

    Where there is no such account an entry is written that belongs to none, so that the time
    which the answer takes does not tell.
    """
    user_id = user.id if user else None
    await _write(
        session,
        who,
        OwnAction.LOGIN_FAILED,
        account_id=user_id,
        object_type=ObjectType.USER,
        object_id=str(user_id) if user_id else None,
    )


async def _write(
    session: AsyncSession, actor: Actor, action: Action | OwnAction, **values: Any
) -> None:
    # The id is made here, so that nothing has to be read back: who may write may not read.
    await session.execute(
        insert(AuditEntry).values(
            id=uuid4(),
            actor=actor.kind,
            user_id=actor.user_id,
            token_id=actor.token_id,
            action=action,
            address=actor.address,
            user_agent=actor.user_agent[:_LONGEST_USER_AGENT] if actor.user_agent else None,
            **values,
        )
    )


def _organization_of(row: Base) -> UUID | None:
    return row.id if isinstance(row, Organization) else getattr(row, "organization_id", None)


def _account_of(row: Base) -> UUID | None:
    """The account that an entry belongs to; the things of organizations belong to none."""
    if _organization_of(row) is not None:
        return None
    return row.id if isinstance(row, User) else getattr(row, "user_id", None)


def _id_of(row: Base) -> object:
    """The id under which the API knows the object: a member's is the user's."""
    return row.user_id if isinstance(row, OrganizationMember) else getattr(row, "id", None)


def _changes(fields: Fields, before: Snapshot, after: Snapshot) -> dict[str, Any]:
    changed = [
        name for name in (*fields.shown, *fields.hidden) if before.get(name) != after.get(name)
    ]
    return {
        name: {"hidden": True}
        if name in fields.hidden
        else {"before": _plain(before.get(name)), "after": _plain(after.get(name))}
        for name in changed
    }


def _plain(value: Any) -> Any:
    """The value as JSON holds it; long text is cut."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return value[:_LONGEST_TEXT] + "…"
    return str(value) if isinstance(value, UUID | StrEnum) else value
