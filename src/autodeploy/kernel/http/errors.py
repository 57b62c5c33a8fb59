"""What a call to a service of others can end in, besides its answer.

No message quotes a body, a header or the query of an address: any of them may hold a secret.
"""

from http import HTTPStatus

from autodeploy.kernel.errors import AutoDeployError, Conflict, Unavailable


class ProviderUnavailable(Unavailable):
    """A provider does not answer, or answers with nothing that can be used."""

    code = "provider_unavailable"


class OutcomeUnknown(ProviderUnavailable):
    """A call that changes something was sent, and its answer was lost: it may have been applied.

    Look for what it would have made before you make it again.
    """


class RateLimited(ProviderUnavailable):
    """A provider takes no more calls for now: longer than this call may wait for it.

    The call was not applied. ``retry_after_seconds`` is how long the provider asks to wait.
    """

    code = "provider_rate_limited"

    def __init__(self, message: str, *, retry_after_seconds: int):
        super().__init__(message, remedy=f"Try again in {retry_after_seconds} s.")
        self.retry_after_seconds = retry_after_seconds


class CredentialRefused(Conflict):
    """A provider does not accept the token: it is revoked, expired or of another place."""

    code = "provider_credential_refused"
    usual_remedy = "Disconnect the account and connect it again."


class ProviderRefused(AutoDeployError):
    """A provider understood the call and does not do it.

    ``answered`` is its HTTP status, ``reasons`` the names that it gives, such as
    ``Hook.url:invalid``; its sentences are left out.
    """

    code = "provider_refused"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    usual_remedy = "Check the rights of the connected account and the values of the request."

    def __init__(
        self,
        message: str,
        *,
        answered: int,
        reasons: tuple[str, ...] = (),
        remedy: str | None = None,
    ):
        super().__init__(message, remedy=remedy)
        self.answered = answered
        self.reasons = reasons
