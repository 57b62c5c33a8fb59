"""What can go wrong with accounts, sessions, tokens and organizations."""

from autodeploy.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated


class EmailTaken(Conflict):
    """An account with this e-mail address exists."""

    code = "email_taken"


class WrongCredentials(Unauthenticated):
    """The e-mail address or the password is wrong; which one is not said."""

    code = "wrong_credentials"


class SessionEnded(Unauthenticated):
    """The session is over: signed out, expired, or ended because a refresh token came twice."""

    code = "session_ended"


class SlugTaken(Conflict):
    """Another organization has the slug."""

    code = "slug_taken"


class AlreadyMember(Conflict):
    """The person is a member of the organization."""

    code = "already_member"


class LastOwner(Conflict):
    """An organization has an owner: the last one cannot leave, be removed or be demoted."""

    code = "last_owner"
    usual_remedy = "Make another member an owner first, or delete the organization."


class OrganizationInUse(Conflict):
    """The organization still holds projects or databases."""

    code = "organization_in_use"
    usual_remedy = "Delete them first."


class PersonalOrganization(Conflict):
    """The organization belongs to an account and is deleted with it."""

    code = "personal_organization"
    usual_remedy = "Delete the account, or hand the organization over to another member."


class AccountInUse(Conflict):
    """The account cannot be deleted before what it alone is responsible for is settled."""

    code = "account_in_use"


class TooManyInvitations(Conflict):
    """The organization has as many unanswered invitations as it may have."""

    code = "too_many_invitations"
    usual_remedy = "Revoke those that nobody answers."


class InvitationInvalid(NotFound):
    """No invitation has this token: it is wrong, used, expired, renewed or revoked."""

    code = "invitation_invalid"
    usual_remedy = "Ask for a new invitation."


class InvitationForAnother(Forbidden):
    """The invitation is for another e-mail address than the caller's."""

    code = "invitation_for_another"


class NotConfirmed(InvalidInput):
    """Something that cannot be undone was asked for without its confirmation."""

    code = "not_confirmed"
