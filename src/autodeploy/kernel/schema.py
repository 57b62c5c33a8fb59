"""The shape of everything that crosses the HTTP border: camelCase outside, snake_case inside."""

from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from autodeploy.kernel.errors import InvalidInput

T = TypeVar("T")


class Schema(BaseModel):
    """A shape that is answered, built from keyword arguments or from a row's attributes."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        from_attributes=True,
    )


class Input(Schema):
    """A shape that a caller sends: a field that does not exist is refused, not ignored."""

    model_config = ConfigDict(extra="forbid")


class Update(Input):
    """A shape that changes something: what is left out stays as it is.

    What else a GET answers may come along unchanged, so that the body of a GET can be sent back.
    ``moving`` names what of it the platform changes by itself: it is accepted whatever it says.
    """

    model_config = ConfigDict(extra="allow")

    moving: ClassVar[frozenset[str]] = frozenset()

    def require_readonly_same(self, view: Schema) -> None:
        """Return when the fields that cannot be changed are as in the present ``view``.

        Raises ``InvalidInput`` that names a field which differs or does not exist.
        """
        known = {
            field.serialization_alias or field.alias or name: name
            for name, field in type(view).model_fields.items()
        }
        for sent, value in (self.model_extra or {}).items():
            if sent not in known:
                raise InvalidInput(
                    f"There is no field {sent!r} here.",
                    field=sent,
                    remedy="Leave it out; the API description lists the fields.",
                )
            if known[sent] not in self.moving and not _is_same(view, known[sent], value):
                raise InvalidInput(
                    f"{sent} cannot be changed here.",
                    field=sent,
                    remedy="Leave it out, or send it as the last GET answered it.",
                )


def _is_same(view: Schema, name: str, value: Any) -> bool:
    """Whether JSON's ``value`` says what the view's field holds, in whatever spelling."""
    annotation: Any = type(view).model_fields[name].annotation
    try:
        return bool(TypeAdapter(annotation).validate_python(value) == getattr(view, name))
    except ValidationError:
        return False


class Page(Schema, Generic[T]):
    """One page of a list; ``next_cursor`` is None on the last one."""

    items: list[T]
    next_cursor: str | None = None


#: A name that people read: one line, no control characters, no surrounding blanks.
DisplayName = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$"
    ),
]
