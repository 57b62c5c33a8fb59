"""Redeploy, rollback and cancel, each while the app is in use."""

import http.client
import threading
from collections import Counter
from pathlib import Path

import psutil
import pytest
from tests.e2e import apps
from tests.e2e.platform import Json, Platform, eventually

pytestmark = pytest.mark.timeout(240)


class Reader:
    """Reads an app's page over and over, on kept and on fresh connections."""

    def __init__(self, platform: Platform, name: str):
        self.answers: Counter[str] = Counter()
        self._platform = platform
        self._host = f"{name}.localhost:{platform.proxy_port}"
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._read, args=(keep,)) for keep in (True, False)
        ]

    def __enter__(self) -> "Reader":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _read(self, keep: bool) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._platform.proxy_port, timeout=10)
        while not self._stop.is_set():
            try:
                connection.request("GET", "/", headers={"Host": self._host})
                answer = connection.getresponse()
                body = answer.read().decode()
                ok = answer.status == http.client.OK
                self.answers[body if ok else f"HTTP {answer.status}"] += 1
            except (OSError, http.client.HTTPException) as error:
                self.answers[repr(error)] += 1
                connection.close()
            if not keep:
                connection.close()
        connection.close()

    def saw(self, text: str) -> bool:
        return self.answers[text] > 20


def step(deployment: Json, name: str) -> Json:
    found: Json = next(item for item in deployment["steps"] if item["name"] == name)
    return found


def build_processes(marker: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if marker in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def start_slow_build(
    platform: Platform, folder: Path, name: str, marker: str, seconds: float
) -> Json:
    """Begin a deployment and return it once its build runs."""
    apps.slow_build_app(folder, "slow build", marker, seconds)
    platform.run("deploy", str(folder), "--project", name, "--detach")
    newest: Json = platform.json("status", name)["deployments"][0]
    eventually("the build runs", lambda: build_processes(marker), 60)
    return newest


def test_redeploy_and_rollback_lose_no_request(platform: Platform, tmp_path: Path) -> None:
    folder = apps.procfile_app(tmp_path / "busy", "one")
    first = platform.deploy(folder, "busy")
    with Reader(platform, "busy") as reader:
        eventually("the first release is read", lambda: reader.saw("one"))
        apps.procfile_app(folder, "two")
        platform.deploy(folder, "busy")
        eventually("the second release is read", lambda: reader.saw("two"))
        reader.answers.pop("one", None)
        back = platform.json("rollback", first["id"])
        eventually("the first release is read again", lambda: reader.saw("one"))

    assert set(reader.answers) == {"one", "two"}
    assert back["kind"] == "rollback"
    assert back["sourceDeploymentId"] == first["id"]
    assert step(back, "build_application")["status"] in ("skipped", "succeeded")


def test_rollback_of_a_project_brings_back_the_release_before_without_building(
    platform: Platform, tmp_path: Path
) -> None:
    folder = tmp_path / "back"
    for text in ("one", "two"):
        platform.deploy(apps.procfile_app(folder, text), "back")
    assert platform.page("back") == "two"

    back = platform.json("rollback", "back")

    assert platform.page("back") == "one"
    lines = platform.call("GET", f"/deployments/{back['id']}/logs")["items"]
    assert not [line for line in lines if line["source"] == "build"]
    assert platform.run("rollback", "back", check=False).returncode == 1


def test_changed_variable_is_applied_by_a_redeploy_without_a_build(
    platform: Platform, tmp_path: Path
) -> None:
    folder = apps.procfile_app(tmp_path / "varied", "varied")
    platform.deploy(folder, "varied")
    platform.run("env", "set", "COLOUR=green", "--project", "varied")

    changed = platform.deploy(folder, "varied")

    assert platform.page("varied", "/env/COLOUR") == "green"
    lines = platform.call("GET", f"/deployments/{changed['id']}/logs")["items"]
    assert not [line for line in lines if line["source"] == "build"]


def test_cancel_during_the_build_leaves_no_process_and_the_old_release_answers(
    platform: Platform, tmp_path: Path
) -> None:
    platform.deploy(apps.procfile_app(tmp_path / "kept", "kept"), "kept")
    marker = f"marker-{tmp_path.name}-cancel"
    deployment = start_slow_build(platform, tmp_path / "kept", "kept", marker, 600)
    platform.run("cancel", "kept")

    eventually("the build is gone", lambda: not build_processes(marker), 20)
    path = f"/deployments/{deployment['id']}"
    eventually("it is cancelled", lambda: platform.call("GET", path)["status"] == "cancelled", 20)
    assert platform.page("kept") == "kept"


def test_ctrl_c_during_deploy_says_that_it_goes_on_and_exits_130(
    platform: Platform, tmp_path: Path
) -> None:
    marker = f"marker-{tmp_path.name}-detach"
    folder = apps.slow_build_app(tmp_path / "detached", "detached", marker, 2)
    client = platform.spawn("deploy", str(folder))
    eventually("the build runs", lambda: build_processes(marker), 60)
    client.send_signal(2)
    _, said = client.communicate(timeout=30)

    assert client.returncode == 130
    assert "autodeploy cancel" in said
    assert "Traceback" not in said
    eventually("it ends ready all the same", lambda: platform.page("detached") == "detached", 60)
