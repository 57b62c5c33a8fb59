"""Requests become spans when an endpoint for traces is set, and only then."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tests.api.conftest import client_of, new_app

from autodeploy.kernel.resources import Resources


class Collector(HTTPServer):
    """Takes spans as an OpenTelemetry collector does over OTLP/HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Take)
        self.paths: list[str] = []
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Take(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.server.paths.append(self.path)
        self.server.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """The test's output stays the test's."""


def running_collector() -> Iterator[Collector]:
    """A collector, until the generator is closed."""
    server = Collector()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


collector = pytest.fixture(running_collector)


async def test_requests_are_traced_to_the_endpoint(
    home: Path, resources: Resources, collector: Collector
) -> None:
    app = new_app(home, resources, otlp_endpoint=collector.url)
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert (await client.get("/healthz")).status_code == 200
    assert collector.paths == ["/v1/traces"]
    assert b"/healthz" in collector.bodies[0]


async def test_nothing_is_sent_without_an_endpoint(
    home: Path, resources: Resources, collector: Collector
) -> None:
    app = new_app(home, resources)
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert (await client.get("/healthz")).status_code == 200
    assert collector.paths == []
