"""What secrets are encrypted with: the master key file, the vault server."""

import asyncio
from collections.abc import Iterator

from autodeploy.cli.operator.checks.check import Check, Verdict
from autodeploy.kernel.errors import AutoDeployError
from autodeploy.settings import Settings


def vault(settings: Settings) -> Iterator[Check]:
    """Whether a value can be encrypted at this moment."""
    if settings.transit_address is None and not settings.master_key_file.exists():
        yield Check("vault", Verdict.OK, "no master key yet (the first start makes it)")
        return
    try:
        key = asyncio.run(_current_key(settings))
    except AutoDeployError as error:
        yield Check("vault", Verdict.MISSING, error.message, error.remedy)
    else:
        yield Check("vault", Verdict.OK, f"encrypts with the key {key}")


async def _current_key(settings: Settings) -> str:
    from autodeploy.roles import open_vault

    vault = open_vault(settings)
    try:
        return await vault.sealing.current_key()
    finally:
        await vault.close()
