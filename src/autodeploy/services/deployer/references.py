"""References in the values of variables.

``${{ KEY }}`` stands for another variable of the environment, ``${{ databases.main.url }}`` for a
part of one of its databases, ``${{ projects.shop.url }}`` for the address of another project of
the organization in the environment of that name. ``$${{`` is a literal ``${{``.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote, urlsplit

from autodeploy.kernel.errors import InvalidInput

_OPEN = re.compile(r"\$\$\{\{|\$\{\{")
_CLOSE = "}}"
_LONGEST = 300
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SLUG = re.compile(r"[a-z0-9-]+")
_REDIS_PORT = 6379
_POSTGRESQL_PORT = 5432


class DatabasePart(StrEnum):
    """What may be asked of a database."""

    URL = "url"
    HOST = "host"
    PORT = "port"
    USER = "user"
    PASSWORD = "password"  # noqa: S105 - the name of a part
    NAME = "name"

    @property
    def is_secret(self) -> bool:
        return self in (DatabasePart.URL, DatabasePart.PASSWORD)

    def of(self, url: str) -> str:
        """This part of a connection string."""
        parts = urlsplit(url)
        match self:
            case DatabasePart.URL:
                return url
            case DatabasePart.HOST:
                return parts.hostname or ""
            case DatabasePart.PORT:
                usual = _REDIS_PORT if parts.scheme.startswith("redis") else _POSTGRESQL_PORT
                return str(parts.port or usual)
            case DatabasePart.USER:
                return unquote(parts.username or "")
            case DatabasePart.PASSWORD:
                return unquote(parts.password or "")
            case DatabasePart.NAME:
                return unquote(parts.path.removeprefix("/"))


@dataclass(frozen=True)
class VariableReference:
    key: str


@dataclass(frozen=True)
class DatabaseReference:
    name: str
    part: DatabasePart


@dataclass(frozen=True)
class ProjectReference:
    slug: str


Reference = VariableReference | DatabaseReference | ProjectReference
Template = tuple[str | Reference, ...]


def parse(value: str, *, field: str = "value") -> Template:
    """The texts and references that a value consists of, in their order.

    Raises:
        InvalidInput: what stands in ``${{ … }}`` is no reference, or it is not closed.
    """
    parts: list[str | Reference] = []
    position = 0
    while (opened := _OPEN.search(value, position)) is not None:
        parts.append(value[position : opened.start()])
        position = opened.end()
        if opened[0].startswith("$$"):
            parts.append("${{")
            continue
        end = value.find(_CLOSE, position, position + _LONGEST)
        if end < 0:
            raise _invalid("A reference in it is not closed with }}.", field)
        parts.append(_reference(value[position:end].strip(), field))
        position = end + len(_CLOSE)
    parts.append(value[position:])
    return tuple(part for part in parts if part != "")


def references_of(template: Template) -> list[Reference]:
    """The references alone."""
    return [part for part in template if not isinstance(part, str)]


def _reference(text: str, field: str) -> Reference:
    words = text.split(".")
    match words:
        case [key] if _KEY.fullmatch(key):
            return VariableReference(key)
        case ["databases", name, part] if part in set(DatabasePart):
            return DatabaseReference(name, DatabasePart(part))
        case ["projects", slug, "url"] if _SLUG.fullmatch(slug):
            return ProjectReference(slug)
    raise _invalid("What stands in ${{ }} is no reference.", field)


def _invalid(message: str, field: str) -> InvalidInput:
    return InvalidInput(
        message,
        field=field,
        remedy="Write ${{ KEY }}, ${{ databases.main.url }} (or host, port, user, password, name) "
        "or ${{ projects.SLUG.url }}; $${{ stands for a literal ${{.",
    )
