"""The few pages that the API serves itself, with their scripts and styles.

They hold no data and call nothing but this API: nothing is inline and nothing comes from elsewhere.
"""

from functools import cache
from importlib.resources import files
from mimetypes import guess_type

from starlette.responses import Response

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


def page_file(path: str, package: str = __name__) -> Response:
    """A file of a package, for browsers; ``path`` is ours, never a caller's."""
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
    return Response(_read(package, path), media_type=guess_type(path)[0], headers=headers)


@cache
def _read(package: str, path: str) -> bytes:
    return files(package).joinpath(path).read_bytes()
