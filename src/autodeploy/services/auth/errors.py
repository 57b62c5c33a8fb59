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


class OAuthStateInvalid(InvalidInput):
    """The state of a callback is used, expired, of another provider or begun by someone else."""

    code = "oauth_state_invalid"


class IdentityTaken(Conflict):
    """The account at the provider signs in another user here."""

    code = "identity_taken"


class LastSignIn(Conflict):
    """Without this identity, the user could not sign in any more."""

    code = "last_sign_in"


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


class ChallengeEnded(Unauthenticated):
    """The first half of a login with a second factor is used, expired or out of date."""

    code = "challenge_ended"
    usual_remedy = "Sign in with the password again."


class WrongPassword(InvalidInput):
    """The password that a signed-in caller gives again is not the account's."""

    code = "wrong_password"
    usual_remedy = "Give the present password; POST /api/v1/auth/password-reset sets another."


class WrongCode(InvalidInput):
    """The code of the second factor is wrong or was used before."""

    code = "wrong_code"
    usual_remedy = "Wait for the next code of the app, or give a recovery code."


class LinkEnded(InvalidInput):
    """The token of a link that was sent by mail is wrong, used, expired or replaced."""

    code = "link_ended"
    usual_remedy = "Ask for another link; only the newest one works, and once."


class SetupRefused(Forbidden):
    """The set-up token is wrong or expired, or there is an administrator already."""

    code = "setup_refused"
    usual_remedy = (
        "Use the token that `autodeploy serve` printed last. It prints one at its start while "
        "there is no administrator; `autodeploy admin-token` needs none."
    )
