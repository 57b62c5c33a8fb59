"""Bodies that cannot be used, sent to every operation that takes one: a problem names the field."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.api.conftest import SignUp
from tests.api.deployer import User
from tests.api.own_things import make_own_things

from autodeploy.api.application import describe
from autodeploy.api.bodies import MAXIMUM_DEPTH, check_json
from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.resources import Resources

JSON = "application/json"
MEGABYTE = 1024 * 1024

#: What is sent, as what; the status, and the field that is named.
BROKEN: list[tuple[str, bytes, str | None, int, str]] = [
    ("invalid JSON", b'{"name": ', JSON, 422, "body"),
    ("no JSON number", b'{"name": NaN}', JSON, 422, "body"),
    ("a number of 10,000 digits", b'{"name": ' + b"9" * 10_000 + b"}", JSON, 422, "body"),
    ("invalid UTF-8", b'{"name": "\xff\xfe"}', JSON, 422, "body"),
    ("UTF-16", '{"name": "x"}'.encode("utf-16"), JSON, 422, "body"),
    ("a duplicate key", b'{"name": "a", "name": "b"}', JSON, 422, "name"),
    ("a duplicate key inside", b'{"a": {"b": 1, "b": 1}}', JSON, 422, "b"),
    ("a lone surrogate", b'{"a": [{"name": "\\ud800"}]}', JSON, 422, "a.0.name"),
    ("a lone surrogate as a key", b'{"\\udfff": 1}', JSON, 422, "\\udfff"),
    ("an escaped NUL", b'{"name": "a\\u0000"}', JSON, 422, "name"),
    ("a NUL", b'{"name": "a\x00"}', JSON, 422, "body"),
    ("10,000 levels of lists", b"[" * 10_000 + b"]" * 10_000, JSON, 422, "body"),
    ("10,000 levels of objects", b'{"a":' * 10_000 + b"1" + b"}" * 10_000, JSON, 422, "body"),
    ("200 levels", b'{"a":' * 200 + b"1" + b"}" * 200, JSON, 422, "a"),
    ("10 MB", b'{"name": "' + b"x" * 10 * MEGABYTE + b'"}', JSON, 413, "body"),
    ("a form", b"name=x", "application/x-www-form-urlencoded", 415, "Content-Type"),
    ("text", b'{"name": "x"}', "text/plain", 415, "Content-Type"),
    ("no media type", b'{"name": "x"}', None, 415, "Content-Type"),
    ("a nonsensical media type", b'{"name": "x"}', ";;/", 415, "Content-Type"),
]


@pytest.fixture
async def known(client: httpx.AsyncClient, sign_up: SignUp, resources: Resources) -> dict[str, str]:
    user = User(client, await sign_up())
    names, token = await make_own_things(user, resources)
    return {**names, "provider": "cloud", "authorization": f"Bearer {token}"}


def _operations(app: FastAPI) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and the resolved schema of each operation with a JSON body."""
    document = describe(app)
    schemas = document["components"]["schemas"]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {})
            if JSON in content:
                schema = content[JSON]["schema"]
                [reference] = [
                    each["$ref"] for each in schema.get("anyOf", [schema]) if "$ref" in each
                ]
                yield method.upper(), path, schemas[reference.rpartition("/")[2]]


async def _send(
    client: httpx.AsyncClient, known: dict[str, str], method: str, path: str, body: bytes,
    media_type: str | None,
) -> httpx.Response:  # fmt: skip
    headers = {"Authorization": known["authorization"]}
    if media_type is not None:
        headers["Content-Type"] = media_type
    return await client.request(method, path.format(**known), content=body, headers=headers)


async def test_a_broken_body_is_refused_by_every_operation(app, client, known):
    operations = list(_operations(app))
    assert len(operations) >= 10
    for name, body, media_type, status, field in BROKEN:
        for method, path, _ in operations:
            answer = await _send(client, known, method, path, body, media_type)
            problem = answer.json()
            where = f"{name}: {method} {path}: {answer.text}"
            assert (answer.status_code, problem["field"]) == (status, field), where
            assert answer.headers["content-type"] == "application/problem+json"
            assert problem["remedy"], where


async def test_each_operation_names_the_fields_that_it_does_not_know(app, client, known):
    for method, path, schema in _operations(app):
        if schema.get("required") and schema.get("additionalProperties"):
            continue  # what is missing is said first; test_versions.py sends the whole body
        answer = await _send(client, known, method, path, b'{"nothingLikeThis": 1}', JSON)
        problem = answer.json()
        named = {problem.get("field")} | {each["field"] for each in problem.get("errors", [])}
        assert answer.status_code == 422, f"{method} {path}: {answer.text}"
        assert "nothingLikeThis" in named, f"{method} {path}: {answer.text}"


async def test_each_field_of_each_operation_is_named_when_its_value_is_of_no_use(
    app, client, known
):
    tried = 0
    for method, path, schema in _operations(app):
        for field in schema["properties"]:
            for value in ([[[]]], "x" * MEGABYTE, 10**30, -1.5, {"no": {"such": "thing"}}):
                body = json.dumps({field: value}).encode()
                answer = await _send(client, known, method, path, body, JSON)
                problem = answer.json()
                named = [each["field"] for each in problem.get("errors", [])]
                named.append(problem.get("field") or "")
                assert answer.status_code == 422, f"{method} {path} {field}: {answer.text[:500]}"
                assert any(each.split(".")[0] == field for each in named), f"{path} {field} {named}"
                assert len(answer.content) < 10_000, "what was sent is not repeated"
                tried += 1
    assert tried > 100


def test_a_body_of_every_permitted_depth_is_read() -> None:
    def nested(levels: int) -> bytes:
        return b"[" * levels + b"]" * levels

    check_json(nested(MAXIMUM_DEPTH))
    with pytest.raises(InvalidInput):
        check_json(nested(MAXIMUM_DEPTH + 1))
