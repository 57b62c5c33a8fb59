"""``/docs``: the API description as a page to read and try, without anything from elsewhere.

The page and Swagger UI, which the package ``fastapi-offline`` carries (MIT; Swagger UI itself is
Apache-2.0; seen 2026-11), hold no data and are public. The description needs a credential, which is
typed into the page.
"""

from fastapi import APIRouter
from starlette.responses import Response

from autodeploy.api import pages
from autodeploy.kernel.errors import NotFound

router = APIRouter(prefix="/docs")

# What each file is and which package has it.
_FILES = {
    "docs.css": ("docs.css", pages.__name__),
    "docs.js": ("docs.js", pages.__name__),
    "swagger-ui.css": ("static/swagger-ui.css", "fastapi_offline"),
    "swagger-ui-bundle.js": ("static/swagger-ui-bundle.js", "fastapi_offline"),
}


@router.get("")
async def show() -> Response:
    """The page."""
    return pages.page_file("docs.html")


@router.get("/{name}")
async def show_file(name: str) -> Response:
    """A script or style of the page."""
    if name not in _FILES:
        raise NotFound("The documentation has no such file.")
    return pages.page_file(*_FILES[name])
