import re
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from tests.api.conftest import client_of, new_app
from tests.api.test_public import _handshake as handshake

from autodeploy.api.ratelimit import RULES, configured_rules
from autodeploy.kernel.cache import Cache
from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.ratelimit import Limit, RateLimiter


async def test_the_eleventh_call_to_auth_in_a_minute_is_refused(home, resources):
    async with client_of(new_app(home, resources, rate_limits="auth=10/hour")) as client:
        answers = [await client.get("/api/v1/auth/me") for _ in range(11)]
        assert (await client.get("/healthz")).status_code == 200
    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers[:2]] == ["9", "8"]
    refused = answers[-1]
    assert refused.json()["code"] == "rate_limited"
    assert refused.headers["RateLimit-Limit"] == "10"
    assert refused.headers["RateLimit-Remaining"] == "0"
    assert refused.headers["Retry-After"] == refused.headers["RateLimit-Reset"]


async def test_callers_are_counted_apart(home, resources, sign_up):
    ada, bob = await sign_up(), await sign_up()
    async with client_of(new_app(home, resources, rate_limits="auth=1/hour")) as client:
        statuses = [
            (await client.get("/api/v1/auth/me", headers=headers)).status_code
            for headers in (ada, ada, bob, bob)
        ]
    assert statuses == [200, 429, 200, 429]


async def test_the_handshake_of_a_websocket_counts_as_a_call(home, resources):
    app = new_app(home, resources, rate_limits="api=2/hour")
    path = f"/api/v1/deployments/{uuid4()}/logs/stream"
    answers = [(await handshake(app, path, []))[0]["status"] for _ in range(3)]
    assert answers == [401, 401, 429]


async def test_limits_hold_in_the_process_while_redis_is_away(home, resources):
    cache = Cache.connect(f"unix://{home}/absent.sock")
    lost = replace(resources, cache=cache, limiter=RateLimiter(cache.redis))
    async with client_of(new_app(home, lost, rate_limits="auth=2/hour")) as client:
        statuses = [(await client.get("/api/v1/auth/me")).status_code for _ in range(3)]
    await lost.cache.close()
    assert statuses == [401, 401, 429]


def test_the_table_is_that_of_the_specification():
    """But for watching a command, which takes many calls of which most only wait, and for what
    GitHub tells, whose signature each call shows."""
    limits = {rule.name: rule.limit for rule in RULES if rule.name not in ("runs", "webhooks")}
    assert limits == {
        "auth": Limit(10, 60),
        "deployments": Limit(30, 3600),
        "analyze": Limit(60, 3600),
        "api": Limit(1000, 3600),
    }


def test_the_documented_table_is_that_of_the_code():
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    rows = re.findall(r"^\| (\w+) \| .+ \| (\d+) an? (minute|hour) \|$", page, re.MULTILINE)
    seconds = {"minute": 60, "hour": 3600}
    documented = [(name, Limit(int(count), seconds[unit])) for name, count, unit in rows]
    assert documented == [(rule.name, rule.limit) for rule in RULES]


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/api/v1/auth/login", "auth"),
        ("POST", "/api/v1/projects/1/deployments", "deployments"),
        ("GET", "/api/v1/projects/1/deployments", "api"),
        ("POST", "/api/v1/deployments/1/rollback", "deployments"),
        ("GET", "/api/v1/deployments/1/status", "api"),
        ("POST", "/api/v1/repositories/1/analyze", "analyze"),
        ("GET", "/api/v1/projects", "api"),
        ("GET", "/healthz", None),
    ],
)
def test_the_first_matching_rule_counts_a_call(method, path, name):
    matching = (
        rule.name
        for rule in RULES
        if (rule.methods is None or method in rule.methods) and rule.path.fullmatch(path)
    )
    assert next(matching, None) == name


def test_an_override_changes_only_what_it_names_and_off_removes_all():
    changed = {rule.name: rule.limit for rule in configured_rules("auth=100/minute, api=5/second")}
    assert changed["auth"] == Limit(100, 60)
    assert changed["api"] == Limit(5, 1)
    assert changed["deployments"] == Limit(30, 3600)
    assert configured_rules("off") == ()


@pytest.mark.parametrize("override", ["auth", "auth=0/minute", "nothing=1/hour", "auth=1/day"])
def test_an_override_that_cannot_be_used_is_refused(override):
    with pytest.raises(InvalidInput) as refusal:
        configured_rules(override)
    assert refusal.value.field == "AUTODEPLOY_RATE_LIMITS"
