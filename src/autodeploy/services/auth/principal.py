"""Who is calling, as every service function is told."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from autodeploy.kernel.errors import Forbidden
from autodeploy.kernel.tenancy import Tenancy
from autodeploy.services.auth.models import Role
from autodeploy.services.auth.reach import Reach


class Scope(StrEnum):
    """What a token may be used for. Each scope includes those before it."""

    READ = "read"
    DEPLOY = "deploy"
    WRITE = "write"
    ADMIN = "admin"

    def includes(self, other: "Scope") -> bool:
        order = list(Scope)
        return order.index(self) >= order.index(other)


def no_account() -> Forbidden:
    """Why a service token cannot do what concerns an account."""
    return Forbidden(
        "A service token acts for its project alone and has no account.",
        remedy="Sign in, or use a personal token.",
    )


@dataclass(frozen=True, kw_only=True)
class Principal:
    """An authenticated caller: a signed-in session (``session_id``), a personal token
    (``token_id``) or the service token of a project (``service_token_id``), which has no account.

    ``roles`` maps each organization of the caller to the role held there; an organization that
    is not in it does not exist for the caller. ``limits`` maps some of them to the only projects
    that the caller may see there. ``is_admin`` marks an operator of the platform: it opens
    operator endpoints, never other tenants' data. ``address`` and ``user_agent`` say where the
    call came from, for the audit log.
    """

    account_id: UUID | None
    email: str
    roles: Mapping[UUID, Role]
    limits: Mapping[UUID, frozenset[UUID]] = field(default_factory=dict)
    scopes: frozenset[Scope]
    token_id: UUID | None = None
    session_id: UUID | None = None
    service_token_id: UUID | None = None
    is_admin: bool = False
    address: str | None = None
    user_agent: str | None = None

    @property
    def user_id(self) -> UUID:
        """The caller's account. Raises ``Forbidden`` for a service token, which has none: so what
        works on accounts refuses it wherever it begins to."""
        if self.account_id is None:
            raise no_account()
        return self.account_id

    @property
    def caller_id(self) -> UUID:
        """Whom limits are counted for and answers are kept for: the account or the token."""
        return self.service_token_id or self.user_id

    @property
    def tenancy(self) -> Tenancy:
        """What the database is told of this caller."""
        return Tenancy(
            organizations=frozenset(self.roles), user=self.account_id, caller=self.caller_id
        )

    @property
    def reach(self) -> Reach:
        """What the caller may look at, whatever its roles allow there."""
        return self.reach_in(self.roles)

    def reach_in(self, organization_ids: Collection[UUID]) -> Reach:
        """The caller's reach in some of its organizations."""
        known = self.roles.keys() & set(organization_ids)
        limited = known & self.limits.keys()
        projects = frozenset[UUID]().union(*(self.limits[each] for each in limited))
        return Reach(whole=known - limited, limited=limited, projects=projects)

    def has_scope(self, scope: Scope) -> bool:
        return any(held.includes(scope) for held in self.scopes)
