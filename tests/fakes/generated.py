"""A provider that answers every call that it describes with anything that its description allows.

Its answers hang together in nothing but their form. Some are bare: what need not be there is not,
lists are empty, null is wherever it may be. Some are strange as well: with fields and values that
the description does not know, nulls where nothing promises one, numbers and texts without measure.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.fakes.contract import FOLDER, require_contract
from tests.fakes.server import Exchange, Faults, Recorded, serving

Json = dict[str, Any]

_DEEP = 12
_TEXTS = ("", " ", "x", "production", "a" * 300, "é\u202e\n\t", "\x00", "..", "../x", "\ud800",
          "-1", "http://127.0.0.1:1/", "http://[::1", "<b>")  # fmt: skip
_TIMES = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-01T12:00:00",
          "2026-11-01T12:00:00.123456789+02:00")  # fmt: skip
_NUMBERS = (0, -1, 1, 2**31, 2**63, 10**30, 0.5, 1e300, "\uffff")
#: What all values of a kind may be in one answer.
_ODD: dict[str, tuple[Any, ...]] = {"time": _TIMES, "number": _NUMBERS, "text": _TEXTS}
#: What is read further, so that what comes after it is reached.
_NAMED = {"sha": "a" * 40, "encoding": "base64", "content": "aGk=", "url": "https://example.com"}
#: Valid JSON that no double holds, in the place of a text that is nowhere else.
_BEYOND = "1e999"


class Generated:
    """``strangeness`` is how many of a hundred values are none that the description knows."""

    def __init__(self, provider: str, seed: int, strangeness: int = 0) -> None:
        self.provider = provider
        self._contract = require_contract(provider)
        self._document: Json = json.loads((FOLDER / f"{provider}.openapi.json").read_text())
        self._seed = seed
        self._random = Random(seed)
        self._asked: Counter[str] = Counter()
        self._strangeness = strangeness
        self._bare = False
        self._odd: Json = {}
        self.exchanges: list[Exchange] = []

    @asynccontextmanager
    async def run(self) -> AsyncIterator[str]:
        """Yields its address."""
        async with serving(Recorded(self._answer, Faults(), self.exchanges)) as url:
            self._url = url
            yield url

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._made(self.exchanges[-1])
        await app(scope, receive, send)

    def _made(self, exchange: Exchange) -> ASGIApp:
        exchange.fault = "generated"
        found = self._contract.locate(exchange.method, exchange.raw_path)
        if found is None:
            return Response('{"message":"no such path"}', 404, media_type="application/json")
        # The same question gets the same answer in its turn, whatever is asked beside it.
        self._random = Random(f"{self._seed} {found} {self._asked[found]}")
        self._asked[found] += 1
        status, described = self._pick(self._at(found)["responses"])
        content = described.get("content", {})
        headers = self._headers(status)
        if not content:
            return Response(b"", status, headers=headers)
        media_type = "application/json" if "application/json" in content else min(content)
        self._bare = self._random.random() < 0.3
        self._odd = {}
        if self._strangeness and self._random.random() < 0.5:
            kind = self._random.choice(sorted(_ODD))
            self._odd = {kind: self._random.choice(_ODD[kind])}
        body = self._value(content[media_type].get("schema", {}), 0)
        text = json.dumps(body).replace('"\\uffff"', _BEYOND)
        return Response(text.encode(), status, headers=headers, media_type=media_type)

    def _pick(self, responses: Json) -> tuple[int, Json]:
        """Mostly a success."""
        successes = [each for each in responses if each[0] in "23" and each != "304"]
        others = [each for each in responses if each[0] in "45"]
        is_good = successes and (not others or self._random.random() < 0.9)
        status = self._random.choice(successes if is_good else others or ["default"])
        described = self._resolved(responses[status])
        return (500 if status == "default" else int(status)), described

    def _headers(self, status: int) -> dict[str, str]:
        if status in (301, 302, 307):
            return {"Location": self._random.choice((f"{self._url}/a.tar.gz", "http://[", "//"))}
        if self._random.random() < 0.1:
            return {"Link": f'<{self._url}/user/repos?page=2>; rel="next"'}
        return {}

    def _at(self, pointer: str) -> Json:
        value: Json = self._document
        for part in pointer.split("/")[1:]:
            value = value[part.replace("~1", "/").replace("~0", "~")]
        return value

    def _resolved(self, schema: Json) -> Json:
        while "$ref" in schema:
            schema = self._at(schema["$ref"].removeprefix("#"))
        return schema

    def _value(self, schema: Json, depth: int, name: str = "") -> Any:
        schema = self._resolved(schema)
        roll = self._random.random
        if self._strangeness and roll() * 100 < self._strangeness:
            return self._strange(schema)
        if schema.get("nullable") and roll() < (0.7 if self._bare else 0.2):
            return None
        if "enum" in schema:
            return self._random.choice(schema["enum"])
        if name in _NAMED and schema.get("type") == "string":
            return _NAMED[name]
        for key in ("oneOf", "anyOf"):
            if key in schema:
                chosen = self._value(self._random.choice(schema[key]), depth)
                return self._merged(schema, chosen, depth)
        if "allOf" in schema:
            made: Any = {}
            for each in schema["allOf"]:
                part = self._value(each, depth)
                made = (
                    {**made, **part} if isinstance(part, dict) and isinstance(made, dict) else part
                )
            return self._merged(schema, made, depth)
        return self._plain(schema, depth)

    def _merged(self, schema: Json, value: Any, depth: int) -> Any:
        if "properties" in schema and isinstance(value, dict):
            return {**self._object(schema, depth), **value}
        return value

    def _plain(self, schema: Json, depth: int) -> Any:
        kind = schema.get("type") or ("object" if "properties" in schema else "string")
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                least = 0 if self._bare or depth > _DEEP else 1
                count = self._random.randint(schema.get("minItems", 0) or least, 3 if least else 0)
                return [self._value(schema.get("items", {}), depth + 1) for _ in range(count)]
            case "boolean":
                return self._random.random() < 0.5
            case "integer" | "number":
                usual = (0, 1, 7, 1_793_000_000_000, schema.get("minimum", 2))
                return self._odd.get("number", self._random.choice(usual))
        if schema.get("format") == "date-time":
            return self._odd.get("time", "2026-11-01T12:00:00Z")
        return self._odd.get("text", self._text(schema))

    def _text(self, schema: Json) -> str:
        if "pattern" in schema or schema.get("minLength"):
            return "".join(self._random.choices("abcdefgh", k=schema.get("minLength", 20)))
        return self._random.choice(
            ("main", "a1b2", "octo/site", f"id-{self._random.randint(1, 9)}")
        )

    def _object(self, schema: Json, depth: int) -> Json:
        required = set(schema.get("required", ()))
        made = {}
        for name, each in schema.get("properties", {}).items():
            is_told = not (self._bare or depth > _DEEP) and self._random.random() < 0.8
            if name in required or is_told:
                made[name] = self._value(each, depth + 1, name)
        more = schema.get("additionalProperties")
        if isinstance(more, dict) and not self._bare and depth < _DEEP:
            made["some"] = self._value(more, depth + 1)
        return made

    def _strange(self, schema: Json) -> Any:
        """A value of the kind that is promised, or null, and yet none that anybody expects."""
        kind = schema.get("type")
        if self._random.random() < 0.3:
            return None
        if kind in ("integer", "number"):
            return self._random.choice(_NUMBERS)
        if kind == "array":
            return []
        if kind == "object" or "properties" in schema:
            return {"never_seen": 1}
        if kind == "boolean":
            return self._random.random() < 0.5
        if schema.get("format") == "date-time":
            return self._random.choice(_TIMES)
        return self._random.choice((*_TEXTS, "NEVER_SEEN"))
