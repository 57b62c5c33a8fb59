"""A guestbook: one page, one table, one form."""

import html
import os
import signal
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from urllib.parse import parse_qs

import psycopg

DATABASE_URL = os.environ["DATABASE_URL"]
PORT = int(os.environ.get("PORT", "8000"))
TITLE = os.environ.get("GUESTBOOK_TITLE", "Guestbook")

MOST_BYTES = 16_384
SHOWN = 100
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
  :root {{ color-scheme: light dark; }}
  body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 36rem; margin: 3rem auto; padding: 0 1rem; }}
  form {{ display: grid; gap: .5rem; margin: 1.5rem 0 2rem; }}
  input, textarea, button {{ font: inherit; padding: .5rem .75rem; border: 1px solid #8886; border-radius: .5rem; }}
  button {{ background: #2459d6; color: #fff; border: 0; cursor: pointer; justify-self: start; }}
  article {{ border-top: 1px solid #8884; padding: .75rem 0; }}
  article p {{ margin: .25rem 0; white-space: pre-wrap; overflow-wrap: anywhere; }}
  time, .empty {{ color: #888; font-size: .875rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
<form method="post" action="/">
  <label for="name">Your name</label>
  <input id="name" name="name" maxlength="80" required autocomplete="name">
  <label for="message">Your message</label>
  <textarea id="message" name="message" rows="3" maxlength="1000" required></textarea>
  <button>Sign the guestbook</button>
</form>
{entries}
</body>
</html>
"""
ENTRY = "<article><strong>{name}</strong> <time>{when}</time><p>{message}</p></article>"


def connect() -> psycopg.Connection:
    return psycopg.connect(DATABASE_URL, connect_timeout=5)


def create_table() -> None:
    """Wait for the database and make the table; releases that start together take turns."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with connect() as connection:
                connection.execute("SELECT pg_advisory_xact_lock(7305129)")
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS entries ("
                    " id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
                    " name TEXT NOT NULL,"
                    " message TEXT NOT NULL,"
                    " written_at TIMESTAMPTZ NOT NULL DEFAULT now())"
                )
            return
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                sys.exit(f"The database does not answer: {error}")
            time.sleep(0.5)


def add_entry(name: str, message: str) -> None:
    with connect() as connection:
        connection.execute("INSERT INTO entries (name, message) VALUES (%s, %s)", (name, message))


def newest_entries() -> list[tuple[str, str, str]]:
    with connect() as connection:
        return connection.execute(
            "SELECT name, message, to_char(written_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')"
            " FROM entries ORDER BY id DESC LIMIT %s",
            (SHOWN,),
        ).fetchall()


def render() -> str:
    entries = [
        ENTRY.format(name=html.escape(name), when=when, message=html.escape(message))
        for name, message, when in newest_entries()
    ]
    empty = '<p class="empty">Nobody has written yet. Be the first.</p>'
    return PAGE.format(title=html.escape(TITLE), entries="\n".join(entries) or empty)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/health":
            with connect() as connection:
                connection.execute("SELECT 1")
            self.answer(HTTPStatus.OK, "ok\n", "text/plain")
        elif path == "/":
            self.answer(HTTPStatus.OK, render())
        else:
            self.answer(HTTPStatus.NOT_FOUND, "There is no such page.\n", "text/plain")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MOST_BYTES:
            self.close_connection = True
            self.answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "That is too long.\n", "text/plain")
            return
        form = parse_qs(self.rfile.read(int(length)).decode("utf-8", "replace"))
        name = form.get("name", [""])[0].replace("\0", "").strip()[:80]
        message = form.get("message", [""])[0].replace("\0", "").strip()[:1000]
        if not name or not message:
            self.answer(HTTPStatus.BAD_REQUEST, "A name and a message, please.\n", "text/plain")
            return
        add_entry(name, message)
        self.answer(HTTPStatus.SEE_OTHER, "", location="/")

    def answer(
        self, status: HTTPStatus, body: str, kind: str = "text/html", location: str = ""
    ) -> None:
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        if location:
            self.send_header("Location", location)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except psycopg.Error as error:
            self.close_connection = True
            print(f"database: {error}", file=sys.stderr, flush=True)
            self.answer(HTTPStatus.SERVICE_UNAVAILABLE, "Try again soon.\n", "text/plain")

    def log_message(self, format: str, *values: object) -> None:
        print(format % values, flush=True)


class Server(ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 128
    daemon_threads = True


def main() -> None:
    create_table()
    server = Server(("0.0.0.0", PORT), Handler)
    # The server stops from another thread: shutdown() waits for the loop that it would block.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"The guestbook listens on port {PORT}.", flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()


if __name__ == "__main__":
    main()
