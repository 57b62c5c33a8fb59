"""Shapes of organizations, members, invitations and of what deleting an account would do."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import EmailStr, Field, StringConstraints

from autodeploy.kernel.schema import DisplayName, Input, Schema, Update
from autodeploy.services.auth.models import Role
from autodeploy.services.auth.schemas import Membership, SignedIn

Email = Annotated[EmailStr, Field(max_length=255)]
Slug = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=100, pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
    ),
    Field(description="Lower-case letters, digits and inner hyphens; unique on the platform."),
]  # fmt: skip
#: What a link in a mail carries; the length is that of no token of ours but far above it.
InvitationToken = Annotated[str, Field(max_length=200, repr=False)]


class OrganizationView(Membership):
    """An organization, as a member sees it. ``personal`` is that of the caller's own account."""

    plan: str
    billing_email: str | None
    personal: bool
    created_at: datetime
    updated_at: datetime


class OrganizationInput(Input):
    name: DisplayName
    slug: Slug | None = None
    billing_email: Email | None = None


class OrganizationUpdate(Update):
    name: DisplayName | None = None
    slug: Slug | None = None
    billing_email: Email | None = None


class TransferInput(Input):
    user_id: Annotated[UUID, Field(description="A member, who becomes an owner.")]


class MemberView(Schema):
    """A person in an organization."""

    user_id: UUID
    name: str
    email: str
    avatar: str | None
    role: Role
    joined_at: datetime | None


class MemberInput(Input):
    user_id: Annotated[UUID, Field(description="A person of another organization of yours.")]
    role: Role = Role.MEMBER


class MemberUpdate(Update):
    role: Role


class InvitationInput(Input):
    email: Email
    role: Role = Role.MEMBER


class InvitationView(Schema):
    """An invitation that waits for an answer. The link is in the mail alone."""

    id: UUID
    email: str
    role: Role
    invited_by: UUID | None
    created_at: datetime
    expires_at: datetime
    expired: bool


class InvitationTokenInput(Input):
    token: InvitationToken


class InvitationOffer(Schema):
    """What an invitation is, for whoever holds its link."""

    organization: str
    role: Role
    invited_by: str
    expires_at: datetime


class InvitationAcceptance(InvitationTokenInput):
    """A signed-in caller sends the token alone; a new person also a name and a password."""

    name: DisplayName | None = None
    password: Annotated[str | None, Field(min_length=8, max_length=256, repr=False)] = None


class InvitationAccepted(Schema):
    """The organization that was joined, and the session of an account that was made for it."""

    organization: OrganizationView
    session: SignedIn | None = None


class PersonView(Schema):
    """A user, as people of the same organization see it."""

    id: UUID
    name: str
    email: str
    avatar: str | None = Field(validation_alias="avatar_url")
    created_at: datetime
    updated_at: datetime


class PersonUpdate(Update):
    name: DisplayName | None = None
    avatar: (
        Annotated[str, StringConstraints(max_length=2000, pattern=r"^https://[^\s\x00-\x1f\x7f]+$")]
        | None
    ) = None


class Fate(StrEnum):
    """What becomes of an organization when an account of it is deleted."""

    LEFT = "left"
    DELETED = "deleted"
    HAND_OVER_FIRST = "hand_over_first"
    EMPTY_FIRST = "empty_first"


class OrganizationFate(Schema):
    """An organization of an account, what it holds, and what the deletion would do to it."""

    id: UUID
    name: str
    slug: str
    fate: Fate
    other_members: int
    projects: int
    databases: int


class DeletionPreview(Schema):
    """What deleting the account would do. ``possible`` is false while something stands in its way,
    which ``obstacles`` says."""

    possible: bool
    obstacles: list[str]
    organizations: list[OrganizationFate]
