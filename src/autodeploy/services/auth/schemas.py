"""Shapes of accounts, sessions, personal tokens and organizations."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import EmailStr, Field

from autodeploy.kernel.schema import DisplayName, Input, Schema
from autodeploy.services.auth.models import Role
from autodeploy.services.auth.principal import Scope

Password = Annotated[str, Field(min_length=8, max_length=256, repr=False)]
PresentPassword = Annotated[str, Field(max_length=256, repr=False)]
LinkToken = Annotated[
    str, Field(max_length=100, repr=False, description="What a link holds after `#token=`.")
]
Code = Annotated[
    str,
    Field(
        max_length=50,
        repr=False,
        description="Six digits of the authenticator app, or a recovery code.",
    ),
]


def normal_email(email: str) -> str:
    """The form in which addresses are stored and compared."""
    return email.strip().lower()


class RegisterInput(Input):
    email: Annotated[EmailStr, Field(max_length=255)]
    password: Password
    name: DisplayName


class LoginInput(Input):
    email: Annotated[str, Field(max_length=255)]
    password: PresentPassword


class SecondFactorLoginInput(Input):
    challenge: Annotated[str, Field(max_length=100, repr=False)]
    code: Code


class TokenOfLink(Input):
    token: LinkToken


class ResetRequest(Input):
    email: Annotated[EmailStr, Field(max_length=255)]


class ResetInput(Input):
    token: LinkToken
    password: Password


class PasswordInput(Input):
    current_password: PresentPassword
    new_password: Password


class EmailInput(Input):
    email: Annotated[EmailStr, Field(max_length=255)]
    password: PresentPassword


class EnrolInput(Input):
    password: PresentPassword


class CodeInput(Input):
    code: Code


class ConfirmedInput(Input):
    """The password and a code, before what weakens or renews the second factor."""

    password: PresentPassword
    code: Code


class SetupInput(RegisterInput):
    token: Annotated[str, Field(max_length=100, repr=False)]


class RefreshInput(Input):
    refresh_token: Annotated[str, Field(max_length=200, repr=False)]


class UserView(Schema):
    """An account, as its owner sees it."""

    id: UUID
    email: str
    name: str
    avatar: str | None = Field(default=None, validation_alias="avatar_url")
    email_verified_at: datetime | None
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


class Challenge(Schema):
    """What, with a code, signs in at POST /api/v1/auth/login/second-factor."""

    challenge: Annotated[str, Field(repr=False)]
    expires_in: Annotated[int, Field(description="Seconds that the challenge is valid.")]


class SecondFactorNeeded(Schema):
    """The password is right, and a code of the second factor is needed too."""

    second_factor: Challenge


class SessionView(Schema):
    """Where the caller is signed in."""

    id: UUID
    user_agent: str | None
    address: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    current: Annotated[bool, Field(description="Whether it is the one that asks.")]


class MailRequested(Schema):
    """A mail is on its way, if there is somebody for it."""

    detail: str


class SecondFactorView(Schema):
    """Whether signing in needs a code, and how many recovery codes are left."""

    enabled: bool
    confirmed_at: datetime | None
    recovery_codes_left: int


class Enrolment(Schema):
    """The secret of an authenticator app; the answer is the only one that holds it."""

    secret: Annotated[str, Field(repr=False)]
    otpauth_uri: Annotated[str, Field(repr=False, description="What a QR code is made of.")]


class RecoveryCodes(Schema):
    """Codes that each stand in for the app once; the answer is the only one that holds them."""

    recovery_codes: Annotated[list[str], Field(repr=False)]


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


class Ticket(Schema):
    """A one-use credential for a WebSocket, which cannot carry headers in a browser."""

    ticket: Annotated[str, Field(repr=False)]
    expires_in: int


class OrganizationView(Membership):
    plan: str
    created_at: datetime
    updated_at: datetime
