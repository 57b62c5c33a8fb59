"""What the command line makes of an answer that is no success."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.user.client import Api
from autodeploy.cli.user.projects import get_project

PROBLEM = "application/problem+json"


@contextmanager
def platform(status: int, body: str, kind: str, **headers: str) -> Iterator[Api]:
    """A server that answers everything with this."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": kind, **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever).start()
        api = Api(f"http://127.0.0.1:{server.server_port}", "token")
        try:
            yield api
        finally:
            api.close()
            server.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "code", "exit_code", "remedy"),
    [
        (404, "<html>", "platform_unreachable", ExitCode.UNREACHABLE, "AUTODEPLOY_URL"),
        (302, "", "platform_unreachable", ExitCode.UNREACHABLE, "AUTODEPLOY_URL"),
        (500, "[1]", "platform_unreachable", ExitCode.UNREACHABLE, "AUTODEPLOY_URL"),
        (200, "<html>", "platform_unreachable", ExitCode.UNREACHABLE, "AUTODEPLOY_URL"),
        (502, "<html>", "unavailable", ExitCode.TRY_AGAIN, "7 s"),
        (429, "", "unavailable", ExitCode.TRY_AGAIN, "7 s"),
        (401, "<html>", "not_signed_in", ExitCode.NOT_PERMITTED, "autodeploy login"),
    ],
)
def test_answer_of_what_is_no_platform_is_told_with_what_to_do(
    status: int, body: str, code: str, exit_code: ExitCode, remedy: str
) -> None:
    with platform(status, body, "text/html", Retry_After="7") as api:
        with pytest.raises(CommandError) as failed:
            api.get("/projects")
        assert (failed.value.code, failed.value.exit_code) == (code, exit_code)
        assert remedy in (failed.value.remedy or "")


def test_refused_token_is_answered_with_the_commands_that_store_another() -> None:
    body = '{"code": "unauthenticated", "detail": "Revoked.", "remedy": "Create another token."}'
    with platform(401, body, PROBLEM) as api:
        with pytest.raises(CommandError) as failed:
            api.get("/projects")
        assert failed.value.exit_code == ExitCode.NOT_PERMITTED
        assert "autodeploy login" in (failed.value.remedy or "")
        assert "autodeploy admin-token" in (failed.value.remedy or "")


def test_remedy_of_the_platform_is_passed_on() -> None:
    body = '{"code": "wrong_credentials", "detail": "Wrong.", "remedy": "Check both."}'
    with platform(401, body, PROBLEM) as api:
        with pytest.raises(CommandError) as failed:
            api.get("/projects")
        assert failed.value.remedy == "Check both."


@pytest.mark.parametrize("name", ["", "  "])
def test_empty_name_is_never_taken_for_the_project_of_the_folder(name: str) -> None:
    with platform(200, '{"items": [], "nextCursor": null}', "application/json") as api:
        with pytest.raises(CommandError, match="is empty") as failed:
            get_project(api, name)
        assert failed.value.exit_code == ExitCode.USAGE
        with pytest.raises(CommandError) as failed:
            get_project(api, "shpo")
        assert failed.value.code == "not_found"
