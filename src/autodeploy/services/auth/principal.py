"""Who is calling, as every service function is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from autodeploy.services.auth.models import Role


class Scope(StrEnum):
    """What a token may be used for. Each scope includes those before it."""

    READ = "read"
    DEPLOY = "deploy"
    WRITE = "write"
    ADMIN = "admin"

    def includes(self, other: "Scope") -> bool:
        order = list(Scope)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, kw_only=True)
class Principal:
    """An authenticated caller: a signed-in session (``session_id``) or a personal token.

    ``roles`` maps each organization of the caller to the role held there; an organization that
    is not in it does not exist for the caller. ``is_admin`` marks an operator of the platform:
    it opens operator endpoints, never other tenants' data. ``address`` and ``user_agent`` say
    where the call came from, for the audit log.
    """

    user_id: UUID
    email: str
    roles: Mapping[UUID, Role]
    scopes: frozenset[Scope]
    token_id: UUID | None = None
    session_id: UUID | None = None
    is_admin: bool = False
    address: str | None = None
    user_agent: str | None = None

    @property
    def organization_ids(self) -> frozenset[UUID]:
        return frozenset(self.roles)

    def has_scope(self, scope: Scope) -> bool:
        return any(held.includes(scope) for held in self.scopes)
