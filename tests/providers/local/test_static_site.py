"""What a browser gets of a static app: with a real build, Caddy and agent."""

import asyncio
import gzip
import http.client
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from autodeploy.providers.base import App, Endpoint
from autodeploy.providers.local.provider import LocalProvider

from .conftest import Lines, Node, deploy_static, release_request

MakeSource = Callable[[dict[str, str]], Path]

FOR_EVER = "public, max-age=31536000, immutable"
ASK_EACH_TIME = "public, max-age=0, must-revalidate"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str | None]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def __getitem__(self, header: str) -> str | None:
        return self.headers.get(header.lower())


def _ask(port: int, path: str, method: str, headers: Mapping[str, str]) -> Answer:
    """One request with the path as it is: clients for people would mend it first."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, answer.read())
    finally:
        connection.close()


class Site:
    """A static app that is live."""

    def __init__(self, endpoint: Endpoint):
        assert endpoint.local_port
        self._port = endpoint.local_port

    async def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await asyncio.to_thread(_ask, self._port, path, method, named)


@dataclass(frozen=True)
class Deployer:
    """Makes static apps live."""

    provider: LocalProvider
    app: App
    source: MakeSource

    async def live(self, files: dict[str, str], **changes: object) -> Site:
        return await self.live_from(self.source(files), **changes)

    async def live_from(self, source: Path, **changes: object) -> Site:
        _, _, endpoint = await deploy_static(self.provider, self.app, source, **changes)
        return Site(endpoint)


@pytest.fixture
def deployer(provider: LocalProvider, app: App, source: MakeSource) -> Deployer:
    return Deployer(provider, app, source)


async def test_names_lead_to_their_files(deployer: Deployer) -> None:
    files = {
        "out/index.html": "home",
        "out/about.html": "about",
        "out/docs/index.html": "docs",
        "out/both.html": "both",
        "out/both/sub.html": "sub",
        "out/a b.html": "space",
        "out/é.html": "accent",
        "out/100%.html": "percent",
        "out/what?.html": "question",
        "out/[slug]-{x}.js": "brackets",
        "out/.well-known/security.txt": "well known",
    }
    site = await deployer.live(files)
    expected = {
        "/": "home",
        "/about": "about",
        "/about.html": "about",
        "/docs/": "docs",
        "//docs//": "docs",
        "/both": "both",
        "/both/sub": "sub",
        "/a%20b": "space",
        "/%C3%A9": "accent",
        "/100%25": "percent",
        "/what%3F": "question",
        "/%5Bslug%5D-%7Bx%7D.js": "brackets",
        "/.well-known/security.txt": "well known",
    }
    for path, text in expected.items():
        answer = await site.get(path)
        assert (path, answer.status, answer.text) == (path, 200, text)
        assert answer["cache-control"] == ASK_EACH_TIME
        assert answer["x-content-type-options"] == "nosniff"
        head = await site.get(path, "HEAD")
        assert (head.status, head.body) == (200, b"")
        assert head["content-length"] == str(len(answer.body))


async def test_folder_is_redirected_to_its_slash_and_to_no_other_host(deployer: Deployer) -> None:
    site = await deployer.live({"out/index.html": "home", "out/docs/index.html": "docs"})
    for path, place in (
        ("/docs?a=1&b=%20", "/docs/?a=1&b=%20"),
        ("//docs", "/docs/"),
        ("/index.html/", "/index.html"),
    ):
        answer = await site.get(path)
        assert (answer.status, answer["location"]) == (308, place)
        assert answer["cache-control"] == ASK_EACH_TIME
    for path in (
        "/%5Cevil.test/%25zz/..%2f..%2fdocs",
        "//evil.test/..%2fdocs",
        "/docs/%2e%2e/docs",
    ):
        answer = await site.get(path)
        assert (answer.status, answer["location"]) == (404, None)


@pytest.mark.parametrize("own_page", [True, False])
async def test_what_is_not_there_is_a_clean_404(deployer: Deployer, own_page: bool) -> None:
    files = {
        "server.py": "SECRET",
        "out/index.html": "home",
        "out/empty/x.txt": "x",
        "out/.env": "SECRET",
        "out/.git/config": "SECRET",
        "out/.htaccess": "SECRET",
        "out/.well-known/.env": "SECRET",
    }
    page = "my own missing page" + " " * 2000
    site = await deployer.live(files | ({"out/404.html": page} if own_page else {}))
    paths = (
        *("/nothing", "/empty", "/empty/", "/.env", "/%2eenv", "/.git/config", "/.htaccess"),
        *("/.well-known/.env", "/../server.py", "/%2e%2e%2fserver.py", "/..%5cserver.py"),
        *("/../release.json", "/" + "x" * 300, "/" + "x/" * 3000, "/%00"),
    )
    for path in paths:
        answer = await site.get(path)
        assert (path[:40], answer.status) == (path[:40], 404)
        assert (answer.text == page) is own_page
        assert answer["cache-control"] == (ASK_EACH_TIME if own_page else "no-store")
        assert answer["x-content-type-options"] == "nosniff"
        assert answer["etag"] is None
    missing = await site.get("/nothing", If_None_Match="*", Range="bytes=0-3")
    assert (missing.status, len(missing.body)) == (404, len(answer.body))
    head = await site.get("/nothing", "HEAD")
    assert (head.status, head.body) == (404, b"")


async def test_nothing_can_be_sent_to_a_static_app(deployer: Deployer) -> None:
    site = await deployer.live({"out/index.html": "spa"}, spa_fallback=True)
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        for path in ("/", "/api/users"):
            answer = await site.get(path, method)
            assert (answer.status, answer["allow"]) == (405, "GET, HEAD")
            assert "Method not allowed" in answer.text


async def test_route_of_a_single_page_app_gets_its_page_and_a_missing_file_does_not(
    deployer: Deployer,
) -> None:
    files = {"out/index.html": "spa", "out/app.js": "js", "out/docs/index.html": "docs"}
    site = await deployer.live(files, spa_fallback=True)
    routes = ("/", "/deep/link", "/users/jane.doe", "/v1.2/docs", "/deep/", "/" + "x" * 300)
    for path in routes:
        answer = await site.get(path)
        assert (path[:40], answer.status, answer.text) == (path[:40], 200, "spa")
        assert answer["cache-control"] == ASK_EACH_TIME
        assert (await site.get(path, "HEAD")).status == 200
    assert (await site.get("/app.js")).text == "js"
    assert (await site.get("/docs"))["location"] == "/docs/"
    names = "app.old.js a.mjs a.css a.js.map data.json a.png A.SVG a.woff2 a.wasm robots.txt"
    for name in names.split():
        for method in ("GET", "HEAD"):
            answer = await site.get(f"/assets/{name}", method)
            assert (name, answer.status) == (name, 404)


@pytest.mark.parametrize("page", ["200.html", "__spa-fallback.html"])
async def test_page_made_for_all_routes_is_taken_before_the_home_page(
    deployer: Deployer, page: str
) -> None:
    files = {"out/index.html": "home", f"out/{page}": "any route"}
    site = await deployer.live(files, spa_fallback=True)
    assert (await site.get("/")).text == "home"
    assert (await site.get("/deep/link")).text == "any route"


async def test_only_what_gains_is_compressed(deployer: Deployer) -> None:
    long = "text " * 1000
    files = {"out/index.html": long, "out/small.css": "a{}", "out/a.png": long, "out/a.mjs": long}
    site = await deployer.live(files)
    for path, accepted, encoding in (
        ("/", "gzip, deflate, br, zstd", "zstd"),
        ("/", "gzip", "gzip"),
        ("/", "identity", None),
        ("/a.mjs", "gzip", "gzip"),
        ("/small.css", "gzip", None),
        ("/a.png", "gzip", None),
    ):
        answer = await site.get(path, Accept_Encoding=accepted)
        assert (path, answer["content-encoding"]) == (path, encoding)
        assert answer["vary"] == "Accept-Encoding"
        etag = answer["etag"]
        assert etag
        again = await site.get(path, Accept_Encoding=accepted, If_None_Match=etag)
        assert (again.status, again.body) == (304, b"")
        assert again["vary"] == "Accept-Encoding"
    assert gzip.decompress((await site.get("/", Accept_Encoding="gzip")).body).decode() == long
    part = await site.get("/", Accept_Encoding="gzip", Range="bytes=5-8")
    assert (part.status, part.text, part["content-encoding"]) == (206, "text", None)


async def test_what_the_build_compressed_is_taken(deployer: Deployer) -> None:
    files = {"out/app.js": "plain" * 1000, "out/app.js.br": "br", "out/app.js.gz": "gz"}
    site = await deployer.live(files)
    etags = set()
    for accepted, encoding, text in (
        ("gzip, deflate, br, zstd", "br", "br"),
        ("gzip", "gzip", "gz"),
        ("identity", None, "plain" * 1000),
    ):
        answer = await site.get("/app.js", Accept_Encoding=accepted)
        assert (answer["content-encoding"], answer.text) == (encoding, text)
        assert answer["content-type"] == "text/javascript; charset=utf-8"
        etags.add(answer["etag"])
    assert len(etags) == 3


async def test_new_content_of_the_same_size_and_date_is_seen_at_once(
    deployer: Deployer,
) -> None:
    def dated(text: str) -> Path:
        source = deployer.source({"out/index.html": text})
        os.utime(source / "out/index.html", (1_500_000_000, 1_500_000_000))
        return source

    site = await deployer.live_from(dated("one"))
    old = await site.get("/")
    assert old["etag"]
    assert old["last-modified"] is None  # an older release that comes back is new to browsers
    assert (await site.get("/", If_None_Match=old["etag"])).status == 304
    await deployer.live_from(dated("two"))
    new = await site.get("/", If_None_Match=old["etag"])
    assert (new.status, new.text) == (200, "two")
    late = await site.get("/", If_Modified_Since="Fri, 01 Jan 2100 00:00:00 GMT")
    assert (late.status, late.text) == (200, "two")


# A build as Vite's: files of the public folder are copied, others get a fingerprint.
VITE = (
    "mkdir -p out/assets && cp public/assets/* out/assets/ && echo page > out/index.html"
    " && echo js > out/assets/index-BkT3xQ9a.js"
)


async def test_fingerprinted_files_are_kept_for_ever_also_after_a_rollback(
    deployer: Deployer,
) -> None:
    provider, app = deployer.provider, deployer.app
    source = deployer.source({"public/assets/hero-mountain.png": "png"})
    changes = {"framework": "vite", "spa_fallback": True, "build_command": VITE}
    request, _, endpoint = await deploy_static(provider, app, source, **changes)
    site = Site(endpoint)
    built = await _assert_kept(site)

    again = release_request(app, request.artifact_key, request.spec)
    await provider.promote(again, await provider.deploy(again, Lines()))
    assert await _assert_kept(site) == built  # the same content, so nothing is sent again

    await deployer.live({"out/assets/index-BkT3xQ9a.js": "by hand", "out/index.html": "page"})
    assert (await site.get("/assets/index-BkT3xQ9a.js"))["cache-control"] == ASK_EACH_TIME


async def _assert_kept(site: Site) -> list[str | None]:
    path = "/assets/index-BkT3xQ9a.js"
    script = await site.get(path)
    assert (script.status, script["cache-control"]) == (200, FOR_EVER)
    assert script["x-content-type-options"] == "nosniff"
    assert script["etag"]
    for headers, status in (
        ({"If_None_Match": script["etag"]}, 304),
        ({"Range": "bytes=0-1"}, 206),
    ):
        answer = await site.get(path, **headers)
        assert (answer.status, answer["cache-control"]) == (status, FOR_EVER)
    beyond = await site.get(path, Range="bytes=99-")
    assert (beyond.status, beyond["cache-control"]) == (416, None)
    missing = await site.get("/assets/index-00000000.js")
    assert (missing.status, missing["cache-control"]) == (404, "no-store")
    others = [await site.get(path) for path in ("/", "/route", "/assets/hero-mountain.png")]
    assert [answer["cache-control"] for answer in others] == [ASK_EACH_TIME] * 3
    return [answer["etag"] for answer in (script, *others)]


async def test_shared_port_serves_the_same(node: Node, deployer: Deployer) -> None:
    site = await deployer.live({"out/docs/index.html": "docs", "out/404.html": "mine"})
    host = {"Host": f"{deployer.app.project_slug}.localhost:{node.proxy_port}"}
    for path, status in (("/docs", 308), ("/docs/", 200), ("/nothing", 404), ("/.env", 404)):
        own = await site.get(path)
        shared = await asyncio.to_thread(_ask, node.proxy_port, path, "GET", host)
        assert (shared.status, shared.body) == (status, own.body)
        assert {**shared.headers, "date": None} == {**own.headers, "date": None}


async def test_app_without_a_folder_serves_nothing_of_caddys(
    node: Node, deployer: Deployer
) -> None:
    site = await deployer.live({"out/index.html": "home"})
    (node.home / "routes" / f"{deployer.app.number}.root").unlink()
    # Caddy's working folder.
    for name in ("own.txt", "404.html"):
        (node.home / "caddy" / name).write_text("Caddy's own")
    for path in ("/own.txt", "/nothing"):
        answer = await site.get(path)
        assert (answer.status, "no such page" in answer.text) == (404, True)
