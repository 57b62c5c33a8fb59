"""Records `make deploy` in a real terminal and draws what stood on it at the end as an SVG.

Usage: .venv/bin/python scripts/record_terminal.py [OUT.svg]; needs a machine on which the ports of
AUTODEPLOY_API_PORT and AUTODEPLOY_PROXY_PORT are free. Uses a home of its own.
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
from pathlib import Path

from rich.console import Console
from rich.text import Text

# Recorded wide, so that no line is broken in two; drawn as wide as what remains needs.
COLUMNS, DRAWN_COLUMNS, ROWS = 200, 100, 50
PATIENCE_SECONDS = 300
ROOT = Path(__file__).parents[1]
LAST_LINE = re.compile(rb"LOCAL http://\S+\r?\n")
# What pip says of the configuration of this machine is nobody else's business.
LEFT_OUT = re.compile(r"Looking in (links|indexes)|WARNING: Location|file:///|Processing /")
# What moves the cursor up, erases a line, or sets attributes: all that live bars use.
CONTROL = re.compile(r"\x1b\[(\d*)([A-K])|\x1b\[[?0-9;]*[hlm]|\r|\n|[^\x1b\r\n]+")


def main() -> None:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images" / "deploy.svg"
    home = Path(tempfile.mkdtemp(prefix="ad-", dir="/tmp"))
    home.chmod(0o711)
    try:
        lines = replay(record(home).decode(errors="replace").replace(str(ROOT), "~/autodeploy"))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    console = Console(record=True, width=DRAWN_COLUMNS, file=Path(os.devnull).open("w"))  # noqa: SIM115
    console.print(Text("$ make deploy", style="bold"))
    for line in lines:
        if LEFT_OUT.search(line):
            continue
        console.print(Text.from_ansi(line.replace(str(home), "~")))
    out.parent.mkdir(parents=True, exist_ok=True)
    console.save_svg(str(out), title="AutoDeploy")


def record(home: Path) -> bytes:
    """Everything that `make deploy` writes to its terminal until the app has its addresses."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    environment |= {
        "AUTODEPLOY_HOME": str(home / ".local/share/autodeploy"),
        "XDG_CONFIG_HOME": str(home / ".config"),
    }
    process = subprocess.Popen(
        ["make", "deploy"],
        cwd=ROOT,
        env=environment,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    seen, deadline = b"", time.monotonic() + PATIENCE_SECONDS
    while not LAST_LINE.search(seen) and time.monotonic() < deadline and process.poll() is None:
        if select.select([leader], [], [], 1)[0]:
            seen += os.read(leader, 65_536)
    os.killpg(process.pid, signal.SIGINT)
    process.wait()
    if not LAST_LINE.search(seen):
        sys.exit(f"It did not deploy:\n{seen.decode(errors='replace')}")
    return seen


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
