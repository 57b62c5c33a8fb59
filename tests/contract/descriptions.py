"""The providers' own OpenAPI descriptions, and what they say of recorded exchanges."""

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from openapi_schema_validator import OAS30Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4
from tests.fakes.server import Exchange

FOLDER = Path(os.environ.get("AUTODEPLOY_CONTRACTS", "../shared/providers"))


@cache
def _read(provider: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FOLDER / f"{provider}.openapi.json").read_text())
    return document


def description(provider: str) -> dict[str, Any]:
    """The description of a provider. Where it is absent the test is skipped; in CI it fails."""
    if not (FOLDER / f"{provider}.openapi.json").is_file():
        reason = f"{FOLDER} holds no description of {provider}; AUTODEPLOY_CONTRACTS names another"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return _read(provider)


def violations(provider: str, exchange: Exchange) -> list[str] | None:
    """What of an exchange the description does not allow; None when it does not cover the path."""
    document = description(provider)
    template = next(
        (
            template
            for template in document["paths"]
            if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), exchange.path)
        ),
        None,
    )
    operation = document["paths"].get(template, {}).get(exchange.method.lower())
    if template is None or operation is None:
        return None
    where = f"{exchange.method} {exchange.path}"
    found = [f"{where}: {each}" for each in _parameters(document, operation, exchange)]
    at = ["paths", template, exchange.method.lower()]
    if "requestBody" in operation:
        (media_type,) = operation["requestBody"]["content"]
        sent = exchange.request_headers.get("content-type", "").partition(";")[0]
        if sent != media_type:
            found.append(f"{where}: sent as {sent}, not {media_type}")
        body = _parse(exchange.request_body, media_type)
        schema = [*at, "requestBody", "content", media_type, "schema"]
        found += [f"{where} request: {each}" for each in _errors(provider, schema, body)]
    if exchange.response_body.startswith(b"<!doctype html>"):
        return found  # a page for people, which is not described, only where it leads
    answer = operation["responses"].get(str(exchange.status))
    if answer is None:
        return [*found, f"{where}: the status {exchange.status} is not described"]
    content = answer.get("content", {})
    if "application/json" in content:
        schema = [*at, "responses", str(exchange.status), "content", "application/json", "schema"]
        body = json.loads(exchange.response_body)
        found += [f"{where} response: {each}" for each in _errors(provider, schema, body)]
    return found


def _parameters(
    document: dict[str, Any], operation: dict[str, Any], exchange: Exchange
) -> list[str]:
    known = set()
    for each in operation.get("parameters", []):
        name = each.get("$ref", "").rpartition("/")[2]
        found = document["components"]["parameters"][name] if name else each
        known.add(found["name"])
    return [
        f"unknown parameter {name}" for name, _ in parse_qsl(exchange.query) if name not in known
    ]


def _parse(body: bytes, media_type: str) -> object:
    if media_type == "application/x-www-form-urlencoded":
        return dict(parse_qsl(body.decode()))
    return json.loads(body)


def _errors(provider: str, path: list[str], instance: object) -> list[str]:
    resource = Resource.from_contents(_read(provider), default_specification=DRAFT4)
    registry: Registry[Any] = Registry().with_resource("urn:description", resource)
    pointer = "/".join(part.replace("~", "~0").replace("/", "~1") for part in path)
    validator = OAS30Validator({"$ref": f"urn:description#/{pointer}"}, registry=registry)
    return [f"{error.json_path} {error.message}" for error in validator.iter_errors(instance)]
