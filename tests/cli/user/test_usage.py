"""``autodeploy usage``: what providers report, for people and for programs."""

import pytest

from autodeploy.cli.user.client import Json
from autodeploy.cli.user.usage import show

_CHARGE: Json = {"plan": "standard", "quantity": 1, "source": "s", "asOf": None, "byUse": False}
FOUND: Json = {
    "items": [
        {
            "kind": "app", "environment": "production", "name": "app", "provider": "render",
            "estimatedMonthlyCents": 600, "reportedMonthlyCents": 2000, "differenceCents": 1400,
            "charges": [
                {**_CHARGE, "what": "service web", "quantity": 2, "monthlyCents": 2000,
                 "note": None},
                {**_CHARGE, "what": "cron tidy", "monthlyCents": None, "byUse": True,
                 "note": "by the time"},
            ],
            "usage": [
                {"measure": "bandwidth", "unit": "bytes", "amount": 1.2e9, "note": None,
                 "since": "2026-11-01T00:00:00Z", "until": "2026-11-27T12:00:00Z"},
                {"measure": "rest requests", "unit": "requests", "amount": 12345.0, "note": None,
                 "since": "2026-11-01T00:00:00Z", "until": "2026-11-27T12:00:00Z"},
                {"measure": "auth requests", "unit": "requests", "amount": None,
                 "note": "none yet", "since": "2026-11-01T00:00:00Z",
                 "until": "2026-11-27T12:00:00Z"},
            ],
            "reasons": [],
        },
        {
            "kind": "database", "environment": "production", "name": "main",
            "provider": "supabase", "estimatedMonthlyCents": None, "reportedMonthlyCents": None,
            "differenceCents": None, "charges": [], "usage": [],
            "reasons": ["No account is connected."],
        },
    ],
    "comparedItems": 1, "estimatedMonthlyCents": 600, "reportedMonthlyCents": 2000,
}  # fmt: skip


def test_the_difference_is_a_row_and_what_is_not_told_has_its_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show({"name": "shop"}, FOUND)
    told = capsys.readouterr()
    rows = [line.split("  ") for line in told.out.splitlines()]
    lines = [" ".join(filter(None, (cell.strip() for cell in row))) for row in rows]
    assert lines[0] == "WHAT PROVIDER ESTIMATE REPORTED DIFFERENCE"
    for expected in (
        "production app render 6.00 20.00 +14.00",
        "production database main supabase not known not told –",
        "production app service web × 2 standard 20.00",
        "production app cron tidy standard by use by the time",
        "production app bandwidth 1.2 GB 2026-11-01 2026-11-27",
        "production app rest requests 12,345 2026-11-01 2026-11-27",
        "production app auth requests not told: none yet 2026-11-01 2026-11-27",
    ):
        assert expected in lines
    assert "production database main: No account is connected." in told.err
    assert "6.00 USD a month estimated, 20.00 reported" in told.err
