"""What is written to users. A token lies behind ``#``, which browsers send to no server."""

from autodeploy.kernel.mail import Mail
from autodeploy.services.auth.models import LinkPurpose

_PAGES = {
    LinkPurpose.VERIFY_EMAIL: "verify-email",
    LinkPurpose.CHANGE_EMAIL: "verify-email",
    LinkPurpose.RESET_PASSWORD: "reset-password",
}
_SUBJECTS = {
    LinkPurpose.VERIFY_EMAIL: "Confirm your e-mail address",
    LinkPurpose.CHANGE_EMAIL: "Confirm your new e-mail address",
    LinkPurpose.RESET_PASSWORD: "Set a new password",
}
_REASONS = {
    LinkPurpose.VERIFY_EMAIL: "To confirm that this address is yours, open",
    LinkPurpose.CHANGE_EMAIL: "To sign in to your account with this address from now on, open",
    LinkPurpose.RESET_PASSWORD: "To set a new password for your account, open",
}


def link_mail(
    public_url: str, purpose: LinkPurpose, recipient: str, token: str, hours: int
) -> Mail:
    """The mail that carries a one-use link."""
    lifetime = "an hour" if hours == 1 else f"{hours} hours"
    text = (
        f"{_REASONS[purpose]}\n\n"
        f"{public_url}/{_PAGES[purpose]}#token={token}\n\n"
        f"The link works once and for {lifetime}. If you did not ask for it, do nothing: without\n"
        f"the link nothing happens.\n\n"
        f"AutoDeploy at {public_url}\n"
    )
    return Mail(recipient, f"{_SUBJECTS[purpose]} - AutoDeploy", text)


def address_in_use_mail(public_url: str, recipient: str) -> Mail:
    """Told to the owner of an address that another account was to be changed to."""
    text = (
        "Somebody asked to use this address for another account, which is not possible since an\n"
        "account with it exists: yours. If that was you, sign in with it. If not, do nothing.\n\n"
        f"AutoDeploy at {public_url}\n"
    )
    return Mail(recipient, "Your e-mail address is in use - AutoDeploy", text)


def notice_mail(public_url: str, recipient: str, what: str) -> Mail:
    """Told after a change that an intruder would make; ``what`` completes "Your account's …"."""
    text = (
        f"Your account's {what}.\n\n"
        f"If that was not you, set a new password now ({public_url}/reset-password), and look at\n"
        f"your sessions and tokens. If you cannot, tell the operator of this installation.\n\n"
        f"AutoDeploy at {public_url}\n"
    )
    return Mail(recipient, "A change of your account - AutoDeploy", text)


def connection_failed_mail(
    public_url: str, recipient: str, *, provider: str, account: str | None, reason: str, remedy: str
) -> Mail:
    """Told once when a provider accepts the account no more that a user has connected."""
    whose = f" ({account})" if account else ""
    text = (
        f"Your connection to {provider}{whose} does not work any more:\n\n"
        f"{reason}\n\n"
        f"Until it does, nothing can be deployed, rolled back or removed there from here.\n\n"
        f"{remedy}\n\n"
        f"AutoDeploy at {public_url}\n"
    )
    return Mail(recipient, f"Your connection to {provider} has failed - AutoDeploy", text)


def connection_lacks_mail(
    public_url: str, recipient: str, *, provider: str, account: str | None, reason: str, remedy: str
) -> Mail:
    """Told once when an account that a user has connected has lost rights that are needed."""
    whose = f" ({account})" if account else ""
    text = (
        f"Your connection to {provider}{whose} has not all the rights that it needs:\n\n"
        f"{reason}\n\n"
        f"What needs them fails until the connection has them again.\n\n"
        f"{remedy}\n\n"
        f"AutoDeploy at {public_url}\n"
    )
    return Mail(recipient, f"Your connection to {provider} lacks rights - AutoDeploy", text)
