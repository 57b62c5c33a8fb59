"""What ``autodeploy.toml`` says reaches a deployment: its health path, and its mistakes."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from tests.services.deployer.platform import STATIC, Platform

from autodeploy.services.deployer.upkeep import Upkeep


class _App(ThreadingHTTPServer):
    """An app that is well at ``/up``, and broken elsewhere; it notes what it is asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Pages)
        self.asked: list[str] = []


class _Pages(BaseHTTPRequestHandler):
    server: _App

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(200 if self.path == "/up" else 500)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def app() -> Iterator[_App]:
    with _App() as server:
        Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


async def test_named_path_decides_whether_a_release_is_well(platform: Platform, app: _App) -> None:
    platform.provider.check_urls = (f"http://127.0.0.1:{app.server_port}/",)
    said = {**STATIC, "autodeploy.toml": 'health = "/up"'}
    project = await platform.project(said)
    ready = await platform.deployed(project)
    assert ready.status == "ready", ready.error
    assert set(app.asked) == {"/up"}

    app.asked.clear()
    (platform.provider.machine / "releases" / str(ready.id)).unlink()  # the machine was restarted
    upkeep = Upkeep(platform.engine)
    await upkeep.keep_live()
    assert set(app.asked) == {"/up"}


async def test_mistake_in_the_file_ends_the_deployment_with_line_and_remedy(
    platform: Platform,
) -> None:
    project = await platform.project({**STATIC, "autodeploy.toml": '\nstrat = "node ."\n'})
    failed = await platform.deployed(project)
    assert failed.status == "error"
    assert failed.error is not None
    assert failed.error.code == "autodeploy_toml_invalid"
    assert "autodeploy.toml line 2: there is no key `strat`" in failed.error.message
    assert failed.error.remedy == "Did you mean `start`?"
