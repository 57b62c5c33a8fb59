"""The app that is deployed: trivial, and with all that an app can have."""

from dataclasses import dataclass
from pathlib import Path

from tests.chaos.plan import MOVING_APPS

LINES = 30
#: The kinds of app that are pages, and no processes.
PAGES = ("static", "git", "vercel", "supabase")

_BUILD = """
import sys
import time

for number in range(1, {lines} + 1):
    print("build line", number, flush=True)
    time.sleep({pause})
sys.exit({code})
"""

_SERVER = """
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if {needed!r} in os.environ else 500)
        self.end_headers()
        self.wfile.write({text!r}.encode())

    def log_message(self, *arguments):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""

# Its time comes once a year: what is looked at is where it would.
_CRON = """
[cron]
tidy = {{ schedule = "0 0 1 1 *", command = "python worker.py {mark}" }}
"""


@dataclass(frozen=True)
class Version:
    """One state of an app. ``mark`` is on the command line of each process that it starts."""

    kind: str
    mark: str
    text: str
    build_seconds: float = 0.15
    exit_code: int = 0

    def write(self, folder: Path) -> Path:
        """Its files; nothing that it needs has to be installed."""
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("[!.]*"):
            old.unlink()
        for name, content in (self._page() if self.kind in PAGES else self._server()).items():
            (folder / name).write_text(content.lstrip("\n"))
        return folder

    def _page(self) -> dict[str, str]:
        return {"index.html": self.text}

    def _server(self) -> dict[str, str]:
        needed = "DATABASE_URL" if self.kind == "database" else "PORT"
        pause = self.build_seconds / LINES
        cron = _CRON.format(mark=self.mark) if self.kind in MOVING_APPS else ""
        return {
            "autodeploy.toml": 'install = ""\nbuild = "python build.py"\n' + cron,
            "Procfile": (
                f"web: python server.py {self.mark}\n"
                f"worker: python worker.py {self.mark}\n"
                "release: python release.py\n"
            ),
            "build.py": _BUILD.format(lines=LINES, pause=pause, code=self.exit_code),
            "release.py": 'print("release line 1", flush=True)\n',
            "server.py": _SERVER.format(text=self.text, needed=needed),
            "worker.py": "import signal\n\nsignal.pause()\n",
            "version.txt": self.text,
        }
