"""Pages of accounts: ``/login``, to sign in at, and those that links in mails lead to.

``/login`` lets a command line in, too, and providers come back to it. The others act when their
button is pressed, not when they are opened: programs that look into mails open links as well.
"""

from fastapi import APIRouter
from starlette.responses import Response

from autodeploy.api.pages import page_file
from autodeploy.kernel.errors import NotFound

router = APIRouter()

_FILES = frozenset({"login.css", "login.js", "account.js"})


@router.get("/login")
async def sign_in() -> Response:
    """The page."""
    return page_file("login.html")


@router.get("/login/{name}")
async def show_file(name: str) -> Response:
    """A script or the style of these pages."""
    if name not in _FILES:
        raise NotFound("The pages of accounts have no such file.")
    return page_file(name)


@router.get("/auth/{provider}/callback")
async def come_back(provider: str) -> Response:
    """The page, which takes the query that a provider added, and removes it from the address."""
    return page_file("login.html")


@router.get("/verify-email")
async def verify_email() -> Response:
    """Confirm an address by the token behind ``#``."""
    return page_file("account.html")


@router.get("/reset-password")
async def reset_password() -> Response:
    """Set a password by the token behind ``#``; without one, ask for a link."""
    return page_file("account.html")


@router.get("/invitations")
async def invitation() -> Response:
    """Join an organization by the token behind ``#``, with a new account."""
    return page_file("account.html")
