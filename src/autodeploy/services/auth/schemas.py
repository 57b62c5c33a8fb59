"""Shapes of accounts, sessions, personal tokens and organizations."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import EmailStr, Field

from autodeploy.kernel.schema import DisplayName, Input, Schema
from autodeploy.services.auth.models import Role
from autodeploy.services.auth.principal import Scope

Password = Annotated[str, Field(min_length=8, max_length=256, repr=False)]


def normal_email(email: str) -> str:
    """The form in which addresses are stored and compared."""
    return email.strip().lower()


class RegisterInput(Input):
    email: Annotated[EmailStr, Field(max_length=255)]
    password: Password
    name: DisplayName


class LoginInput(Input):
    email: Annotated[str, Field(max_length=255)]
    password: Annotated[str, Field(max_length=256, repr=False)]


class RefreshInput(Input):
    refresh_token: Annotated[str, Field(max_length=200, repr=False)]


class UserView(Schema):
    """An account, as its owner sees it."""

    id: UUID
    email: str
    name: str
    avatar: str | None = Field(default=None, validation_alias="avatar_url")
    is_admin: bool
    created_at: datetime
    updated_at: datetime


class SignedIn(Schema):
    """A session: the access token to call with, and the refresh token for the next one."""

    user: UserView
    access_token: Annotated[str, Field(repr=False)]
    refresh_token: Annotated[str, Field(repr=False)]
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a scheme, not a secret
    expires_in: Annotated[int, Field(description="Seconds that the access token is valid.")]


class Membership(Schema):
    """An organization of the caller, and the caller's role there."""

    id: UUID
    name: str
    slug: str
    role: Role


class Me(UserView):
    organizations: list[Membership]


class TokenInput(Input):
    name: DisplayName
    scopes: Annotated[
        list[Scope],
        Field(min_length=1, max_length=len(Scope), default_factory=lambda: [Scope.WRITE]),
    ]
    expires_in_days: Annotated[int, Field(ge=1, le=3650)] | None = None


class TokenView(Schema):
    """A personal token without its secret."""

    id: UUID
    name: str
    prefix: str
    scopes: list[Scope]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


class NewToken(TokenView):
    """A personal token at its creation, the only time that its secret is shown."""

    token: Annotated[str, Field(repr=False)]


class ServiceTokenInput(Input):
    name: DisplayName
    scopes: Annotated[
        list[Literal["read", "deploy", "write"]],
        Field(min_length=1, max_length=3, default_factory=lambda: ["deploy"]),
    ]
    expires_in_days: Annotated[int, Field(ge=1, le=3650)] = 90


class ServiceTokenView(TokenView):
    """A service token of a project without its secret. ``created_by`` is the id of an account, and
    null when that was deleted: the token is the project's and works on."""

    expires_at: datetime
    created_by: UUID | None


class NewServiceToken(ServiceTokenView):
    """A service token at its creation, the only time that its secret is shown."""

    token: Annotated[str, Field(repr=False)]


class MemberProjectsInput(Input):
    projects: Annotated[
        list[UUID] | None,
        Field(max_length=1000, description="The only projects it may see; null for all."),
    ]


class MemberProjects(Schema):
    """The projects that a member is limited to; null when it may see all."""

    projects: list[UUID] | None


class Ticket(Schema):
    """A one-use credential for a WebSocket, which cannot carry headers in a browser."""

    ticket: Annotated[str, Field(repr=False)]
    expires_in: int


class OrganizationView(Membership):
    plan: str
    created_at: datetime
    updated_at: datetime
