"""All that is encrypted is declared, so that it moves to a new key with the rest."""

import ast
from pathlib import Path

from tests.architecture.source import SOURCE, calls

from autodeploy.kernel.vault.columns import sealed_columns
from autodeploy.migrations.models import METADATA, MODULES

#: What looks like a sealed column and is none: a password is hashed, never opened.
HASHED = {"users.encrypted_password"}

#: What seals values of the cache, which are gone in minutes: under a key that was replaced and
#: retired meanwhile they count as lost.
OF_THE_CACHE = "services/auth/attempts.py:"


def test_schema_knows_the_tables_of_every_service():
    there = {path.parent.relative_to(SOURCE) for path in SOURCE.glob("services/**/models.py")}
    known = {Path(*module.__name__.split(".")[1:-1]) for module in MODULES}
    assert known == there


def test_each_column_that_looks_sealed_says_where_its_values_belong():
    named = {
        f"{table.name}.{column.name}"
        for table in METADATA.tables.values()
        for column in table.columns
        if column.name.startswith("encrypted_") or column.name == "refresh_token"
    }
    assert named - HASHED == {str(column) for column in sealed_columns(METADATA)}


def test_each_use_of_the_vault_names_a_sealed_column():
    """A value that is sealed beside the declared columns would not move to a new key."""
    outside = [
        place
        for place, call in calls()
        if not place.startswith(OF_THE_CACHE)
        and getattr(call.func, "attr", "") in {"encrypt_for", "decrypt_for", "encrypt", "decrypt"}
        and "vault" in ast.unparse(call.func)
        and not any(
            keyword.arg == "context" and getattr(keyword.value, "attr", "") == "context"
            for keyword in call.keywords
        )
    ]
    assert outside == []


def test_place_is_unlike_that_of_any_other_row():
    """The templates of a column name all columns of a key that is unique."""
    for column in sealed_columns(METADATA):
        seal = column.info["seal"]
        named = {
            each.name
            for each in column.table.columns
            if f"{{{each.name}}}" in seal.subject + seal.context
        }
        unique = [set(column.table.primary_key.columns.keys())] + [
            {each.name for each in constraint.columns}
            for constraint in column.table.constraints
            if type(constraint).__name__ == "UniqueConstraint"
        ]
        assert any(names <= named for names in unique), column
        assert column.table.name in seal.context
