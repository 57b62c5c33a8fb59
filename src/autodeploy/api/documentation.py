"""``/docs``: the API description as a page to read and try, without anything from elsewhere.

The page and Swagger UI, which the package ``fastapi-offline`` carries (MIT; Swagger UI itself is
Apache-2.0; seen 2026-11), hold no data and are public. The description needs a credential, which is
typed into the page.
"""

from functools import cache
from importlib.resources import files

from fastapi import APIRouter
from starlette.responses import Response

from autodeploy.kernel.errors import NotFound

router = APIRouter(prefix="/docs")

# Scripts and styles are files of this origin: nothing inline, nothing from elsewhere, no frames.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HTML, _CSS, _SCRIPT = "text/html", "text/css", "text/javascript"
_FILES = {
    "docs.css": ("autodeploy.api.pages", "docs.css", _CSS),
    "docs.js": ("autodeploy.api.pages", "docs.js", _SCRIPT),
    "swagger-ui.css": ("fastapi_offline", "static/swagger-ui.css", _CSS),
    "swagger-ui-bundle.js": ("fastapi_offline", "static/swagger-ui-bundle.js", _SCRIPT),
}


@router.get("")
async def show() -> Response:
    """The page."""
    return _answer("autodeploy.api.pages", "docs.html", _HTML)


@router.get("/{name}")
async def show_file(name: str) -> Response:
    """A script or style of the page."""
    if name not in _FILES:
        raise NotFound("The documentation has no such file.")
    return _answer(*_FILES[name])


def _answer(package: str, path: str, media_type: str) -> Response:
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
    return Response(_read(package, path), media_type=media_type, headers=headers)


@cache
def _read(package: str, path: str) -> bytes:
    return files(package).joinpath(path).read_bytes()
