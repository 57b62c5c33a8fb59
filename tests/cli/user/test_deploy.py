"""What ``deploy`` shows of a deployment."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from autodeploy.cli.user.client import Api
from autodeploy.cli.user.deploy import lines_after

LINES = 7
PAGE = 3


class _Logs(BaseHTTPRequestHandler):
    """The stored lines 1 to ``LINES``, in pages."""

    def do_GET(self) -> None:
        after = int(parse_qs(urlsplit(self.path).query)["after"][0])
        numbers = range(after + 1, LINES + 1)[:PAGE]
        full = len(numbers) == PAGE
        items = [{"sequence": number} for number in numbers]
        body = json.dumps({"items": items, "nextCursor": str(numbers[-1]) if full else None})
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def api() -> Iterator[Api]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Logs) as server:
        Thread(target=server.serve_forever).start()
        api = Api(f"http://127.0.0.1:{server.server_port}", "token")
        yield api
        api.close()
        server.shutdown()


def test_lines_that_fill_several_pages_are_all_shown(api: Api) -> None:
    shown = [line["sequence"] for line in lines_after(api, "deployment", 1)]
    assert shown == list(range(2, LINES + 1))
