"""What can go wrong with accounts, sessions and tokens."""

from autodeploy.kernel.errors import Conflict, Unauthenticated


class EmailTaken(Conflict):
    """An account with this e-mail address exists."""

    code = "email_taken"


class WrongCredentials(Unauthenticated):
    """The e-mail address or the password is wrong; which one is not said."""

    code = "wrong_credentials"


class SessionEnded(Unauthenticated):
    """The session is over: signed out, expired, or ended because a refresh token came twice."""

    code = "session_ended"
