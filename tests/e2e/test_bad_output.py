"""Output that is too much, too long, no text, or meant to trick a terminal."""

from pathlib import Path

import pytest
from tests.e2e import apps
from tests.e2e.bad import assert_goes_on
from tests.e2e.platform import Json, Platform, eventually

pytestmark = pytest.mark.timeout(240)

# Clears the screen, sets the title, and hides text: all of it must stay text for a terminal.
ESCAPES = "\\x1b[2J\\x1b]0;owned\\x07\\x1b[8mhidden\\x1b[0m\\x9b31m\\u202etxt"

_WRITE = f"""
import sys

out = sys.stdout.buffer
out.write(b"not text: \\xff\\xfe\\xc3( and \\x00 nothing\\n")
out.write("escapes: {ESCAPES}\\n".encode())
out.write(b"progress 1%\\rprogress 50%\\rprogress 100%\\n")
out.write(b"before the long line\\n" + b"y" * {{long}} + b"\\nafter the long line\\n")
for number in range({{lines}}):
    out.write(b"%07d " % number + b"z" * 991 + b"\\n")
out.write(b"the last line\\n")
out.flush()
"""
LINES = 200_000  # of 1,000 bytes


def log(platform: Platform, deployment_id: str) -> list[Json]:
    found: list[Json] = []
    while True:
        after = found[-1]["sequence"] if found else 0
        path = f"/deployments/{deployment_id}/logs?limit=1000&after={after}"
        page = platform.call("GET", path)["items"]
        if not page:
            return found
        found += page


@pytest.fixture(scope="module")
def flooded(_platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Json:
    """A deployment whose build wrote 50 MB in a line and then 200 MB in lines."""
    _platform.ensure_running()
    folder = apps.write(
        tmp_path_factory.mktemp("flood"),
        {
            "autodeploy.toml": "build = 'python3 write.py'\noutput = 'site'\n",
            "write.py": _WRITE.format(long=50_000_000, lines=LINES),
            "site/index.html": "<!doctype html><title>t</title><h1>flooded</h1>\n",
        },
    )
    return _platform.deploy(folder, "flooded", "--detach")


def test_flood_of_output_is_kept_at_its_beginning_and_its_end(
    platform: Platform, flooded: Json, tmp_path: Path
) -> None:
    path = f"/deployments/{flooded['id']}"
    # Meanwhile another deployment is not held up by it.
    assert_goes_on(platform, tmp_path, "beside-the-flood")
    eventually("it ends", lambda: platform.call("GET", path)["completedAt"], 120)
    assert platform.call("GET", path)["error"] is None
    lines = log(platform, flooded["id"])
    assert [line["sequence"] for line in lines] == list(range(1, len(lines) + 1))
    texts = [line["message"] for line in lines]
    assert sum(map(len, texts)) < 20_000_000
    assert "before the long line" in texts
    assert max(map(len, texts)) <= 8192
    assert any("more output than 16 MiB" in text for text in texts)
    assert any("lines of output were left out" in text for text in texts)
    last = texts.index("the last line")
    assert texts[last - 1].startswith(f"{LINES - 1:07} zzz")


def test_what_is_no_text_is_stored_as_text(platform: Platform, flooded: Json) -> None:
    texts = [line["message"] for line in log(platform, flooded["id"])]
    assert "not text: \ufffd\ufffd\ufffd( and  nothing" in texts
    assert "progress 100%" in texts
    assert "progress 50%" not in texts


def test_terminal_escapes_do_not_reach_the_terminal(platform: Platform, tmp_path: Path) -> None:
    folder = apps.static_site(tmp_path / "escapes", "escapes")
    (folder / "write.py").write_text(_WRITE.format(long=1, lines=1))
    (folder / "autodeploy.toml").write_text("build = 'python3 write.py; mkdir o'\noutput = 'o'\n")
    live = platform.run("deploy", str(folder), "--project", "escapes").stderr
    later = platform.run("logs", "escapes").stdout
    for shown in (live, later):
        line = next(line for line in shown.splitlines() if "escapes: " in line)
        assert "hidden" in line
        assert line.isprintable(), ascii(line)


def test_app_that_floods_its_log_goes_on_answering(platform: Platform, tmp_path: Path) -> None:
    folder = apps.procfile_app(tmp_path / "noisy", "the noisy app")
    server = (folder / "server.py").read_text()
    noise = _WRITE.format(long=20_000_000, lines=20_000)
    (folder / "server.py").write_text(f"{noise}\n{server}")
    deployment = platform.deploy(folder, "noisy")
    assert deployment["status"] == "ready"
    assert platform.page("noisy") == "the noisy app"
    eventually(
        "its last line is stored",
        lambda: "the last line" in platform.run("logs", "noisy").stdout,
        seconds=60,
        pause=1,
    )
