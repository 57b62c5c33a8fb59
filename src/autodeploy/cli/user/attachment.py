"""What this process reads on its standard input, for a command that runs on the platform, and
what that shows on its terminal.

It goes in numbered pieces over a WebSocket, a few at a time; one is forgotten when the command's
worker has taken it. So a connection that drops is opened again and goes on where it was.
"""

import base64
import contextlib
import json
import os
import select
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from autodeploy.cli.failures import PASSING, CommandError, exit_code_of
from autodeploy.cli.user.client import Api, Json, is_loopback
from autodeploy.cli.user.screen import Screen

PIECE_BYTES = 32 * 1024
WINDOW_PIECES = 16
RETRY_SECONDS = 0.5
FOREGROUND_SECONDS = 0.5
# The close codes of what the platform does not want, by the status of its problem.
REFUSED = 4000
_OVER = (1000, REFUSED + HTTPStatus.CONFLICT)


class StdinRefused(CommandError):
    """The platform takes no input for the command."""


@dataclass(frozen=True)
class _Piece:
    offset: int
    data: bytes

    def message(self) -> str:
        data = base64.b64encode(self.data).decode()
        end = not self.data
        return json.dumps({"type": "run.stdin", "offset": self.offset, "data": data, "end": end})


class Attachment:
    """Sends what can be read from ``descriptor``, until its end or the command's.

    ``problem`` is why it does not, once the platform has refused it.
    """

    problem: StdinRefused | None = None

    def __init__(self, api: Api, run_id: str, descriptor: int, screen: Screen | None = None):
        self._address = f"{api.url.replace('http', 'ws', 1)}/api/v1/runs/{run_id}/attach"
        self._api = api
        self._descriptor = descriptor
        self._screen = screen
        self._shown = 0  # bytes of what the command wrote
        self._is_resized = threading.Event()
        self._lock = threading.Lock()
        self._pieces: deque[_Piece] = deque()  # not known to have been taken
        self._sent = 0  # how many of them went over the present connection
        self._read = 0  # bytes
        self._socket: ClientConnection | None = None  # one that knows where to go on
        self._over = threading.Event()
        self._wake, self._waker = os.pipe()

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Send while the block is left to run."""
        for work in (self._connect, self._feed):
            # A read of a terminal ends when the user presses a key: nobody waits for that.
            threading.Thread(target=work, daemon=True).start()
        try:
            yield
        finally:
            self._over.set()
            self._nudge()

    def resized(self) -> None:
        """Tell the command of the size that its terminal has now."""
        self._is_resized.set()
        self._nudge()

    def _connect(self) -> None:
        """Keep a connection until all is over."""
        while not self._over.is_set():
            try:
                with connect(
                    self._address,
                    additional_headers={"Authorization": f"Bearer {self._api.token}"},
                    proxy=None if is_loopback(self._api.url) else True,
                    close_timeout=1,
                ) as socket:
                    self._is_resized.set()  # it may have been while there was no connection
                    self._listen(socket)
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd is not None else 0
                if code in _OVER:
                    self._over.set()
                elif code > REFUSED and closed.rcvd is not None:
                    self._refuse(closed.rcvd.reason)
            except InvalidStatus as refusal:
                status = refusal.response.status_code
                is_fault = status >= HTTPStatus.INTERNAL_SERVER_ERROR
                if not is_fault and exit_code_of(status) not in PASSING:
                    self._refuse(f"HTTP {status}")
            except (OSError, WebSocketException):
                pass  # the platform is away: how long that is waited for, the watcher decides
            self._over.wait(RETRY_SECONDS)

    def _listen(self, socket: ClientConnection) -> None:
        try:
            while True:
                message: Json = json.loads(socket.recv())
                if self._screen is not None:  # somebody is there to take what is typed
                    self._screen.hand_over()
                if message["type"] == "run.screen":
                    self._show(socket, message)
                    continue
                with self._lock:
                    self._forget(message)
                    self._socket = socket
                self._nudge()
        finally:
            with self._lock:
                self._socket, self._sent = None, 0

    def _show(self, socket: ClientConnection, message: Json) -> None:
        is_new = message["offset"] >= self._shown
        if self._screen is not None and is_new:
            data = base64.b64decode(message["data"])
            self._screen.show(data)
            self._shown = message["offset"] + len(data)
        socket.send(json.dumps({"type": "run.shown", "offset": self._shown}))

    def _forget(self, taken: Json) -> None:
        while self._pieces:
            piece = self._pieces[0]
            if piece.offset + len(piece.data) > taken["offset"]:
                return
            if not piece.data and not taken["ended"]:
                return
            self._pieces.popleft()
            self._sent = max(0, self._sent - 1)

    def _feed(self) -> None:
        """Read and send, no more than the platform takes."""
        at_end = False
        while not self._over.is_set():
            self._send_pieces()
            self._send_size()
            with self._lock:
                has_room = len(self._pieces) < WINDOW_PIECES
            may_read = has_room and not at_end and self._has_terminal()
            wanted = [self._wake, *([self._descriptor] if may_read else [])]
            waits_for_terminal = has_room and not at_end and not may_read
            timeout = FOREGROUND_SECONDS if waits_for_terminal else None
            readable, _, _ = select.select(wanted, [], [], timeout)
            if self._wake in readable:
                os.read(self._wake, 1024)
            if self._descriptor in readable and may_read:
                at_end = self._read_piece()

    def _read_piece(self) -> bool:
        """Whether this was the end."""
        try:
            data = os.read(self._descriptor, PIECE_BYTES)
        except OSError:  # its terminal is gone
            data = b""
        with self._lock:
            self._pieces.append(_Piece(self._read, data))
            self._read += len(data)
        return not data

    def _send_pieces(self) -> None:
        while True:
            with self._lock:
                socket, unsent = self._socket, len(self._pieces) - self._sent
                if socket is None or unsent <= 0:
                    return
                piece = self._pieces[self._sent]
                self._sent += 1
            try:
                socket.send(piece.message())
            except (OSError, WebSocketException):
                return  # the next connection begins with the first that was not taken

    def _send_size(self) -> None:
        socket = self._socket
        if self._screen is None or socket is None or not self._is_resized.is_set():
            return
        self._is_resized.clear()
        with contextlib.suppress(OSError, WebSocketException):
            socket.send(json.dumps({"type": "run.size", **self._screen.size()}))

    def _has_terminal(self) -> bool:
        """Whether reading does not stop us: a terminal is read by who is in its foreground."""
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:  # it is no terminal
            return True

    def _refuse(self, reason: str) -> None:
        self.problem = StdinRefused(
            f"The command cannot be given any input: {reason}",
            remedy="Where WebSockets do not get through, run it without any: </dev/null.",
        )
        self._over.set()

    def _nudge(self) -> None:
        os.write(self._waker, b"1")
