"""What a provider may do besides: run several processes of an app."""

from typing import Protocol, runtime_checkable

from autodeploy.providers.base import Provider, Release


@runtime_checkable
class ScaledApps(Provider, Protocol):
    """Runs several processes of an app behind one address."""

    async def scale(self, release: Release, replicas: int) -> None:
        """Have a release that runs go on with so many processes, without a failed request: new
        ones get traffic when they listen, those too many finish what they have begun. Idempotent.

        Raises ``Unavailable`` when the release does not run.
        """
        ...
