"""The kinds of databases that Render has, as data: PostgreSQL, and Key Value, which is Valkey.

Their calls are the same but for what stands here (Render's OpenAPI description, 2026-08-21).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from autodeploy.providers.manifests import DatabaseEngine

_KEY_VALUE_ID = "red-"


@dataclass(frozen=True)
class DatabaseKind:
    """One kind of databases.

    Attributes:
        path: below which its calls are.
        item: under which name the lists have one, and the notes its id.
        one_free: what to do where there is a free one already.
        free_warning: what there is to know of a free one, of which Render does not tell.
        settings: what is set in one that is made, beside what every kind has.
        listing: what a list is asked for beside the workspace and the name.
    """

    path: str
    item: str
    one_free: str
    free_warning: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    listing: Mapping[str, str] = field(default_factory=dict)


POSTGRES = DatabaseKind(
    path="/postgres",
    item="postgres",
    one_free="A workspace has one free database at Render: choose another plan, or remove the "
    "other one.",
    settings={"version": "17"},
    listing={"includeReplicas": "false"},
)
KEY_VALUE = DatabaseKind(
    path="/key-value",
    item="keyValue",
    one_free="A workspace has one free Key Value at Render: choose another plan, or remove the "
    "other one.",
    free_warning="Render keeps what is in a free Key Value in memory alone: a restart loses it.",
)
KINDS = {DatabaseEngine.POSTGRESQL: POSTGRES, DatabaseEngine.REDIS: KEY_VALUE}


def engine_of(external_id: str) -> DatabaseEngine:
    """The engine of a database, by Render's id of it."""
    is_key_value = external_id.startswith(_KEY_VALUE_ID)
    return DatabaseEngine.REDIS if is_key_value else DatabaseEngine.POSTGRESQL


def kind_of(external_id: str) -> DatabaseKind:
    """The kind of a database, by Render's id of it."""
    return KINDS[engine_of(external_id)]
