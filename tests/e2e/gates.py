"""Holds apps under test in the middle of a build, a release command or a start.

Each of their programs connects to this process on loopback and goes on when it is told to. So a
test knows where every deployment stands when it breaks something, and how often each program ran.
"""

import contextlib
import socket
import threading
from collections import Counter
from pathlib import Path

from tests.e2e import apps

STAGES = ("build", "release", "start")
LINES = 40

# Prints numbered lines on both sides of the gate.
_PASS = """
import socket

def pass_gate(stage):
    for number in range(1, {lines} // 2 + 1):
        print(stage, "line", number, "of {text}", flush=True)
    with socket.create_connection(("127.0.0.1", {port})) as gate:
        gate.sendall(b"{text}/" + stage.encode() + b"\\n")
        if gate.recv(1) != b"+":
            raise SystemExit("the gate is closed")
    for number in range({lines} // 2 + 1, {lines} + 1):
        print(stage, "line", number, "of {text}", flush=True)
"""


class Gates:
    """The gates of all apps. Those that a test does not close are open."""

    def __init__(self) -> None:
        self.passed: Counter[str] = Counter()
        self._closed: dict[str, threading.Event] = {}
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close_at(self, *places: str) -> None:
        """Hold who comes to ``text/stage`` from now on."""
        self._closed = {place: threading.Event() for place in places}

    def open_all(self) -> None:
        for gate in self._closed.values():
            gate.set()

    def reached(self, *places: str) -> bool:
        """Whether somebody has come to each of the places."""
        return all(self.passed[place] for place in places)

    def shut_down(self) -> None:
        self.open_all()
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                visitor, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._hold, args=(visitor,), daemon=True).start()

    def _hold(self, visitor: socket.socket) -> None:
        with visitor:
            place = visitor.makefile().readline().strip()
            self.passed[place] += 1
            if gate := self._closed.get(place):
                gate.wait()
            with contextlib.suppress(OSError):  # the visitor may have been killed meanwhile
                visitor.sendall(b"+")


def gated_app(folder: Path, gates: Gates, text: str) -> Path:
    """The Procfile app with a gate in its build, its release command and its start.

    Each version of an app has a ``text`` of its own, which is one word.
    """
    apps.procfile_app(folder, text)
    gate = _PASS.format(lines=LINES, port=gates.port, text=text)
    server = (folder / "server.py").read_text()
    return apps.write(
        folder,
        {
            "autodeploy.toml": 'install = ""\nbuild = "python build.py"\n',
            "Procfile": "release: python release.py\nweb: python server.py\n",
            "gate.py": gate,
            "build.py": "from gate import pass_gate\n\npass_gate('build')\n",
            "release.py": "from gate import pass_gate\n\npass_gate('release')\n",
            "server.py": f"from gate import pass_gate\n\npass_gate('start')\n{server}",
        },
    )
