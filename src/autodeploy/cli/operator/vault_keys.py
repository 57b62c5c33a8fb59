"""What the ``vault`` commands do: count, rotate and retire the keys of stored secrets.

They speak to the database as its owner, who sees the rows of every tenant.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.operator.configuration import complete_settings
from autodeploy.cli.operator.database import owner_database
from autodeploy.cli.terminal import is_interactive, print_json, print_table, say
from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.vault import EmbeddedBackend, Keyring, Vault
from autodeploy.kernel.vault.keyring import drop_keys, prepare_key
from autodeploy.kernel.vault.reseal import Progress as Report
from autodeploy.kernel.vault.reseal import Resealed, count_keys, reseal_all
from autodeploy.migrations.models import METADATA
from autodeploy.roles import close_resources, open_resources
from autodeploy.services.auth import provider_tokens, store
from autodeploy.services.auth.schemas import normal_email

#: A process may have sealed with the old key just before the new one, and write it a little later.
RETIRE_AFTER_SECONDS = 600.0
_FAILURES_SHOWN = 20


def show_status(*, as_json: bool) -> None:
    """Print each key, what it is used for and how many values are under it."""
    rows = asyncio.run(_status())
    if as_json:
        print_json({"keys": [{"key": key, "state": state, "values": n} for key, state, n in rows]})
    else:
        print_table(["KEY", "STATE", "VALUES"], [[key, state, str(n)] for key, state, n in rows])


async def _status() -> list[tuple[str, str, int]]:
    async with _opened() as resources:
        current = await resources.vault.sealing.current_key()
        counts = await count_keys(resources.db, METADATA)
        states = {current: "seals"}
        if ring := _keyring(resources.vault):
            for key in ring.keys:
                state = "waits" if key.waiting else "opens"
                states.setdefault(f"{EmbeddedBackend.version}.{key.id}", state)
        versions = {backend.version for backend in resources.vault.backends}
        for name in counts:
            server_has_it = name.startswith("v1t.") and "v1t" in versions
            states.setdefault(name, "opens" if server_has_it else "missing")
        return [(name, state, counts[name]) for name, state in states.items()]


def prepare_rotation(*, as_json: bool) -> None:
    """Add a key that only opens, for the machines of an installation that has several."""
    settings = complete_settings()
    address = settings.transit_address
    if address is not None and address.seals:
        raise CommandError(
            "The vault server holds the key, so there is no file to prepare.",
            remedy="Run `autodeploy vault rotate-master` without --prepare, on one machine.",
            exit_code=ExitCode.USAGE,
        )
    path = settings.master_key_file
    key = f"{EmbeddedBackend.version}.{prepare_key(path)}"
    if as_json:
        print_json({"waiting": key, "file": str(path)})
    else:
        say(f"{path} holds the new key {key}, which seals nothing yet.")
        say("Copy the file to each other machine, then run `autodeploy vault rotate-master`.")


def rotate_master(*, as_json: bool) -> None:
    """Begin a rotation, or finish the one that is under way."""
    with _bar() as report:
        began, current, result = asyncio.run(_rotate(report))
    if as_json:
        print_json(
            {
                "key": current,
                "began": began,
                "values": result.done,
                "left": result.left,
                "failures": result.failures,
            }
        )
    if result.failures or result.left:
        raise _incomplete(result, told=as_json)
    if not as_json:
        say(f"{result.done} values were moved; everything is under {current}.")
        if current.startswith(f"{EmbeddedBackend.version}."):
            say(f"Keep a copy of {complete_settings().master_key_file} now.")
            say("The older key still opens; `autodeploy vault retire` removes it.")


async def _rotate(report: Report) -> tuple[bool, str, Resealed]:
    async with _opened() as resources:
        sealing = resources.vault.sealing
        current = await sealing.current_key()
        counts = await count_keys(resources.db, METADATA)
        began = await sealing.begin_rotation(clean=counts.total() == counts[current])
        result = await reseal_all(resources.db, resources.vault, METADATA, progress=report)
        return began, await sealing.current_key(), result


def _incomplete(result: Resealed, *, told: bool) -> CommandError:
    if result.left:
        return CommandError(
            f"{result.left} values are in rows that stay locked.",
            remedy="Run it again; if that stays so, look for a transaction that does not end.",
            exit_code=ExitCode.TRY_AGAIN,
            told=told,
        )
    return CommandError(
        f"{len(result.failures)} stored values do not open, so they stay as they are.",
        remedy="Put back the key that they are under (`autodeploy vault status`), or set the "
        "values again; then run it again.",
        log_tail=result.failures[:_FAILURES_SHOWN],
        told=told,
    )


def retire_keys(*, as_json: bool) -> None:
    """Remove what no value is under."""
    retired, unused = asyncio.run(_retire())
    if as_json:
        print_json({"retired": retired, "unusedFile": str(unused) if unused else None})
        return
    for key in retired:
        say(f"Removed {key}. Backups of the database from before need your copy of it.")
    if unused:
        say(f"No stored value needs {unused} any more. Keep a copy for older backups.")
    if not retired and not unused:
        say("There is no older key.")


async def _retire() -> tuple[list[str], Path | None]:
    """The keys that were removed, and the key file if none of its keys is needed.

    Raises ``CommandError`` while a value needs one of them, or may.
    """
    async with _opened() as resources:
        ring = _keyring(resources.vault)
        if ring is None or ring.path is None:
            return [], None
        counts = await count_keys(resources.db, METADATA)
        current = await resources.vault.sealing.current_key()
        version = EmbeddedBackend.version
        older = {
            name: key.id
            for key in ring.keys
            if not key.waiting and (name := f"{version}.{key.id}") != current
        }
        if not older:
            return [], None
        _require_unused({name: counts[name] for name in older})
        if not current.startswith(f"{version}."):
            return [], ring.path
        _require_settled(ring.path)
        drop_keys(ring.path, older.values())
        return list(older), None


def _require_unused(counts: dict[str, int]) -> None:
    for name, number in counts.items():
        if number:
            raise CommandError(
                f"{number} stored values are under {name}.",
                remedy="Run `autodeploy vault rotate-master` first.",
            )


def _require_settled(path: Path) -> None:
    """A clock that was set back counts as no time at all."""
    elapsed = max(time.time() - path.stat().st_mtime, 0)
    if elapsed < RETIRE_AFTER_SECONDS:
        raise CommandError(
            "The key was changed a moment ago: a running process may still write a value under "
            "the older one.",
            remedy=f"Run it again in {RETIRE_AFTER_SECONDS - elapsed:.0f} s.",
            exit_code=ExitCode.TRY_AGAIN,
        )


def rotate_connection(user: str, provider: str, *, as_json: bool) -> None:
    """Seal the tokens of a connection anew."""
    asyncio.run(_rotate_connection(user, provider))
    if as_json:
        print_json({"user": user, "provider": provider})
    else:
        say(f"The tokens of {user} for {provider} are encrypted anew.")


async def _rotate_connection(user: str, provider: str) -> None:
    async with _opened() as resources:
        await provider_tokens.rotate(resources, await _user_id(resources, user), provider)


async def _user_id(resources: Resources, user: str) -> UUID:
    try:
        return UUID(user)
    except ValueError:
        pass
    async with resources.db.transaction() as session:
        found = await store.find_user_by_email(session, normal_email(user))
    if found is None:
        raise NotFound(
            f"There is no user {user}.", remedy="Name one by id or by e-mail address, in full."
        )
    return found.id


@asynccontextmanager
async def _opened() -> AsyncIterator[Resources]:
    settings = complete_settings()
    async with owner_database(settings) as owner:
        resources = await open_resources(settings, "app")
        try:
            yield replace(resources, db=owner)
        finally:
            await close_resources(resources)


def _keyring(vault: Vault) -> Keyring | None:
    rings = [one.keyring for one in vault.backends if isinstance(one, EmbeddedBackend)]
    return rings[0] if rings else None


@contextmanager
def _bar() -> Iterator[Report]:
    """A bar where standard error is a terminal that can draw one; elsewhere nothing."""
    with Progress(
        TextColumn("Encrypting anew"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not is_interactive(sys.stderr),
    ) as progress:
        task = progress.add_task("values", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
