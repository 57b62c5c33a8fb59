"""Sealed columns: each says in its model whose key it is under and what it is bound to.

That declaration is the one list of what is encrypted: callers seal and open with it, and the
rotation of the master key walks over it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Column, MetaData, Text
from sqlalchemy.orm import InstrumentedAttribute, MappedColumn, mapped_column

_SEAL = "seal"


class Place(NamedTuple):
    """Whose key a value is under, and what else it is bound to."""

    subject: str
    context: str


@dataclass(frozen=True)
class Seal:
    """Templates over the columns of the same row, which together are unlike those of any other
    row: a ciphertext that is copied elsewhere does not open there."""

    subject: str
    context: str

    def of(self, row: Mapping[str, Any]) -> Place:
        """The place of a row; ``row`` needs only the columns that the templates name."""
        return Place(self.subject.format_map(row), self.context.format_map(row))


def sealed(subject: str, context: str, *, name: str | None = None) -> MappedColumn[Any]:
    """A column of ciphertexts: ``sealed("user:{user_id}", "totp:{id}")``."""
    return mapped_column(name, Text(), info={_SEAL: Seal(subject, context)})


def place_of(attribute: InstrumentedAttribute[Any], **row: object) -> Place:
    """Where the value of a sealed column belongs, in the row that has these columns."""
    column: Column[Any] = attribute.property.columns[0]
    return seal_of(column).of(row)


def seal_of(column: Column[Any]) -> Seal:
    """What the column's values are bound to. Raises ``KeyError`` for one that is not sealed."""
    seal: Seal = column.info[_SEAL]
    return seal


def sealed_columns(metadata: MetaData) -> Iterator[Column[Any]]:
    """Every sealed column of the models that are imported, in a fixed order."""
    for _, table in sorted(metadata.tables.items()):
        yield from (column for column in table.columns if _SEAL in column.info)
