"""What a service answered, and how it is read."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar, cast, get_origin

from pydantic import TypeAdapter, ValidationError

from autodeploy.kernel.http.errors import OutcomeUnknown, ProviderUnavailable

Shape = TypeVar("Shape")

#: Stands in a text for what no text has in it.
REPLACEMENT = "\ufffd"
# Half of a character, and the one that no database takes.
_ESCAPES = re.compile(r"\\u(d[89a-f]|0000)", re.IGNORECASE)
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class Answer:
    """What a service answered. ``service`` is its name, for messages.

    The text of an answer shows neither headers, body nor address, which may hold secrets.
    """

    service: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    url: str = field(repr=False)

    def read(self, shape: type[Shape]) -> Shape:
        """The JSON body as ``shape``: a model, or a ``list`` of one, which is empty for null.

        Raises ``ProviderUnavailable``, which names the fields that are wrong and quotes nothing.
        """
        body = self.json()
        if body is None and get_origin(shape) is list:
            body = []
        try:
            value: Shape = _reader(cast(Any, shape)).validate_python(body)
            return value
        except ValidationError as error:
            names = {str(part) for item in error.errors() for part in item["loc"][:2]}
            fields = ", ".join(sorted(name for name in names if name.isidentifier()))
            wrong = f"{fields or 'the body'} is missing or of another form"
        raise self.unusable(wrong)

    def read_each(self, shape: type[Shape]) -> list[Shape]:
        """The items of a JSON list, but for those of another form: where one that is left out does
        no harm, and a whole list that cannot be read does. Raises ``ProviderUnavailable``."""
        reader, found = _reader(cast(Any, shape)), []
        for item in self.read(list[Any]):
            with suppress(ValidationError):
                found.append(reader.validate_python(item))
        return found

    def json(self) -> object:
        """The JSON body. Raises ``ProviderUnavailable``."""
        try:
            return parsed(self.body)
        except (ValueError, RecursionError):
            pass
        raise self.unusable("what it sent is not JSON")

    def unusable(self, why: str, *, applied: bool = False) -> ProviderUnavailable:
        """The error of an answer that makes no sense; ``applied`` when the call may have been."""
        kind = OutcomeUnknown if applied else ProviderUnavailable
        return kind(
            f"{self.service} gave an answer that cannot be used (HTTP {self.status}): {why}.",
            remedy="Try again in a moment. If it stays, the operator checks the address that the "
            "settings name for it.",
        )


def parsed(data: bytes) -> object:
    """JSON as UTF-8, whose texts can be stored and sent on: JSON may have in them what no text has.

    Raises ``ValueError`` and ``RecursionError``.
    """
    text = data.decode("utf-8-sig")
    value = json.loads(text)
    return _mended(value) if _ESCAPES.search(text) else value


def _mended(value: object) -> object:
    if isinstance(value, str):
        return _NO_TEXT.sub(REPLACEMENT, value)
    if isinstance(value, list):
        return [_mended(each) for each in value]
    if isinstance(value, dict):
        return {_mended(name): _mended(each) for name, each in value.items()}
    return value


@cache
def _reader(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)
