"""The providers' own OpenAPI descriptions, and what of an exchange they do not allow.

A request is held to them strictly: a parameter, header or field that is not described fails, and
so does one that is required and missing. An answer of a fake may invent nothing either, except
where a test had it fail in some way.

The descriptions are no part of the project: ``AUTODEPLOY_CONTRACTS`` names their folder.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from openapi_schema_validator import OAS30Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4
from tests.fakes.schemas import BASE, strict_document
from tests.fakes.server import Exchange

FOLDER = Path(os.environ.get("AUTODEPLOY_CONTRACTS", "../shared/providers"))

#: What clients and servers say to each other below any API.
_TRANSPORT = {"accept", "accept-encoding", "authorization", "connection", "content-length",
              "content-type", "host", "if-none-match", "transfer-encoding", "user-agent",
              "x-github-api-version"}  # fmt: skip
#: What any call may be answered with, whether it is described or not.
_ANYWHERE = {401, 403, 404, 422, 429, *range(500, 600)}
#: Calls whose answers a description leaves out, though they have a body: the rows of SQL.
_UNTOLD = {"/paths/~1v1~1projects~1{ref}~1database~1query/post"}
#: Paths that a description leaves out, and what they are alike. GitHub's redirects of a renamed
#: repository lead to its number.
_ALIASES = {"github": (re.compile(r"/repositories/\d+"), "/repos/owner/name")}

Json = dict[str, Any]


class Contract:
    """The description of one provider, compiled as it is used."""

    def __init__(self, provider: str, document: Json):
        self.provider = provider
        self._document = strict_document(document)
        resource = Resource.from_contents(self._document, default_specification=DRAFT4)
        self._registry: Registry[Any] = Registry().with_resource(BASE, resource)
        self._compiled: dict[str, OAS30Validator] = {}

    def violations(self, exchange: Exchange) -> list[str] | None:
        """What of an exchange is not allowed; None when the path is not described."""
        found = self._find(exchange.method, exchange.raw_path)
        if found is None:
            return None
        operation, at, values = found
        where = f"{exchange.method} {exchange.path}"
        said = [
            *self._parameters(operation, at, values, exchange),
            *self._request(operation, at, exchange),
            *self._accepted(operation, exchange),
            *(() if exchange.fault else self._response(operation, at, exchange)),
        ]
        return [f"{where}: {each}" for each in said]

    @cached_property
    def _paths(self) -> list[tuple[re.Pattern[str], str]]:
        """Those with the fewest values first: ``/user`` is not ``/{name}``."""
        templates = sorted(self._document["paths"], key=lambda each: each.count("{"))
        return [(re.compile(_pattern(template)), template) for template in templates]

    def locate(self, method: str, raw_path: str) -> str | None:
        """Where the operation stands in the description, as a JSON pointer."""
        found = self._find(method, raw_path)
        return None if found is None else found[1]

    def _find(self, method: str, path: str) -> tuple[Json, str, dict[str, str]] | None:
        if self.provider in _ALIASES:
            alias, alike = _ALIASES[self.provider]
            path = alias.sub(alike, path)
        method = method.lower()
        for pattern, template in self._paths:
            matched = pattern.fullmatch(path)
            operation = self._document["paths"][template].get(method)
            if matched and operation:
                names = re.findall(r"\{([^}]+)\}", template)
                values = dict(zip(names, map(unquote, matched.groups()), strict=True))
                return operation, f"/paths/{_escaped(template)}/{method}", values
        return None

    def _parameters(
        self, operation: Json, at: str, path_values: dict[str, str], exchange: Exchange
    ) -> Iterator[str]:
        described = {}
        for index, each in enumerate(operation.get("parameters", [])):
            parameter, pointer = self._resolve(each, f"{at}/parameters/{index}")
            name = parameter["name"]
            key = name.lower() if parameter["in"] == "header" else name
            described[parameter["in"], key] = (parameter, pointer)
        query = parse_qsl(exchange.query, keep_blank_values=True)
        sent = [
            *(("path", name, value) for name, value in path_values.items()),
            *(("query", name, value) for name, value in query),
            *(("header", name, value) for name, value in exchange.request_headers.items()),
        ]
        for place, name, value in sent:
            if (place, name) in described:
                parameter, pointer = described[place, name]
                yield from self._value(parameter, f"{pointer}/schema", name, value)
            elif place == "query" or (place == "header" and name not in _TRANSPORT):
                yield f"the {place} parameter {name} is not described"
        given = {(place, name) for place, name, _ in sent}
        for key, (parameter, _) in described.items():
            if parameter.get("required") and key not in given:
                yield f"the {key[0]} parameter {key[1]} is missing"

    def _value(self, parameter: Json, pointer: str, name: str, value: str) -> Iterator[str]:
        schema, pointer = self._resolve(parameter["schema"], pointer)
        for error in self._errors(pointer, _typed(schema, value)):
            yield f"the parameter {name}{error}"

    def _request(self, operation: Json, at: str, exchange: Exchange) -> Iterator[str]:
        if "requestBody" not in operation:
            if exchange.request_body:
                yield "a body is sent where none is described"
            return
        described, pointer = self._resolve(operation["requestBody"], f"{at}/requestBody")
        sent = exchange.request_headers.get("content-type", "").partition(";")[0]
        content = described["content"]
        if not exchange.request_body and not described.get("required"):
            return
        if not exchange.request_body:
            yield "a body is required"
            return
        if sent not in content:
            yield f"sent as {sent or 'nothing'}, not as {' or '.join(content)}"
            return
        body = _parsed(exchange.request_body, sent)
        if body is not None:
            for error in self._errors(f"{pointer}/content/{_escaped(sent)}/schema", body):
                yield f"request{error}"

    def _accepted(self, operation: Json, exchange: Exchange) -> Iterator[str]:
        """A server that was made of the description answers in no other form than it has."""
        accept = exchange.request_headers.get("accept", "*/*").split(",")
        accepted = {each.partition(";")[0].strip() for each in accept}
        for status, each in operation["responses"].items():
            described = self._resolve(each, "")[0].get("content", {})
            if status[0] == "2" and described and not accepted & {"*/*", *described}:
                yield f"{status} is described as {' or '.join(described)}, which is not accepted"

    def _response(self, operation: Json, at: str, exchange: Exchange) -> Iterator[str]:
        received = exchange.response_headers.get("content-type", "").partition(";")[0]
        if received == "text/html":
            return  # a page for people is not described, only where it leads
        if exchange.status == 304 and "if-none-match" in exchange.request_headers:
            return  # GitHub answers it to any conditional GET, and describes it for some
        status = str(exchange.status)
        described = operation["responses"].get(status)
        default = operation["responses"].get("default")
        # Errors that are named without a body have that of all errors.
        if exchange.status >= 400 and default and not (described or {}).get("content"):
            status, described = "default", default
        if described is None:
            if exchange.status not in _ANYWHERE:
                yield f"the status {status} is not described"
            return
        described, pointer = self._resolve(described, f"{at}/responses/{status}")
        content = described.get("content", {})
        if not content:
            if exchange.response_body and at not in _UNTOLD:
                yield f"{status} has a body"
            return
        if received not in content:
            yield f"answered as {received}, not as {' or '.join(content)}"
            return
        lines = received == "application/stream+json"
        bodies = exchange.response_body.splitlines() if lines else [exchange.response_body]
        for each in bodies:
            body = _parsed(each, received)
            if body is not None:
                for error in self._errors(f"{pointer}/content/{_escaped(received)}/schema", body):
                    yield f"response {status}{error}"

    def _resolve(self, value: Json, pointer: str) -> tuple[Json, str]:
        while "$ref" in value:
            pointer = value["$ref"].removeprefix(BASE).removeprefix("#")
            value = self._document
            for part in pointer.split("/")[1:]:
                value = value[part.replace("~1", "/").replace("~0", "~")]
        return value, pointer

    def _errors(self, pointer: str, instance: object) -> Iterator[str]:
        validator = self._compiled.get(pointer)
        if validator is None:
            schema = {"$ref": f"{BASE}#{pointer}"}
            validator = OAS30Validator(schema, registry=self._registry)
            self._compiled[pointer] = validator
        for error in validator.iter_errors(instance):
            yield f" at {error.json_path}: {error.message[:300]}"


@cache
def find_contract(provider: str) -> Contract | None:
    """The description of a provider, None where it is absent."""
    path = FOLDER / f"{provider}.openapi.json"
    return Contract(provider, json.loads(path.read_text())) if path.is_file() else None


def require_contract(provider: str) -> Contract:
    """The description of a provider. Where it is absent the test is skipped; in CI it fails."""
    contract = find_contract(provider)
    if contract is None:
        reason = f"{FOLDER} holds no description of {provider}; AUTODEPLOY_CONTRACTS names another"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return contract


def hold(provider: str, exchanges: Iterable[Exchange]) -> None:
    """Fail with all that the description does not allow; nothing is held where it is absent."""
    contract = find_contract(provider)
    if contract is None:
        return
    found = []
    for exchange in exchanges:
        violations = contract.violations(exchange)
        if violations is None:
            found.append(f"{exchange.method} {exchange.path} is not described")
        else:
            found += violations
    assert not found, "\n".join(found[:20])


def _pattern(template: str) -> str:
    """Values hold no slash, except those that are paths themselves."""
    parts = re.split(r"(\{[^}]+\})", template)
    return "".join(
        "(.+)" if each == "{path}" else "([^/]+)" if each.startswith("{") else re.escape(each)
        for each in parts
    )


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _typed(schema: Json, value: str) -> object:
    """A value of a query or path, as what it stands for."""
    kind = schema.get("type")
    try:
        if kind in ("integer", "number"):
            return int(value) if kind == "integer" else float(value)
    except ValueError:
        return value
    if kind == "boolean":
        return {"true": True, "false": False}.get(value, value)
    if kind == "array":
        return [_typed(schema.get("items", {}), each) for each in value.split(",")]
    return value


def _parsed(body: bytes, media_type: str) -> object:
    """The body as what a schema speaks of; None where it is no JSON and no form."""
    if media_type == "application/x-www-form-urlencoded":
        return dict(parse_qsl(body.decode()))
    if media_type == "application/json" or media_type.endswith("+json"):
        return json.loads(body)
    return None
