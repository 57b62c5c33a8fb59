"""Log lines carry the request and never a secret, ours or a library's."""

import asyncio
import io
import json
import logging

import pytest
import structlog

from autodeploy.kernel.log import configure_logging, request_context
from autodeploy.kernel.redaction import MARKER


@pytest.fixture
def stream(logging_restored):
    """Where the log goes."""
    return io.StringIO()


@pytest.fixture
def lines(stream):
    """Logging as a process sets it up; gives a function that parses what was written."""
    configure_logging("info", json=True, secrets=["kn0wn-s3cret"], stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_line_is_one_json_object_with_level_time_and_logger(lines):
    structlog.get_logger("part").info("thing.done", count=3)
    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "thing.done", "level": "info", "logger": "part", "count": 3}


def test_line_below_the_level_is_not_written(lines):
    structlog.get_logger().debug("detail")
    logging.getLogger("library").debug("detail")
    assert lines() == []


async def test_request_id_reaches_lines_of_tasks_and_ends_with_the_block(lines):
    async def work() -> None:
        structlog.get_logger().info("inside")

    with request_context("r-1", user_id="u-1"):
        await asyncio.create_task(work())
    structlog.get_logger().info("outside")
    inside, outside = lines()
    assert (inside["request_id"], inside["user_id"]) == ("r-1", "u-1")
    assert "request_id" not in outside


@pytest.mark.parametrize(
    "key",
    ["password", "DB_PASSWD", "access_token", "refreshToken", "Authorization", "client_secret",
     "Set-Cookie", "api_key", "x-api-key", "privateKey"],
)  # fmt: skip
def test_value_under_a_secret_name_is_masked_at_any_depth(lines, key):
    structlog.get_logger().info("call", **{key: "hidden-1"}, headers=[{key: {"a": "hidden-2"}}])
    text = json.dumps(lines())
    assert "hidden" not in text
    assert text.count(MARKER) == 2


@pytest.mark.parametrize("key", ["token_id", "tokenId", "secret_names", "cookie_count", "keyboard"])
def test_value_that_only_names_a_secret_is_kept(lines, key):
    structlog.get_logger().info("call", **{key: "shown"})
    assert lines()[0][key] == "shown"


@pytest.mark.parametrize(
    "text",
    [
        "cloning https://user:hidden@example.com/x.git failed",
        "postgresql://app:hidden@db:5432/app is away",
        "sent Authorization: Bearer hidden.hidden.hidden",
        "sent Basic aGlkZGVuOmhpZGRlbg==hidden",
        '1.2.3.4 - "WebSocket /api/v1/stream?after=3&access_token=hidden" 401',
        "< Sec-WebSocket-Protocol: autodeploy.ticket.hidden",
        "< Cookie: session=hidden; other=hidden",
        "< Authorization: Token hidden",
    ],
)
def test_credential_inside_text_is_masked(lines, text):
    structlog.get_logger().info(text)
    (line,) = lines()
    assert "hidden" not in line["event"]
    assert MARKER in line["event"]


def test_url_without_credentials_is_kept(lines):
    structlog.get_logger().info("see https://example.com/a@b?page=2 and mail me@example.com")
    assert lines()[0]["event"] == "see https://example.com/a@b?page=2 and mail me@example.com"


def test_known_value_is_masked_in_text_objects_and_tracebacks(lines):
    class Holder:
        def __repr__(self) -> str:
            return "Holder(kn0wn-s3cret)"

    try:
        raise ValueError("kn0wn-s3cret")
    except ValueError:
        structlog.get_logger().exception("kn0wn-s3cret failed", holder=Holder())
    text = json.dumps(lines())
    assert "kn0wn-s3cret" not in text
    assert text.count(MARKER) >= 3
    assert "ValueError" in text


def test_library_log_is_written_and_masked_alike(lines):
    logging.getLogger("library").warning("connect %s", "redis://:hidden@cache:6379/0")
    (line,) = lines()
    assert line["event"] == f"connect redis://{MARKER}@cache:6379/0"
    assert (line["level"], line["logger"]) == ("warning", "library")


def test_library_traceback_is_masked(lines):
    try:
        raise ValueError("kn0wn-s3cret")
    except ValueError:
        logging.getLogger("library").exception("failed")
    (line,) = lines()
    assert "kn0wn-s3cret" not in json.dumps(line)
    assert "ValueError" in json.dumps(line)


def test_output_for_people_is_not_json(stream):
    configure_logging("info", json=False, stream=stream)
    structlog.get_logger().info("thing.done", password="hidden")
    text = stream.getvalue()
    assert "thing.done" in text
    assert not text.startswith("{")
    assert "hidden" not in text


def test_unknown_level_is_refused():
    with pytest.raises(ValueError, match="loud"):
        configure_logging("loud", json=True)
