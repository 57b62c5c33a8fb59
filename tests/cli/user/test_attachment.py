"""What is read here, on its way over connections that drop, against a server that says when."""

import base64
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from websockets.sync.server import ServerConnection, serve

from autodeploy.cli.user.attachment import Attachment
from autodeploy.cli.user.client import Api

Handler = Callable[[ServerConnection], None]


@contextmanager
def platform(*handlers: Handler) -> Iterator[str]:
    """Its address; each connection is the next handler's, until there is none left."""
    waiting = iter(handlers)

    def handle(socket: ServerConnection) -> None:
        assert socket.request is not None
        assert socket.request.headers["Authorization"] == "Bearer token"
        next(waiting)(socket)

    with serve(handle, "127.0.0.1", 0) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        serving.join()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    yield read, write
    for descriptor in (read, write):
        os.close(descriptor)


def tell(socket: ServerConnection, offset: int, *, ended: bool = False) -> None:
    socket.send(json.dumps({"type": "run.taken", "offset": offset, "ended": ended}))


def take(socket: ServerConnection) -> tuple[int, bytes, bool]:
    message = json.loads(socket.recv(timeout=10))
    return message["offset"], base64.b64decode(message["data"]), message["end"]


def test_what_was_not_taken_is_sent_again_over_the_next_connection(
    pipe: tuple[int, int],
) -> None:
    read, write = pipe
    got: list[tuple[int, bytes, bool]] = []
    dropped, done = threading.Event(), threading.Event()

    def first(socket: ServerConnection) -> None:
        tell(socket, 0)
        got.append(take(socket))
        os.write(write, b"second")
        got.append(take(socket))
        dropped.set()
        socket.close(1012)  # and neither was told to have been taken

    def second(socket: ServerConnection) -> None:
        tell(socket, 5)  # the first was, after all
        got.append(take(socket))
        os.write(write, b"third")
        got.append(take(socket))
        done.set()
        socket.close(1000)

    os.write(write, b"first")
    with platform(first, second) as url:
        attachment = Attachment(Api(url, "token"), "run", read)
        with attachment.sending():
            assert done.wait(10)
    assert got == [
        (0, b"first", False), (5, b"second", False), (5, b"second", False), (11, b"third", False),
    ]  # fmt: skip
    assert attachment.problem is None


def test_nothing_is_sent_before_it_is_known_where_to_go_on(pipe: tuple[int, int]) -> None:
    read, write = pipe
    done = threading.Event()

    def listen(socket: ServerConnection) -> None:
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.3)
        tell(socket, 0)
        assert take(socket) == (0, b"typed", False)
        done.set()

    os.write(write, b"typed")
    with platform(listen) as url, Attachment(Api(url, "token"), "run", read).sending():
        assert done.wait(10)


@pytest.mark.parametrize(("code", "refused"), [(4403, True), (4409, False), (1000, False)])
def test_refusal_is_told_and_an_end_is_not(pipe: tuple[int, int], code: int, refused: bool) -> None:
    def refuse(socket: ServerConnection) -> None:
        socket.close(code, "because")

    with platform(refuse) as url:
        attachment = Attachment(Api(url, "token"), "run", pipe[0])
        with attachment.sending():
            assert attachment._over.wait(10)
    assert (attachment.problem is not None) is refused
    if attachment.problem is not None:
        assert "because" in attachment.problem.message
