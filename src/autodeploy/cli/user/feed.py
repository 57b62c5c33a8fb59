"""What happens in a deployment, as it happens: both WebSocket streams in one queue.

A stream that drops is opened again behind the last message it gave, so that none is missed or
seen twice; where WebSockets do not get through, the same is asked for by polling.
"""

import json
import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from http import HTTPStatus
from types import TracebackType
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import connect

from autodeploy.cli.failures import PASSING, CommandError
from autodeploy.cli.user.client import Api, Json, Query, is_loopback

POLL_SECONDS = 1.0
RECEIVE_SECONDS = 0.5
RETRY_SECONDS = 0.3
FAILURES_BEFORE_POLLING = 3
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
CLOSED_NORMALLY = 1000
# From here on the codes are the platform's own: it does not want to give this stream.
REFUSED = 4000


class _StreamRefused(Exception):
    """The platform accepted the socket and then refused the stream."""


class Feed:
    """Messages of a deployment: ``deployment.log`` (one line each), ``.status`` and ``.build``.

    They end with the deployment; ``runtime`` gives the log alone, and goes on with the app's.
    ``wanted`` is the query that chooses lines.
    """

    def __init__(
        self,
        api: Api,
        deployment_id: str,
        *,
        after: int = 0,
        runtime: bool = False,
        wanted: Mapping[str, Query] | None = None,
    ):
        self._messages: queue.Queue[Json | CommandError] = queue.Queue()
        self._stopped = threading.Event()
        log = _LogStream(api, deployment_id, after, self._messages, self._stopped)
        log.wanted = {name: value for name, value in (wanted or {}).items() if value is not None}
        self._streams: list[_Stream] = [log]
        if runtime:
            log.follow = {"follow": "runtime"}
        else:
            self._streams.append(
                _StatusStream(api, deployment_id, 0, self._messages, self._stopped)
            )

    def __enter__(self) -> "Feed":
        for stream in self._streams:
            stream.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopped.set()

    def next(self, timeout_seconds: float) -> Json | None:
        """The next message, or None when none came in time.

        Raises:
            CommandError: the platform refuses the stream.
        """
        try:
            message = self._messages.get(timeout=timeout_seconds)
        except queue.Empty:
            return None
        if isinstance(message, CommandError):
            raise message
        return message

    @property
    def finished(self) -> bool:
        """Whether the platform ended every stream and nothing waits to be read."""
        return self._messages.empty() and not any(stream.is_alive() for stream in self._streams)

    @property
    def problem(self) -> CommandError | None:
        """Why nothing comes just now, while the platform is away."""
        return next((stream.problem for stream in self._streams if stream.problem), None)


class _Stream(threading.Thread, ABC):
    """One WebSocket with its resumption; ``after`` is the number of the last message given."""

    kind: str
    problem: CommandError | None = None  # why nothing comes just now
    wanted: Mapping[str, Query] = {}
    follow: Mapping[str, Query] = {}

    def __init__(
        self,
        api: Api,
        deployment_id: str,
        after: int,
        messages: "queue.Queue[Json | CommandError]",
        stopped: threading.Event,
    ):
        super().__init__(daemon=True)
        self.api = api
        self.path = f"/deployments/{deployment_id}"
        self.after = after
        self.messages = messages
        self.stopped = stopped

    def run(self) -> None:
        failures, refused = 0, False
        while not self.stopped.is_set():
            try:
                if failures < FAILURES_BEFORE_POLLING:
                    if self._receive():
                        return
                    failures = 0
                else:
                    self._poll()
                    self.problem = None
                    if not refused:  # it was away: a stream may open again
                        failures = FAILURES_BEFORE_POLLING - 1
                    self.stopped.wait(POLL_SECONDS)
            except CommandError as failure:
                # The watcher decides how long an absent platform is waited for.
                if failure.exit_code not in PASSING:
                    self.messages.put(failure)
                    return
                self.problem = failure
                self.stopped.wait(POLL_SECONDS)
            except _StreamRefused:
                # A refusal is explained by the answer to the same question over plain HTTP.
                failures, refused = FAILURES_BEFORE_POLLING, True
            except InvalidStatus as refusal:
                if refusal.response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
                    failures, refused = FAILURES_BEFORE_POLLING, True
                else:
                    failures += 1
                    self.stopped.wait(RETRY_SECONDS)
            except (OSError, WebSocketException):
                failures += 1
                self.stopped.wait(RETRY_SECONDS)

    def _receive(self) -> bool:
        """Read until the connection ends; True when the platform says that this was all."""
        query = urlencode({"after": self.after, **self.wanted, **self.follow}, doseq=True)
        address = f"{self.api.url.replace('http', 'ws', 1)}/api/v1{self.path}/{self.kind}/stream"
        with connect(
            f"{address}?{query}",
            additional_headers={"Authorization": f"Bearer {self.api.token}"},
            proxy=None if is_loopback(self.api.url) else True,
            max_size=MAX_MESSAGE_BYTES,
            close_timeout=1,
        ) as socket:
            self.problem = None
            while not self.stopped.is_set():
                try:
                    self.take(json.loads(socket.recv(timeout=RECEIVE_SECONDS)))
                except TimeoutError:
                    continue
                except ConnectionClosed as closed:
                    code = closed.rcvd.code if closed.rcvd is not None else None
                    if code is not None and code >= REFUSED:
                        raise _StreamRefused from closed
                    return code == CLOSED_NORMALLY
        return True

    @abstractmethod
    def take(self, message: Json) -> None:
        """Note how far the stream is, and pass the message on."""

    @abstractmethod
    def _poll(self) -> None:
        """Ask over plain HTTP for what the stream would have brought."""


class _LogStream(_Stream):
    kind = "logs"

    def take(self, message: Json) -> None:
        if message.get("type") != "deployment.log":
            return
        for line in message.get("lines") or [message]:
            if line["sequence"] > self.after:
                self.after = line["sequence"]
                self.messages.put({**line, "type": "deployment.log"})

    def _poll(self) -> None:
        while lines := self.api.get(f"{self.path}/logs", after=self.after, **self.wanted)["items"]:
            for line in lines:
                self.take({**line, "type": "deployment.log"})


class _StatusStream(_Stream):
    kind = "status"

    def take(self, message: Json) -> None:
        self.after = max(self.after, message.get("sequence") or 0)
        self.messages.put(message)

    def _poll(self) -> None:
        self.take({**self.api.get(f"{self.path}/status"), "type": "deployment.status"})
