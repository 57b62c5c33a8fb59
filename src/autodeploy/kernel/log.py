"""Structured logs on stderr: JSON or for people, with the request's id, without secrets."""

import logging
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

from autodeploy.kernel.redaction import MARKER, Redactor

_SECRET_KEY = re.compile(
    r"passw(or)?d|passphrase|secret|token|authori[sz]ation|cookie|credential|api[-_]?key|"
    r"private[-_]?key|master[-_]?key",
    re.IGNORECASE,
)
# ``token_id`` or ``secret_names`` tell which one, not what it is.
_HARMLESS_KEY = re.compile(r"(_|-)?(id|ids|name|names|count|type|prefix)$|Ids?$|Names?$")
_URL_CREDENTIALS = re.compile(r"(?<=://)[^\s/@\"']*@(?=[^\s/])")
_AUTHORIZATION = re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{4,}", re.IGNORECASE)
# Clients put them into addresses, where a server's own log of requests shows them.
_PARAMETER = re.compile(
    r"([?&][\w.-]*(?:token|secret|passw|key|ticket)[\w.-]*=)[^&\s\"'\\]+", re.IGNORECASE
)

# A library that logs a handshake at level debug shows each header in a line of its own.
_HEADER = re.compile(
    r"\b((?:proxy-)?authorization|(?:set-)?cookie|sec-websocket-protocol|x-[\w-]*(?:key|token)):"
    r"[^\r\n]*",
    re.IGNORECASE,
)


def configure_logging(
    level: str, json: bool, *, secrets: Iterable[str] = (), stream: TextIO | None = None
) -> None:
    """Set up logging of this process, our own and that of libraries.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        json: one JSON object a line; otherwise for people, in colour on a terminal.
        secrets: values known to be secret; no line holds them in any form.
        stream: where to, instead of stderr.

    Raises:
        ValueError: there is no such level.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"There is no log level {level!r}: use debug, info, warning or error.")
    stream = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        RedactSecrets(secrets),
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(json, stream),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    # A line and more for each request to an agent or a health check, several a second; at level
    # debug with the headers of what providers answer.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    structlog.configure(
        processors=[
            structlog.stdlib.add_logger_name,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _renderer(json: bool, stream: TextIO) -> Processor:
    if json:
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=stream.isatty())


@contextmanager
def request_context(request_id: str, **values: str) -> Iterator[None]:
    """Every log line of this task and of those that it starts carries the request's id."""
    with structlog.contextvars.bound_contextvars(request_id=request_id, **values):
        yield


class RedactSecrets:
    """A structlog processor: hides values by their key's name, by their form and by being known."""

    def __init__(self, secrets: Iterable[str] = ()):
        self._redactor = Redactor(secrets)

    def __call__(
        self, logger: object, method: str, event: MutableMapping[str, Any]
    ) -> Mapping[str, Any]:
        # structlog keeps the record itself in keys with an underscore, and drops them at the end.
        return {
            key: value if key.startswith("_") else self._value(key, value)
            for key, value in event.items()
        }

    def _value(self, key: str, value: object) -> object:
        if _names_a_secret(key) and value is not None and not isinstance(value, bool):
            return MARKER
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            return {name: self._value(str(name), item) for name, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value("", item) for item in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        # The renderer would print anything else by its repr, unseen by us.
        return self._text(repr(value))

    def _text(self, text: str) -> str:
        text = _URL_CREDENTIALS.sub(f"{MARKER}@", text)
        text = _HEADER.sub(rf"\1: {MARKER}", text)
        text = _AUTHORIZATION.sub(rf"\1 {MARKER}", text)
        text = _PARAMETER.sub(rf"\1{MARKER}", text)
        return self._redactor.line(text)


def _names_a_secret(key: str) -> bool:
    return bool(_SECRET_KEY.search(key)) and not _HARMLESS_KEY.search(key)
