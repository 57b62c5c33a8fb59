"""The feed against a real server that drops connections, refuses them, or has no WebSockets."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.user.client import Api, Json
from autodeploy.cli.user.feed import Feed

LINES = 40


class Platform:
    """The two streams and the two lists of one deployment, on a port of this machine."""

    def __init__(self) -> None:
        self.connections: list[int] = []
        self.sockets_refused: HTTPStatus | None = None
        self.lists_refused: HTTPStatus | None = None
        self._server = serve(self._stream, "127.0.0.1", 0, process_request=self._answer)
        port = self._server.socket.getsockname()[1]
        self.api = Api(f"http://127.0.0.1:{port}", "token")
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self.api.close()
        self._server.shutdown()
        self._thread.join()

    def _stream(self, socket: ServerConnection) -> None:
        """Ten lines and then a broken connection; at the end an orderly goodbye."""
        assert socket.request is not None
        after = _after(socket.request.path)
        self.connections.append(after)
        last = min(after + 10, LINES)
        socket.send(
            json.dumps({"type": "deployment.log", "sequence": after + 1, **_line(after + 1)})
        )
        batch = [{"sequence": number, **_line(number)} for number in range(after + 2, last + 1)]
        socket.send(json.dumps({"type": "deployment.log", "sequence": last, "lines": batch}))
        if last < LINES:
            socket.socket.close()

    def _answer(self, socket: ServerConnection, request: Request) -> Response | None:
        if "/stream" in request.path:
            return _response(self.sockets_refused, {}) if self.sockets_refused else None
        if self.lists_refused:
            return _response(self.lists_refused, {"detail": "No.", "code": "refused"})
        after = _after(request.path)
        numbers = range(after + 1, min(after + 15, LINES) + 1)
        items = [{"sequence": number, **_line(number)} for number in numbers]
        return _response(HTTPStatus.OK, {"items": items, "nextCursor": None})


def _after(path: str) -> int:
    return int(parse_qs(urlsplit(path).query)["after"][0])


def _line(number: int) -> Json:
    return {"message": f"line {number}", "level": "info", "source": "build"}


def _response(status: HTTPStatus, body: Json) -> Response:
    content = json.dumps(body).encode()
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(content))})
    return Response(status.value, status.phrase, headers, content)


@pytest.fixture
def platform() -> Iterator[Platform]:
    running = Platform()
    yield running
    running.close()


@contextmanager
def _feed(platform: Platform) -> Iterator[Feed]:
    """A feed whose threads have ended when its test does: they hold sockets."""
    feed = Feed(platform.api, "1", runtime=True)
    try:
        with feed:
            yield feed
    finally:
        for stream in feed._streams:
            stream.join(10)


def _read_all(platform: Platform) -> list[int]:
    seen: list[int] = []
    deadline = time.monotonic() + 20
    with _feed(platform) as feed:
        while len(seen) < LINES and time.monotonic() < deadline:
            message = feed.next(0.2)
            if message is not None:
                seen.append(message["sequence"])
    return seen


def test_dropped_stream_resumes_without_gap_or_repeat(platform: Platform) -> None:
    assert _read_all(platform) == list(range(1, LINES + 1))
    assert platform.connections == [0, 10, 20, 30]


def test_refused_websocket_falls_back_to_polling(platform: Platform) -> None:
    platform.sockets_refused = HTTPStatus.BAD_REQUEST
    assert _read_all(platform) == list(range(1, LINES + 1))


def test_refused_stream_ends_with_the_platforms_reason(platform: Platform) -> None:
    platform.sockets_refused = HTTPStatus.FORBIDDEN
    platform.lists_refused = HTTPStatus.FORBIDDEN
    with pytest.raises(CommandError, match=r"No\.") as failure:
        _read_all(platform)
    assert failure.value.exit_code == ExitCode.NOT_PERMITTED


def test_absent_platform_is_waited_for(platform: Platform) -> None:
    platform.sockets_refused = HTTPStatus.SERVICE_UNAVAILABLE
    back = threading.Timer(0.8, lambda: setattr(platform, "sockets_refused", None))
    back.start()
    assert _read_all(platform) == list(range(1, LINES + 1))
    back.join()


def test_platform_that_is_away_is_told_until_it_is_back(platform: Platform) -> None:
    platform.sockets_refused = platform.lists_refused = HTTPStatus.SERVICE_UNAVAILABLE
    deadline = time.monotonic() + 20
    with _feed(platform) as feed:
        while feed.problem is None and time.monotonic() < deadline:
            assert feed.next(0.1) is None
        assert feed.problem is not None
        assert feed.problem.exit_code == ExitCode.TRY_AGAIN
        platform.sockets_refused = platform.lists_refused = None
        seen = 0
        # Polled first; then by a stream again, and not by polling for ever.
        while not (seen >= LINES and platform.connections) and time.monotonic() < deadline:
            message = feed.next(0.1)
            seen = message["sequence"] if message else seen
        assert seen >= LINES
        assert platform.connections
        assert feed.problem is None
