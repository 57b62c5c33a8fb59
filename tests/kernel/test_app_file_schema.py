"""The committed schema of ``autodeploy.toml`` is in step with what is accepted."""

import json
from pathlib import Path

from autodeploy.kernel.app_file import AppFile, DeclaredVariable
from autodeploy.kernel.app_file_schema import schema_text

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def test_the_committed_schema_is_in_step() -> None:
    # Otherwise run:
    # python -m autodeploy.kernel.app_file_schema docs/reference/autodeploy-toml.schema.json
    assert (REFERENCE / "autodeploy-toml.schema.json").read_text() == schema_text()


def test_each_key_is_described_in_schema_and_reference() -> None:
    schema = json.loads(schema_text())
    page = (REFERENCE / "autodeploy-toml.md").read_text()
    for properties, model in (
        (schema["properties"], AppFile),
        (schema["$defs"]["DeclaredVariable"]["properties"], DeclaredVariable),
    ):
        assert properties.keys() == model.model_fields.keys()
        for key, property_ in properties.items():
            assert property_["description"]
            assert "anyOf" not in property_
            assert f"`{key}`" in page or f"[{key}" in page, key


def test_unknown_keys_and_names_are_refused_by_the_schema() -> None:
    schema = json.loads(schema_text())
    assert schema["additionalProperties"] is False
    assert schema["properties"]["workers"]["propertyNames"]["pattern"]
    assert "null" not in schema_text()
