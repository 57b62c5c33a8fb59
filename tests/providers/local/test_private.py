"""A private app is reached at its port and by nobody at its name: with a real Caddy and agent."""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from autodeploy.providers.base import App, Endpoint
from autodeploy.providers.local.agent.caddy import RoutedApp, caddy_configuration
from autodeploy.providers.local.agent.proxy import Promotion, Proxy
from autodeploy.providers.local.layout import Layout
from autodeploy.providers.local.provider import LocalProvider

from .conftest import SERVER, Lines, Node, build_request, deploy_static, release_request, spec

MakeSource = Callable[[dict[str, str]], Path]


class Visitor:
    """Asks for an app as people do, and as other apps do."""

    def __init__(self, node: Node, app: App):
        self._shared = f"http://127.0.0.1:{node.proxy_port}/"
        self._host = f"{app.project_slug}.localhost"
        self._port = node.proxy_port

    async def named(self) -> str:
        """What the proxy answers at the app's name: its text, or ``unknown`` as for no app."""
        texts = set()
        async with httpx.AsyncClient() as client:
            for host in (self._host, f"{self._host}:{self._port}"):
                answer = await client.get(self._shared, headers={"Host": host})
                is_unknown = answer.status_code == 404 and "No such app" in answer.text
                texts.add("unknown" if is_unknown else answer.text)
        [text] = texts
        return text

    async def local(self, endpoint: Endpoint) -> str:
        assert endpoint.local_url is not None
        async with httpx.AsyncClient() as client:
            return (await client.get(endpoint.local_url)).text


@pytest.fixture
def visitor(node: Node, app: App) -> Visitor:
    return Visitor(node, app)


async def _built(provider: LocalProvider, app: App, source: MakeSource) -> str:
    request = build_request(app, source({"server.py": SERVER}), spec())
    return (await provider.build(request, Lines())).key


async def _live(
    provider: LocalProvider, app: App, key: str, answer: str, **changes: object
) -> Endpoint:
    request = release_request(app, key, spec(**changes), {"ANSWER": answer})
    release = await provider.deploy(request, Lines())
    assert len(release.check_urls) == request.spec.replicas
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(retries=10)) as client:
        for url in release.check_urls:
            assert (await client.get(url)).text == answer
    return await provider.promote(request, release)


async def test_private_app_has_its_loopback_port_alone(
    provider: LocalProvider, app: App, source: MakeSource, visitor: Visitor
) -> None:
    key = await _built(provider, app, source)
    endpoint = await _live(provider, app, key, "one", private=True, replicas=2)
    assert endpoint.url == endpoint.local_url == f"http://127.0.0.1:{endpoint.local_port}"
    assert (await visitor.local(endpoint), await visitor.named()) == ("one", "unknown")
    counted = (await provider.measure_traffic())[app.number]
    assert counted.answers >= 1
    second = await _live(provider, app, key, "two", private=True)
    assert second == endpoint
    assert (await visitor.local(second), await visitor.named()) == ("two", "unknown")


async def test_name_comes_and_goes_with_the_release_that_is_live(
    provider: LocalProvider, app: App, source: MakeSource, visitor: Visitor, node: Node
) -> None:
    key = await _built(provider, app, source)
    public = await _live(provider, app, key, "open")
    assert public.url == f"http://{app.project_slug}.localhost:{node.proxy_port}"
    assert (await visitor.local(public), await visitor.named()) == ("open", "open")
    private = await _live(provider, app, key, "closed", private=True)
    assert (await visitor.local(private), await visitor.named()) == ("closed", "unknown")
    assert private.local_port == public.local_port
    again = await _live(provider, app, key, "again")
    assert (await visitor.local(again), await visitor.named()) == ("again", "again")
    assert again == public


async def test_app_that_was_a_public_site_becomes_a_private_server(
    provider: LocalProvider, app: App, source: MakeSource, visitor: Visitor
) -> None:
    await deploy_static(provider, app, source({"out/index.html": "site"}))
    assert await visitor.named() == "site"
    key = await _built(provider, app, source)
    endpoint = await _live(provider, app, key, "served", private=True)
    assert (await visitor.local(endpoint), await visitor.named()) == ("served", "unknown")


async def test_nobody_else_gets_the_name_of_a_private_app(
    provider: LocalProvider, app: App, source: MakeSource, visitor: Visitor
) -> None:
    key = await _built(provider, app, source)
    await _live(provider, app, key, "private", private=True)
    other = App(uuid4(), app.number + 5000, app.project_slug, "production")
    endpoint = await _live(provider, other, key, "other")
    assert f"{app.project_slug}-{other.number}.localhost" in endpoint.url
    assert await visitor.named() == "unknown"


class _Replica:
    def ready_ports(self) -> list[int]:
        return [7777]


async def test_name_is_gone_before_a_private_release_has_the_traffic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(tmp_path)
    seen: list[tuple[bool, bool]] = []

    async def load(_proxy: Proxy, text: str) -> bool:
        servers = json.loads(text)["apps"]["http"]["servers"]
        hosts = json.dumps(servers.get("proxy", {}).get("routes"))
        target = layout.routes / "7"
        new = target.exists() and "7777" in target.read_text()
        seen.append(("shop.localhost" in hosts, new))
        return True

    monkeypatch.setattr(Proxy, "_load", load)
    proxy = Proxy(layout, 8080, None)
    promotion = Promotion(
        number=7, slug="shop", environment="production", local_port=None, spa_fallback=False,
        private=False, root=str(tmp_path),
    )  # fmt: skip
    layout.routes.mkdir(parents=True)
    async with proxy.running():
        await proxy.promote(promotion, None)
        private = Promotion(**{**vars(promotion), "private": True, "root": None})
        await proxy.promote(private, _Replica())
    assert seen[-1] == (False, True)
    assert (True, True) not in seen
    assert (False, False) in seen


def test_table_of_an_earlier_version_has_public_apps_alone(tmp_path: Path) -> None:
    row = {"number": 7, "host": "shop.localhost", "local_port": 3007, "kind": "server",
           "spa_fallback": False}  # fmt: skip
    layout = Layout(tmp_path)
    shown = json.dumps(caddy_configuration(layout, 8080, [RoutedApp(**row)]))
    assert "shop.localhost:8080" in shown
    hidden = json.dumps(caddy_configuration(layout, 8080, [RoutedApp(**row, private=True)]))
    assert "shop.localhost" not in hidden
    assert "127.0.0.1:3007" in hidden
