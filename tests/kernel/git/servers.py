"""Real git servers on loopback, for tests: `git daemon`, and smart and dumb http."""

import functools
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CLEAN = {
    "PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.com",
    "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
}  # fmt: skip


def git(*arguments: str, cwd: Path, stdin: Path = Path(os.devnull)) -> str:
    with stdin.open() as given:
        done = subprocess.run(
            ["git", *arguments], cwd=cwd, env=CLEAN, check=True, capture_output=True, text=True,
            stdin=given,
        )  # fmt: skip
    return done.stdout.strip()


def commit_files(work: Path, files: dict[str, str | bytes], message: str) -> str:
    """Write and commit files; returns the commit's id."""
    for name, content in files.items():
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    git("add", "-A", "-f", cwd=work)
    git("commit", "-q", "--allow-empty", "-m", message, cwd=work)
    return git("rev-parse", "HEAD", cwd=work)


@contextmanager
def git_daemon(root: Path) -> Iterator[str]:
    """Serve every repository below ``root``; yields the base URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        ["git", "daemon", "--export-all", "--reuseaddr", f"--base-path={root}",
         "--listen=127.0.0.1", f"--port={port}", str(root)],
        env=CLEAN, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_for_port(port)
        yield f"git://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


@contextmanager
def dumb_http(root: Path) -> Iterator[str]:
    """Serve ``root`` as plain files; repositories need ``git update-server-info``."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    with _http(functools.partial(Quiet, directory=str(root))) as port:
        yield f"http://127.0.0.1:{port}"


@dataclass
class Traffic:
    """What a server was asked for, and how much it sent."""

    requests: int = 0
    sent_bytes: int = 0


@contextmanager
def smart_http(
    root: Path,
    *,
    old_protocol: bool = False,
    certified: ssl.SSLContext | None = None,
    pushed: Callable[[], None] = lambda: None,
) -> Iterator[tuple[str, Traffic]]:
    """Serve every repository below ``root`` by git's own program, over https where it has a
    certificate; with the traffic so far. ``pushed`` is called after each push."""
    program = Path(
        subprocess.run(["git", "--exec-path"], check=True, capture_output=True, text=True)
        .stdout.strip(), "git-http-backend",
    )  # fmt: skip
    traffic = Traffic()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            environment = {
                **CLEAN, "GIT_PROJECT_ROOT": str(root), "GIT_HTTP_EXPORT_ALL": "1",
                "REQUEST_METHOD": self.command, "PATH_INFO": path, "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type") or "",
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or "",
            }  # fmt: skip
            if not old_protocol:
                environment["GIT_PROTOCOL"] = self.headers.get("Git-Protocol") or ""
            answer = subprocess.run(
                [program], env=environment, input=body, check=True, capture_output=True,
                start_new_session=True,  # Ctrl-C is for who serves
            ).stdout  # fmt: skip
            if path.endswith("/git-receive-pack"):
                pushed()
            traffic.requests += 1
            traffic.sent_bytes += len(answer)
            headers, _, content = answer.partition(b"\r\n\r\n")
            # Without it the end of an answer over TLS counts as cut off.
            length = f"Content-Length: {len(content)}".encode()
            self.wfile.write(b"\r\n".join((b"HTTP/1.0 200 OK", headers, length, b"", content)))

        do_POST = do_GET  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

    with _http(Handler, certified) as port:
        yield f"{'https' if certified else 'http'}://127.0.0.1:{port}", traffic


@contextmanager
def answering(status: int, headers: dict[str, str], asked: list[str]) -> Iterator[str]:
    """A server with one answer to everything; ``asked`` collects the paths."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value.replace("PATH", self.path))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with _http(Handler) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _http(handler: object, certified: ssl.SSLContext | None = None) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)  # type: ignore[arg-type]
    if certified is not None:
        # The thread of a connection shakes hands: one that waits keeps no other one waiting.
        server.socket = certified.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def silent_server() -> Iterator[int]:
    """A port that accepts connections and never says anything."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]
