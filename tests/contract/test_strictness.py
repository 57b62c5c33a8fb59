"""What is held against a description is held strictly."""

import json

import pytest
from starlette.datastructures import Headers
from tests.fakes import contract
from tests.fakes.contract import Contract, find_contract, require_contract
from tests.fakes.server import Exchange

THING = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "owner": {"$ref": "#/components/schemas/owner"},
        "note": {"nullable": True, "oneOf": [{"type": "string"}, {"type": "integer"}]},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
DESCRIPTION = {
    "paths": {
        "/things/{id}": {
            "put": {
                "parameters": [
                    {"$ref": "#/components/parameters/id"},
                    {"name": "limit", "in": "query", "required": True,
                     "schema": {"type": "integer", "maximum": 100}},
                    {"name": "X-Digest", "in": "header", "schema": {"type": "string"}},
                ],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {
                        "schema": {"$ref": "#/components/schemas/built"}}},
                },
                "responses": {
                    "200": {"content": {"application/json": {
                        "schema": {"$ref": "#/components/schemas/thing"}}}},
                    "204": {},
                },
            }
        },
        "/things/mine": {"get": {"responses": {"204": {}}}},
    },
    "components": {
        "parameters": {"id": {"name": "id", "in": "path", "required": True,
                              "schema": {"type": "integer"}}},
        "schemas": {
            "thing": THING,
            "owner": {"type": "object", "properties": {"name": {"type": "string"}}},
            "built": {"allOf": [{"$ref": "#/components/schemas/thing"},
                                {"properties": {"more": {"type": "boolean"}}}]},
        },
    },
}  # fmt: skip


def _exchange(**changes: object) -> Exchange:
    told = {
        "method": "PUT", "path": "/things/7", "query": "limit=5", "headers": {},
        "body": {"id": 1}, "status": 200, "answer": {"id": 1}, "fault": None, **changes,
    }  # fmt: skip
    headers = {"Content-Type": "application/json", "Authorization": "x", **told["headers"]}
    return Exchange(
        told["method"], told["path"], told["path"], told["query"], Headers(headers),
        b"" if told["body"] is None else json.dumps(told["body"]).encode(), told["status"],
        Headers({"content-type": "application/json"}),
        b"" if told["answer"] is None else json.dumps(told["answer"]).encode(), told["fault"],
    )  # fmt: skip


def _violations(**changes: object) -> list[str] | None:
    return Contract("acme", DESCRIPTION).violations(_exchange(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"headers": {"X-Digest": "abc", "User-Agent": "x"}},
        {"headers": {"Accept": "application/vnd.acme+json, application/json;q=0.9"}},
        {"body": {"id": 1, "more": True, "owner": {"name": "a"}, "labels": {"any": "x"}}},
        {"body": {"id": 1, "note": None}},
        {"status": 204, "answer": None},
        {"status": 404, "answer": {"message": "what errors are like"}},
        {"fault": "nulls", "answer": {"id": None}},
    ],
)
def test_what_is_described_is_allowed(changes):
    assert _violations(**changes) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"path": "/things/seven"}, "parameter id"),
        ({"query": ""}, "query parameter limit is missing"),
        ({"query": "limit=500"}, "parameter limit"),
        ({"query": "limit=many"}, "parameter limit"),
        ({"query": "limit=5&page=2"}, "query parameter page is not described"),
        ({"headers": {"X-Other": "1"}}, "header parameter x-other is not described"),
        ({"headers": {"Content-Type": "text/plain"}}, "sent as text/plain"),
        ({"headers": {"Accept": "application/vnd.acme+json"}}, "which is not accepted"),
        ({"body": None}, "a body is required"),
        ({"body": {}}, "'id' is a required property"),
        ({"body": {"id": 1, "nmae": "x"}}, "'nmae' was unexpected"),
        ({"body": {"id": 1, "owner": {"name": "x", "age": 1}}}, "'age' was unexpected"),
        ({"body": {"id": 1, "tags": "x"}}, "$.tags"),
        ({"body": {"id": 1, "labels": {"any": 1}}}, "$.labels"),
        ({"status": 201}, "status 201 is not described"),
        ({"answer": {"id": "x"}}, "response 200 at $.id"),
        ({"answer": {"id": 1, "invented": 1}}, "'invented' was unexpected"),
        ({"answer": {"id": 1, "tags": None}}, "response 200 at $.tags"),
        ({"status": 204}, "204 has a body"),
        ({"method": "GET", "path": "/things/mine", "query": "", "status": 204, "answer": None},
         "a body is sent"),
    ],
)  # fmt: skip
def test_what_is_not_described_is_named(changes, said):
    violations = _violations(**changes)
    assert violations
    assert said in "\n".join(violations)


def test_a_path_without_values_comes_before_one_with_them():
    told = _violations(method="GET", path="/things/mine", query="", body=None, status=204,
                       answer=None)  # fmt: skip
    assert told == []


def test_a_path_that_is_not_described_is_told_apart():
    assert _violations(path="/other") is None
    assert _violations(path="/things/7/8") is None


def test_without_descriptions_a_test_is_skipped_and_in_ci_it_fails(monkeypatch, tmp_path):
    monkeypatch.setattr(contract, "FOLDER", tmp_path)
    find_contract.cache_clear()
    try:
        monkeypatch.delenv("CI", raising=False)
        with pytest.raises(pytest.skip.Exception, match="AUTODEPLOY_CONTRACTS"):
            require_contract("github")
        monkeypatch.setenv("CI", "true")
        with pytest.raises(pytest.fail.Exception, match="AUTODEPLOY_CONTRACTS"):
            require_contract("github")
    finally:
        find_contract.cache_clear()
