"""The pages that links in mails lead to. What they do is done by calls of the API.

A page acts when its button is pressed: programs that look into mails open links, too.
"""

import secrets
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

router = APIRouter(tags=["auth"], default_response_class=HTMLResponse)

_PAGE = Path(__file__).with_name("account.html").read_text(encoding="utf-8")


@router.get("/verify-email", operation_id="verifyEmailPage")
async def verify_email_page() -> HTMLResponse:
    """Confirm an address by the token behind ``#``."""
    return _page()


@router.get("/reset-password", operation_id="resetPasswordPage")
async def reset_password_page() -> HTMLResponse:
    """Set a password by the token behind ``#``; without one, ask for a link."""
    return _page()


def _page() -> HTMLResponse:
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
    return HTMLResponse(_PAGE.replace("NONCE", nonce), headers=headers)
