"""Lenient shapes of what providers answer: they add fields and values without notice.

What is seen in recorded answers (Render, 2026-11): null where something else is promised, and
values that no description lists. Neither may end a deployment.
"""

from datetime import UTC, datetime
from enum import StrEnum
from functools import cache, lru_cache
from typing import Annotated, Any, TypeVar, get_args, get_origin

import structlog
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic.fields import FieldInfo

from autodeploy.kernel.http.refusals import is_name

_log = structlog.get_logger(__name__)
Value = TypeVar("Value", bound=StrEnum)

#: ``Open[Visibility]``: one of the values that are known, or another one as text.
Open = Annotated[Value | str, Field(union_mode="left_to_right")]


# That of the year 1 is what servers written in Go send for no time at all, and at neither end of
# the calendar can one be moved.
_YEARS = range(2, 9999)


def _with_zone(at: datetime) -> datetime:
    """In UTC where no zone is told."""
    if at.year not in _YEARS:
        raise ValueError("no time of a calendar")
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _none_unless_valid(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    try:
        return validate(value)
    except ValidationError:
        return None


#: A time with its zone, which may be compared and moved.
Moment = Annotated[datetime, AfterValidator(_with_zone)]
#: One that may be missing: what is no time is none that was told.
MaybeMoment = Annotated[Moment | None, WrapValidator(_none_unless_valid)]


class Lenient(BaseModel):
    """Unknown fields are ignored. Null is as good as nothing where it is not foreseen: a field has
    its default then, and a list or mapping without one is empty. A number is a finite one."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, hide_input_in_errors=True, allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_nothing(cls, value: Any) -> Any:
        if not isinstance(value, dict) or None not in value.values():
            return value
        stand_ins = _stand_ins(cls)
        nulls = {name for name in stand_ins if name in value and value[name] is None}
        if not nulls:
            return value
        kept = {name: each for name, each in value.items() if name not in nulls}
        return kept | {name: kind() for name in nulls if (kind := stand_ins[name]) is not None}


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


@cache
def _stand_ins(model: type[BaseModel]) -> dict[str, type | None]:
    """What stands for null, by the names that are sent: an empty list, tuple or mapping, or None
    for the default of the field. Fields that take null themselves are left out."""
    return {
        sent: _container(field) if field.is_required() else None
        for name, field in model.model_fields.items()
        if not _takes_null(field) and not (field.is_required() and _container(field) is None)
        for sent in _sent_as(name, field)
    }


def _sent_as(name: str, field: FieldInfo) -> list[str]:
    if isinstance(field.validation_alias, AliasChoices):
        return [each for each in field.validation_alias.choices if isinstance(each, str)]
    return [field.alias or name]


def _takes_null(field: FieldInfo) -> bool:
    kind = field.annotation
    return kind is Any or kind is object or type(None) in get_args(kind)


def _container(field: FieldInfo) -> type | None:
    kind = get_origin(field.annotation) or field.annotation
    return kind if kind in (list, tuple, dict) else None
