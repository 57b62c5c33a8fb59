"""The value of a secret is seen by the app and by nobody else."""

import base64
import threading
from pathlib import Path

import psutil
import pytest
from tests.e2e import apps
from tests.e2e.platform import Platform, eventually

pytestmark = pytest.mark.timeout(240)
SECRET = "correct-horse-battery-staple-7291"


class ProcessWatch(threading.Thread):
    """Looks at every command line of the machine until it is told to stop."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped = threading.Event()
        self.found: list[list[str]] = []
        self.looked = 0

    def run(self) -> None:
        while not self.stopped.is_set():
            for process in psutil.process_iter():
                try:
                    arguments = process.cmdline()
                except (psutil.NoSuchProcess, psutil.AccessDenied):
                    continue
                if any(SECRET in argument for argument in arguments):
                    self.found.append(arguments)
            self.looked += 1


def test_secret_reaches_the_app_and_no_log_list_or_response(
    platform: Platform, tmp_path: Path
) -> None:
    folder = apps.procfile_app(tmp_path / "discreet", "discreet")
    platform.deploy(folder, "discreet")
    file = tmp_path / "variables"
    file.write_text(f"API_KEY={SECRET}\n")
    platform.run("env", "import", str(file), "--project", "discreet")

    watch = ProcessWatch()
    watch.start()
    done = platform.run("deploy", str(folder), "--project", "discreet", "--json")
    watch.stopped.set()
    watch.join()

    assert platform.page("discreet", "/env/API_KEY") == SECRET
    assert watch.looked > 1
    assert watch.found == []
    listed = platform.run("env", "list", "discreet", "--json").stdout
    assert "API_KEY" in listed
    logs = eventually(
        "the app's own line is shown, redacted",
        lambda: _logs_with(platform, "[redacted]"),
    )
    encoded = base64.b64encode(SECRET.encode()).decode().rstrip("=")
    shown = [
        done.stdout,
        done.stderr,
        listed,
        logs,
        platform.run("status", "discreet", "--json").stdout,
    ]
    shown += [path.read_text(errors="replace") for path in (platform.home / "logs").rglob("*.log")]
    assert not [text for text in shown if SECRET in text or encoded in text]


def _logs_with(platform: Platform, text: str) -> str | None:
    logs = platform.run("logs", "discreet").stdout
    return logs if text in logs else None
