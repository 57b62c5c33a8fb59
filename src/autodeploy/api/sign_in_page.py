"""``/login``: a page to sign in at, which lets a command line in; providers come back to it too.

It holds no data. What it may load is itself, and it calls nothing but this API.
"""

from functools import cache
from importlib.resources import files

from fastapi import APIRouter
from starlette.responses import Response

from autodeploy.kernel.errors import NotFound

router = APIRouter()

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src data:",
        "connect-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_FILES = {"login.css": "text/css", "login.js": "text/javascript"}


@router.get("/login")
async def show() -> Response:
    """The page."""
    return _answer("login.html", "text/html")


@router.get("/login/{name}")
async def show_file(name: str) -> Response:
    """The script or the style of the page."""
    if name not in _FILES:
        raise NotFound("The sign-in page has no such file.")
    return _answer(name, _FILES[name])


@router.get("/auth/{provider}/callback")
async def come_back(provider: str) -> Response:
    """The page, which takes the query that a provider added, and removes it from the address."""
    return _answer("login.html", "text/html")


def _answer(name: str, media_type: str) -> Response:
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
    return Response(_read(name), media_type=media_type, headers=headers)


@cache
def _read(name: str) -> bytes:
    return files("autodeploy.api.pages").joinpath(name).read_bytes()
