from pathlib import Path

import pytest

from autodeploy.api.application import describe
from autodeploy.api.public import PAGES, PUBLIC_ROUTES
from autodeploy.app import openapi_text

DESCRIPTION = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"


@pytest.fixture
def document(app):
    return describe(app)


def _operations(document):
    for template, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), template, operation


def test_the_committed_description_is_in_step():
    # Otherwise run: python -m autodeploy.app docs/reference/openapi.json
    assert DESCRIPTION.read_text() == openapi_text()


def test_it_is_openapi_3_1(document):
    assert document["openapi"].startswith("3.1")


def test_each_operation_has_an_id_of_its_own_that_is_not_generated(document):
    ids = [operation["operationId"] for _, _, operation in _operations(document)]
    assert len(ids) == len(set(ids))
    assert all("_" not in name for name in ids)


def test_each_answer_with_a_body_declares_its_schema(document):
    for method, template, operation in _operations(document):
        for status, response in operation["responses"].items():
            if status in {"204", "304"} or template == "/metrics":
                continue
            (content,) = response["content"].values()
            assert content["schema"].keys() & {"$ref", "anyOf"}, f"{method} {template} {status}"


def test_each_operation_describes_problems(document):
    for _, _, operation in _operations(document):
        content = operation["responses"]["default"]["content"]
        assert content == {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        }


def test_exactly_the_public_operations_need_no_credential(document):
    public = {
        (method, template)
        for method, template, operation in _operations(document)
        if operation["security"] == []
    }
    assert public == PUBLIC_ROUTES - PAGES


def test_every_reference_resolves(document):
    def references(value):
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            for inner in value.values():
                yield from references(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from references(inner)

    names = {reference.removeprefix("#/components/schemas/") for reference in references(document)}
    assert names == set(document["components"]["schemas"])


def test_no_two_schemas_share_a_name(document):
    # Those that did would be told apart by the modules they are in.
    assert [name for name in document["components"]["schemas"] if "__" in name] == []


async def test_the_description_is_served_to_callers_with_a_credential(client, sign_up):
    answer = await client.get("/openapi.json", headers=await sign_up())
    assert answer.json()["info"]["title"] == "AutoDeploy"
