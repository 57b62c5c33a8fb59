"""Stored objects that no row names: what a process left that died between the two."""

from collections.abc import AsyncIterator
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from autodeploy.kernel.clock import now
from autodeploy.kernel.resources import Resources

# The row of a younger one may be about to be written.
YOUNG = timedelta(days=1)
_BATCH = 500


async def list_unnamed(
    resources: Resources,
    folder: str,
    named_by: InstrumentedAttribute[str] | InstrumentedAttribute[str | None],
) -> AsyncIterator[str]:
    """The keys below ``folder`` that the column ``named_by`` holds nowhere, young ones left out.

    Raises what ``ObjectStore.list`` does.
    """
    oldest = now() - YOUNG
    listed = resources.objects.list(folder)
    keys = [stored.key async for stored in listed if stored.modified_at < oldest]
    for start in range(0, len(keys), _BATCH):
        batch = keys[start : start + _BATCH]
        async with resources.db.transaction() as session:
            named = set(await session.scalars(select(named_by).where(named_by.in_(batch))))
        for key in batch:
            if key not in named:
                yield key
