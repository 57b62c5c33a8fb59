"""What can go wrong with accounts, sessions and tokens."""

from autodeploy.kernel.errors import Conflict, InvalidInput, Unauthenticated


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
