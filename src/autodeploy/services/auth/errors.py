"""What can go wrong with accounts, sessions and tokens."""

from autodeploy.kernel.errors import Conflict, Forbidden, InvalidInput, Unauthenticated


class EmailTaken(Conflict):
    """An account with this e-mail address exists."""

    code = "email_taken"


class WrongCredentials(Unauthenticated):
    """The e-mail address or the password is wrong; which one is not said."""

    code = "wrong_credentials"


class SessionEnded(Unauthenticated):
    """The session is over: signed out, expired, or ended because a refresh token came twice."""

    code = "session_ended"


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
