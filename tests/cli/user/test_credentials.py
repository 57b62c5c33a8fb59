import os
import stat
from pathlib import Path

import pytest

from autodeploy.cli.user.credentials import (
    credentials_path,
    current_url,
    load_token,
    save_token,
)


@pytest.fixture(autouse=True)
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("AUTODEPLOY_URL", "AUTODEPLOY_TOKEN", "AUTODEPLOY_API_PORT"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_saved_token_is_found_by_its_platform_only() -> None:
    save_token("http://127.0.0.1:8000/", "one")
    save_token("https://deploy.example.com", "two")

    assert load_token("http://127.0.0.1:8000") == "one"
    assert load_token("https://deploy.example.com/") == "two"
    assert load_token("http://elsewhere.example.com") is None


def test_saved_token_is_readable_by_its_owner_alone_whatever_the_umask(configuration: Path) -> None:
    before = os.umask(0)
    try:
        path = save_token("http://127.0.0.1:8000", "secret")
    finally:
        os.umask(before)

    assert path == configuration / "autodeploy" / "credentials.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [item.name for item in path.parent.iterdir()] == ["credentials.json"]


def test_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    save_token("http://127.0.0.1:8000", "stored")
    monkeypatch.setenv("AUTODEPLOY_URL", "https://deploy.example.com/")
    monkeypatch.setenv("AUTODEPLOY_TOKEN", "given")

    assert current_url() == "https://deploy.example.com"
    assert load_token(current_url()) == "given"


def test_current_platform_is_the_last_login_else_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert current_url() == "http://127.0.0.1:8000"
    monkeypatch.setenv("AUTODEPLOY_API_PORT", "9000")
    assert current_url() == "http://127.0.0.1:9000"

    save_token("deploy.example.com", "token")

    assert current_url() == "http://deploy.example.com"


@pytest.mark.parametrize("content", ["", "not json", "[]", '{"tokens": 3}', '{"current": 1}'])
def test_damaged_file_counts_as_empty_and_is_repaired_by_a_login(content: str) -> None:
    credentials_path().parent.mkdir(parents=True)
    credentials_path().write_text(content)

    assert load_token("http://127.0.0.1:8000") is None
    save_token("http://127.0.0.1:8000", "token")
    assert load_token("http://127.0.0.1:8000") == "token"
