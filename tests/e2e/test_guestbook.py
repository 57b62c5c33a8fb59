"""The example that a newcomer sees first: a page with a database behind it."""

import http.client
from pathlib import Path
from urllib.parse import urlencode

import pytest
from tests.e2e.platform import Platform, eventually

pytestmark = pytest.mark.timeout(240)
GUESTBOOK = Path(__file__).parents[2] / "examples" / "guestbook"


def sign(platform: Platform, message: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", platform.proxy_port, timeout=10)
    headers = {
        "Host": f"guestbook.localhost:{platform.proxy_port}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    connection.request("POST", "/", urlencode({"name": "Ada", "message": message}), headers)
    assert connection.getresponse().status in (200, 201, 302, 303)
    connection.close()


def test_what_was_written_survives_a_redeploy_and_a_restart_of_the_platform(
    platform: Platform,
) -> None:
    first = platform.deploy(GUESTBOOK, "guestbook")
    assert first["status"] == "ready"
    sign(platform, "written before the redeploy")
    assert "written before the redeploy" in platform.page("guestbook")

    platform.deploy(GUESTBOOK, "guestbook")
    assert "written before the redeploy" in platform.page("guestbook")

    platform.stop()
    platform.start()
    eventually(
        "it is live again with what was written",
        lambda: "written before the redeploy" in platform.page("guestbook"),
        30,
    )
