"""The shapes of what providers report of a project. Money is US cents a month, as in
``cost_schemas``."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from autodeploy.kernel.schema import Schema
from autodeploy.services.deployer.cost_schemas import Currency, Kind


class ChargeView(Schema):
    """Something that an app or database is charged for at its provider, as it is there now.

    ``source`` is the provider's name where it tells the price itself, else where that was read,
    and ``as_of`` when. ``note`` is what it rests on.
    """

    what: str
    plan: str | None
    quantity: int
    monthly_cents: Annotated[
        int | None,
        Field(description="Of all of the quantity; null says that it is not known, or by use."),
    ]
    by_use: Annotated[
        bool, Field(description="It is charged by what is used, and is no part of the sum.")
    ]
    source: str
    as_of: str | None
    note: str | None


class UsedView(Schema):
    """How much was used of something in a time; ``note`` says why ``amount`` is not told."""

    measure: str
    unit: Annotated[str, Field(description="`bytes` or `requests`.")]
    amount: Annotated[float | None, Field(description="Null says that it is not told.")]
    since: datetime
    until: datetime
    note: str | None


class ReportedItem(Schema):
    """What a provider reports of an environment's app or of a database, beside the estimate.

    ``name`` is the database's, or ``app``. ``reasons`` say why something is not told.
    """

    kind: Kind
    environment: str
    name: str
    provider: str
    kept: Annotated[
        bool, Field(description="Whether a provider keeps it that the app has moved away from.")
    ]
    estimated_monthly_cents: Annotated[
        int | None, Field(description="By dated prices; null says that one is not known.")
    ]
    reported_monthly_cents: Annotated[int | None, Field(description="Null says: not told.")]
    difference_cents: Annotated[
        int | None, Field(description="The reported less the estimated; null where one is.")
    ]
    charges: list[ChargeView]
    usage: list[UsedView]
    reasons: list[str]


class UsageView(Schema):
    """What the providers of a project report. The sums are of the ``compared_items``, of which both
    the estimate and the report are known."""

    items: list[ReportedItem]
    compared_items: int
    estimated_monthly_cents: int
    reported_monthly_cents: int
    difference_cents: int
    currency: Currency = "USD"
    read_at: datetime
