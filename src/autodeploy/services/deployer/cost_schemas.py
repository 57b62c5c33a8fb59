"""The shapes of costs and budgets. Money is US cents a month: what every price of ours is in."""

from typing import Annotated, Literal

from pydantic import Field

from autodeploy.kernel.schema import Input, Schema

Kind = Literal["app", "database"]
Currency = Literal["USD"]

_MOST_CENTS = 1_000_000_000


class ProjectCost(Schema):
    """One thing that a project has at a provider.

    ``name`` is the database's, or what the app is charged for: ``static``, ``service``,
    ``worker``. ``monthly_cents`` is that of all ``quantity``.
    """

    kind: Kind
    environment: str
    name: str
    provider: str
    plan: str | None
    quantity: int
    monthly_cents: Annotated[
        int | None, Field(description="Null says that the price is not known; it is never zero.")
    ]
    currency: Currency = "USD"
    source: Annotated[str, Field(description="Where the price was read.")]
    as_of: Annotated[str | None, Field(description="When the price was read.")]
    note: Annotated[str | None, Field(description="What the price rests on.")]
    kept: Annotated[
        bool, Field(description="Whether a provider keeps it that the app has moved away from.")
    ] = False


class BudgetView(Schema):
    """What a project may cost a month; null for as much as it does."""

    monthly_limit_cents: int | None
    currency: Currency = "USD"


class BudgetInput(Input):
    """What a project may cost a month from now on; null for as much as it does."""

    monthly_limit_cents: Annotated[int, Field(ge=0, le=_MOST_CENTS)] | None
    currency: Currency = "USD"


class CostsView(Schema):
    """The estimate of what a project costs a month.

    ``known_monthly_cents`` leaves out the ``unknown_items``, whose price is not known.
    """

    items: list[ProjectCost]
    known_monthly_cents: int
    unknown_items: int
    currency: Currency = "USD"
    budget: BudgetView
    remaining_cents: Annotated[
        int | None, Field(description="Of the budget; below zero when it is exceeded already.")
    ]
    refused: Annotated[
        str | None,
        Field(description="Why the budget would refuse the deployment that was asked about."),
    ] = None
