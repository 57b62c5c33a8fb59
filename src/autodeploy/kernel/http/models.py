"""Lenient shapes of what providers answer: they add fields and values without notice.

What is seen in recorded answers (Render, 2026-11): null where an array is promised, and values
that no description lists. Neither may end a deployment.
"""

from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, TypeVar, get_origin

import structlog
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo

from autodeploy.kernel.http.refusals import is_name

_log = structlog.get_logger(__name__)
Value = TypeVar("Value", bound=StrEnum)

#: ``Open[Visibility]``: one of the values that are known, or another one as text.
Open = Annotated[Value | str, Field(union_mode="left_to_right")]


class Lenient(BaseModel):
    """Unknown fields are ignored, and null is empty where a list or mapping is promised."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_empty(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        empty = {
            name: kind() for name, kind in _containers(cls) if name in value and value[name] is None
        }
        return {**value, **empty} if empty else value


def known(kind: type[Value]) -> BeforeValidator:
    """For a status: one that is not listed is ``kind``'s ``unknown``, which never ends anything.

    ``state: Annotated[State, known(State)]``, where ``State`` has a member ``UNKNOWN``.
    """
    unknown = kind("unknown")

    def validate(value: object) -> Value:
        try:
            return kind(str(value))
        except ValueError:
            tell_unknown(kind.__name__, str(value)[:64])
            return unknown

    return BeforeValidator(validate)


@lru_cache(maxsize=256)
def tell_unknown(kind: str, value: str) -> None:
    """Log a value that a provider has added since, once: what stands for it does not show it."""
    _log.warning("value is not known", kind=kind, value=value if is_name(value) else "no name")


def _containers(model: type[BaseModel]) -> list[tuple[str, type]]:
    """The names, as they are sent, of fields that hold a list, tuple or mapping."""
    return [
        (field.alias or name, kind)
        for name, field in model.model_fields.items()
        if (kind := _container(field)) is not None
    ]


def _container(field: FieldInfo) -> type | None:
    kind = get_origin(field.annotation) or field.annotation
    return kind if kind in (list, tuple, dict) else None
