"""How Caddy serves the files of a static app. Pure: a folder in, JSON out.

Facts about Caddy's handlers are from its source, version 2.11 (read November 2026).
"""

from collections.abc import Sequence

from autodeploy.providers.local.agent.pages import Json, plain_page
from autodeploy.providers.local.publication import FINGERPRINTED_FOLDER

_PATH = "{http.request.uri.path}"
_ROOT = "{http.vars.root}"
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_EACH_TIME = "public, max-age=0, must-revalidate"
_NO_FOLDER = {"vars": {"root": [""]}}
_WITH_THE_FILE = {"status_code": [200, 206, 304]}

# Pages that answer for the routes of a single-page app, best first: adapter-static of SvelteKit
# names its page 200.html where index.html is a page of its own, React Router (7, vite.js of
# @react-router/dev) __spa-fallback.html (both read November 2026).
_FALLBACK_PAGES = ["/200.html", "/__spa-fallback.html", "/index.html"]

# Names that only files have. A browser that asks for one that is gone would take the app's page
# for a script or an image. Other dots are of routes, like /users/jane.doe and /v1.2/docs.
_ASSET = (
    r"(?i)\.(m?js|cjs|css|map|json|wasm|webmanifest|txt|xml|pdf|zip|gz|br"
    r"|png|jpe?g|gif|svg|webp|avif|ico|bmp|woff2?|ttf|otf|eot|mp[34]|webm|og[agv]|wav|mov)$"
)

# Hidden files and folders, but for what RFC 8615 (May 2019) makes public. Caddy's redirects repeat
# the path that was asked for: after "..", or with a backslash, browsers could take it for a host.
_HIDDEN = r"\\|/\."
_WELL_KNOWN = r"^/\.well-known(/[^./\\][^/\\]*)*/?$"


def static_routes(root: str, *, spa_fallback: bool) -> list[Json]:
    """Serve the files of the folder ``root``, a placeholder that is read once a request."""
    return [
        {"handle": [{"handler": "vars", "root": root}]},
        # Without a folder Caddy would serve its own working folder.
        {"match": [_NO_FOLDER], "handle": [_not_found()]},
        {"match": [{"not": [{"method": ["GET", "HEAD"]}]}], "handle": [_read_only()]},
        {
            "match": [{**_path_has(_HIDDEN), "not": [_path_has(_WELL_KNOWN)]}],
            "handle": [_not_found()],
        },
        {"handle": [_compression()]},
        {
            "match": [_file(_PATH, root=f"{_ROOT}/../{FINGERPRINTED_FOLDER}")],
            "handle": [_headers(_FOR_EVER, only=_WITH_THE_FILE), _file_server()],
            "terminal": True,
        },
        *_page_names(spa_fallback),
        {"handle": [_headers(_ASK_EACH_TIME), _file_server()]},
    ]


def static_errors() -> list[Json]:
    """What a static app does not have, after its routes: its own page says so, or ours.

    Caddy has 400 for paths that no file can have, such as very long ones.
    """
    missing = {"expression": "{http.error.status_code} in [400, 404]"}
    # A condition that holds would make an answer without a body.
    conditions = ["If-*", "Range"]
    return [
        {
            "match": [{**missing, **_file("/404.html"), "not": [_NO_FOLDER]}],
            "handle": [
                {"handler": "headers", "request": {"delete": conditions}},
                _compression(),
                _headers(_ASK_EACH_TIME, without=["Etag"]),
                {"handler": "rewrite", "uri": "{http.matchers.file.relative}"},
                _file_server(status_code="404"),
            ],
            "terminal": True,
        },
        {
            "match": [missing],
            "handle": [plain_page(404, "Not found", "This app has no such page.")],
            "terminal": True,
        },
    ]


def _page_names(spa_fallback: bool) -> list[Json]:
    """Which file answers: the named one, the page of that name, or the app's fallback.

    Folders are left to the file server, which sends browsers to their address with a slash.
    """
    rewrite = {"handler": "rewrite", "uri": "{http.matchers.file.relative}"}
    routes: list[Json] = [
        {"group": "page", "match": [_file(_PATH, f"{_PATH}.html")], "handle": [rewrite]}
    ]
    if spa_fallback:
        other = [_file(f"{_PATH}/index.html"), _path_has(_ASSET)]
        match = {**_file(*_FALLBACK_PAGES), "not": other}
        routes.append({"group": "page", "match": [match], "handle": [rewrite]})
    return routes


def _file(*names: str, root: str = _ROOT) -> Json:
    return {"file": {"root": root, "try_files": list(names)}}


def _path_has(pattern: str) -> Json:
    """Matches the path as it was asked for: ``path_regexp`` would see a cleaned one."""
    return {"vars_regexp": {_PATH: {"pattern": pattern}}}


def _compression() -> Json:
    return {
        "handler": "encode",
        "encodings": {"gzip": {}, "zstd": {}},
        "prefer": ["zstd", "gzip"],
    }


def _headers(caching: str, *, only: Json | None = None, without: Sequence[str] = ()) -> Json:
    """Headers of what is served, or ``only`` of answers that match. They are set at the end, so an
    error has none of them.

    The dates of published files tell nothing (see ``publication``): only the ETag is compared.
    """
    return {
        "handler": "headers",
        "request": {"delete": ["If-Modified-Since", "If-Unmodified-Since"]},
        "response": {
            "set": {"Cache-Control": [caching], "X-Content-Type-Options": ["nosniff"]},
            "delete": ["Last-Modified", *without],
            "deferred": True,
            **({"require": only} if only else {}),
        },
    }


def _file_server(**options: str) -> Json:
    return {
        "handler": "file_server",
        "root": _ROOT,
        "hide": [".git", ".env", ".env.*"],
        "index_names": ["index.html"],
        "precompressed": {"br": {}, "gzip": {}, "zstd": {}},
        "precompressed_order": ["br", "zstd", "gzip"],
        **options,
    }


def _not_found() -> Json:
    return {"handler": "error", "status_code": 404}


def _read_only() -> Json:
    text = "This app is made of files: they can be read, and nothing can be sent to them."
    return plain_page(405, "Method not allowed", text, {"Allow": ["GET, HEAD"]})
