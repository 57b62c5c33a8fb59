"""Records real deployments in a real terminal and draws what stood on it at the end as SVG.

Usage: `make picture`, or .venv/bin/python scripts/record_terminal.py [FOLDER]. It runs `make
deploy` and then deploys an app that fails, on a platform of its own with a home of its own; the
ports of AUTODEPLOY_API_PORT and AUTODEPLOY_PROXY_PORT must be free. Ids are the same in each
recording; times are as they were.
"""

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.text import Text

# Recorded wide, so that no line is broken in two; drawn as wide as what remains needs.
COLUMNS, DRAWN_COLUMNS, ROWS = 200, 110, 50
PATIENCE_SECONDS = 300
ROOT = Path(__file__).parents[1]
LAST_LINE = re.compile(rb"LOCAL http://\S+\r?\n")
# What pip says of the configuration of this machine is nobody else's business.
LEFT_OUT = re.compile(r"Looking in (links|indexes)|WARNING: |file:///|Processing /")
ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
# What moves the cursor up, erases a line, or sets attributes: all that live bars use.
CONTROL = re.compile(r"\x1b\[(\d*)([A-K])|\x1b\[[?0-9;]*[hlm]|\r|\n|[^\x1b\r\n]+")
# An app with a mistake that many make: a file that is imported and was never added.
SHOP = {
    "package.json": '{"name": "shop", "type": "module", "scripts": {"start": "node server.js"}}',
    "server.js": 'import { createServer } from "node:http";\nimport { find } from "./orders.js";\n'
    "createServer((_, answer) => answer.end(find())).listen(process.env.PORT);\n",
}


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    home = Path(tempfile.mkdtemp(prefix="ad-", dir="/tmp"))
    home.chmod(0o711)
    try:
        with terminal(["make", "deploy"], ROOT, home) as deploying:
            good = deploying.read_until(LAST_LINE)
            bad = failed_deployment(home)
        draw(good, "make deploy", home, folder / "deploy.svg")
        draw(bad, "autodeploy deploy", home, folder / "failure.svg")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def failed_deployment(home: Path) -> bytes:
    """What `autodeploy deploy` writes in the folder of an app that cannot start."""
    shop = home / "shop"
    shop.mkdir()
    for name, content in SHOP.items():
        (shop / name).write_text(content)
    command = [str(ROOT / ".venv" / "bin" / "autodeploy"), "deploy"]
    with terminal(command, shop, home) as deploying:
        return deploying.read_until(re.compile(rb"\r?\n(More|Next): [^\n]*\n\Z"))


class Terminal:
    """A process in a terminal of its own."""

    def __init__(self, process: "subprocess.Popen[bytes]", leader: int):
        self._process, self._leader = process, leader

    def read_until(self, last: re.Pattern[bytes]) -> bytes:
        """Everything that it writes, up to ``last`` or its end."""
        seen, deadline = b"", time.monotonic() + PATIENCE_SECONDS
        while not last.search(seen) and time.monotonic() < deadline:
            if not select.select([self._leader], [], [], 1)[0]:
                continue
            try:
                seen += os.read(self._leader, 65_536)
            except OSError:  # the process has ended and everything was read
                break
        if not last.search(seen):
            sys.exit(f"It did not come to its end:\n{seen.decode(errors='replace')}")
        return seen


@contextmanager
def terminal(command: list[str], folder: Path, home: Path) -> Iterator[Terminal]:
    """Start a command; it is interrupted and waited for at the end."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "NO_COLOR")}
    environment = kept | {
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "AUTODEPLOY_HOME": str(home / ".local/share/autodeploy"),
        "XDG_CONFIG_HOME": str(home / ".config"),
    }
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    try:
        yield Terminal(process, leader)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        process.wait()
        os.close(leader)


def draw(output: bytes, command: str, home: Path, out: Path) -> None:
    """The picture of a terminal in which ``command`` wrote ``output``."""
    text = output.decode(errors="replace").replace(str(ROOT), "~/autodeploy")
    console = Console(record=True, width=DRAWN_COLUMNS, file=Path(os.devnull).open("w"))  # noqa: SIM115
    console.print(Text(f"$ {command}", style="bold"))
    for line in replay(text):
        if not LEFT_OUT.search(line):
            shown = ID.sub("5f0c2a1e-7c1d-4c53-9f0e-2b8a6d4e1c37", line.replace(str(home), "~"))
            console.print(Text.from_ansi(shown))
    out.parent.mkdir(parents=True, exist_ok=True)
    console.save_svg(str(out), title="AutoDeploy")


def replay(output: str) -> list[str]:
    """The lines as they stand at the end, with their colours, after bars were drawn over bars."""
    screen, row = [""], 0
    for match in CONTROL.finditer(output):
        piece, count, command = match[0], int(match[1] or 1), match[2]
        if piece == "\n":
            row += 1
            if row == len(screen):
                screen.append("")
        elif piece == "\r" or command == "G":
            continue
        elif command == "A":
            row = max(0, row - count)
        elif command == "K":
            screen[row] = ""
        elif piece.startswith("\x1b") and not piece.endswith("m"):
            continue
        else:
            screen[row] += piece
    return [line for line in screen if Text.from_ansi(line).plain.strip()]


if __name__ == "__main__":
    main()
