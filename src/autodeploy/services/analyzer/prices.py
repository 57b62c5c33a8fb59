"""What providers charge a month: dated facts of ours, which an administrator may override."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from autodeploy.kernel.errors import AutoDeployError

PRICES_FILE = "prices.json"

# What is charged for: ``provider.static``, ``.service``, ``.private``, ``.worker``,
# ``.postgresql``, ``.redis``.
_PARTS = "static|service|private|worker|postgresql|redis"
PriceName = Annotated[str, StringConstraints(pattern=rf"^[a-z][a-z0-9-]*\.({_PARTS})$")]
_Words = Annotated[str, StringConstraints(min_length=1, max_length=300)]


class PricesInvalid(AutoDeployError):
    """The administrator's file of prices cannot be used; the message names the place in it."""

    code = "prices_invalid"
    usual_remedy = (
        "Correct that place, or remove the file to use the prices that come with AutoDeploy; "
        "docs/reference/prices.md describes it."
    )


class Price(BaseModel):
    """A monthly price in US cents (None: not known), where it was read and when.

    ``note`` is what it rests on: the size of the plan, who may use it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    plan: _Words | None = None
    monthly_cents: Annotated[int, Field(strict=True, ge=0, le=100_000_000)] | None
    note: _Words | None = None
    source: _Words
    as_of: date


Prices = Mapping[str, Price]
_PRICES: TypeAdapter[dict[PriceName, Price]] = TypeAdapter(dict[PriceName, Price])


@cache
def default_prices() -> Prices:
    """The prices that come with AutoDeploy; each names its source and date."""
    return _PRICES.validate_json(resources.files(__package__).joinpath(PRICES_FILE).read_bytes())


def read_prices(home: Path) -> Prices:
    """The prices that apply: ours, each replaced where ``prices.json`` in ``home`` names it.

    Raises:
        PricesInvalid: that file is there and cannot be used.
    """
    path = home / PRICES_FILE
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return default_prices()
    except OSError as error:
        raise PricesInvalid(f"{path} cannot be read: {error.strerror}.") from error
    try:
        return {**default_prices(), **_PRICES.validate_json(content)}
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"] if part != "[key]")
        where = f" at {place}" if place else ""
        raise PricesInvalid(f"{path} cannot be used{where}: {first['msg']}.") from error
