"""Which calls are limited, and how much: one table, and the operator's override of it."""

import re
from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from autodeploy.api.deps import get_resources
from autodeploy.kernel.errors import InvalidInput, TooManyRequests
from autodeploy.kernel.ratelimit import Limit, network_of

_MINUTE, _HOUR = 60, 3600
_UNITS = {"second": 1, "minute": _MINUTE, "hour": _HOUR}


@dataclass(frozen=True)
class Rule:
    """Calls of these methods to paths of this pattern share one limit for each caller."""

    name: str
    methods: frozenset[str] | None
    path: re.Pattern[str]
    limit: Limit


_POST = frozenset({"POST"})
_GET = frozenset({"GET"})

#: The first rule that matches a call counts it.
RULES: tuple[Rule, ...] = (
    Rule("auth", None, re.compile(r"/api/v1/auth/.*"), Limit(10, _MINUTE)),
    Rule(
        "deployments",
        _POST,
        re.compile(r"/api/v1/(projects/[^/]+/deployments|deployments/[^/]+/rollback)"),
        Limit(30, _HOUR),
    ),
    Rule("analyze", _POST, re.compile(r"/api/v1/repositories/[^/]+/analyze"), Limit(60, _HOUR)),
    # Who watches a command asks again after each answer; most of these calls wait.
    Rule("runs", _GET, re.compile(r"/api/v1/runs/[^/]+/logs"), Limit(20_000, _HOUR)),
    # What is not signed costs little, and GitHub has few addresses for all that it sends.
    Rule("webhooks", _POST, re.compile(r"/api/v1/webhooks/.*"), Limit(100_000, _HOUR)),
    Rule("api", None, re.compile(r"/api/v1/.*"), Limit(1000, _HOUR)),
)


def configured_rules(override: str | None) -> tuple[Rule, ...]:
    """The rules with the operator's override, ``off`` or ``auth=100/minute,api=9000/hour``.

    Raises ``InvalidInput`` for an override that is of neither form.
    """
    if not override:
        return RULES
    if override.strip().lower() == "off":
        return ()
    limits = dict(_parse(entry) for entry in override.split(","))
    unknown = limits.keys() - {rule.name for rule in RULES}
    if unknown:
        raise _unusable(", ".join(sorted(unknown)))
    return tuple(
        Rule(rule.name, rule.methods, rule.path, limits.get(rule.name, rule.limit))
        for rule in RULES
    )


class RateLimits:
    """Counts each call for its caller, or for its address when it has no credential."""

    def __init__(self, app: ASGIApp, rules: tuple[Rule, ...]):
        self.app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        rule = self._find_rule(scope)
        if rule is not None:
            await self._count(scope, rule)
        await self.app(scope, receive, send)

    def _find_rule(self, scope: Scope) -> Rule | None:
        if scope["type"] not in ("http", "websocket"):
            return None
        method = scope.get("method", "GET")  # the handshake of a WebSocket is one
        if method == "OPTIONS":
            return None
        for rule in self._rules:
            methods_match = rule.methods is None or method in rule.methods
            if methods_match and rule.path.fullmatch(scope["path"]):
                return rule
        return None

    async def _count(self, scope: Scope, rule: Rule) -> None:
        connection = HTTPConnection(scope)
        limiter = get_resources(connection).limiter
        if limiter is None:  # the operator switched limits off
            return
        decision = await limiter.hit(f"{rule.name}:{_caller(connection)}", rule.limit)
        connection.state.rate_headers = {
            "RateLimit-Limit": str(rule.limit.count),
            "RateLimit-Remaining": str(decision.remaining),
            "RateLimit-Reset": str(decision.reset_seconds),
        }
        if not decision.allowed:
            raise TooManyRequests(
                f"More than {rule.limit.count} calls in {rule.limit.window_seconds} seconds.",
                retry_after_seconds=decision.reset_seconds,
            )


def _caller(connection: HTTPConnection) -> str:
    principal = getattr(connection.state, "principal", None)
    if principal is not None:
        return f"caller:{principal.caller_id}"
    return f"address:{network_of(connection.client.host if connection.client else '')}"


def _parse(entry: str) -> tuple[str, Limit]:
    match = re.fullmatch(r"\s*(\w+)=([1-9]\d{0,8})/(second|minute|hour)\s*", entry)
    if match is None:
        raise _unusable(entry)
    name, count, unit = match.groups()
    return name, Limit(int(count), _UNITS[unit])


def _unusable(entry: str) -> InvalidInput:
    names = ", ".join(rule.name for rule in RULES)
    return InvalidInput(
        f"AUTODEPLOY_RATE_LIMITS holds an entry that cannot be used: {entry}.",
        field="AUTODEPLOY_RATE_LIMITS",
        remedy=f"Use 'off', or entries such as auth=100/minute; the names are {names}.",
    )
