"""Prices of the administrator that cannot be used are told at the start."""

from pathlib import Path

import pytest
from tests.cli.command import run


@pytest.mark.parametrize("command", ["up", "worker"])
def test_platform_does_not_start_with_prices_that_cannot_be_used(home: Path, command: str) -> None:
    (home / "prices.json").write_text('{"render.service": {"monthly_cents": "7"}}')
    ended = run(home, command, AUTODEPLOY_HOME=str(home))
    assert ended.returncode == 1
    assert f"{home / 'prices.json'} cannot be used at render.service.monthly_cents" in ended.stderr
    assert "docs/reference/prices.md" in ended.stderr
