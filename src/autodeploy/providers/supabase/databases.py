"""Databases at Supabase, for one connected account: each is a project of its own."""

import re
from collections.abc import Mapping, Sequence
from uuid import UUID

from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.errors import OutcomeUnknown, ProviderRefused
from autodeploy.kernel.http.timing import Timing
from autodeploy.providers.base import LogSink
from autodeploy.providers.databases import (
    DatabaseHandle,
    DatabaseMetrics,
    DatabaseRequest,
    DatabaseState,
)
from autodeploy.providers.drift import DeclaredDatabase, Drift
from autodeploy.providers.manifests import Manifest
from autodeploy.providers.supabase.api import NewProject, SupabaseAccount
from autodeploy.providers.supabase.comparing import compare_project, mend_project
from autodeploy.providers.supabase.connection import handle_of
from autodeploy.providers.supabase.manifest import FREE, LEAST_PAID, MANIFEST, SIZES, SMART_GROUPS
from autodeploy.providers.supabase.metrics import measure
from autodeploy.providers.supabase.naming import name_of, suffix_of
from autodeploy.providers.supabase.readiness import STOPPED, wait_until_paused, wait_until_ready
from autodeploy.providers.supabase.shapes import AvailableRegions, Project
from autodeploy.providers.supabase.usage import read_charges, read_usage
from autodeploy.providers.usage import Charge, Usage

_CREATING = "create_project"
_REF = re.compile(r"[a-z]{20}")
# A project that was asked for may be shown a little later: when it is looked for after a lost
# answer, these are the waits between.
_SETTLING_SECONDS = (0.0, 2.0, 4.0, 8.0)


class SupabaseDatabases:
    """Acts for an account; ``owner`` is the slug of its organization, None for its only one."""

    def __init__(self, account: SupabaseAccount, owner: str | None, timing: Timing):
        self._account = account
        self._owner = owner
        self._timing = timing

    @property
    def manifest(self) -> Manifest:
        return MANIFEST

    @fault_point("supabase.ensure_database")
    async def ensure_database(self, request: DatabaseRequest, log: LogSink) -> DatabaseHandle:
        """A project with a healthy database. A call that was interrupted goes on where it was.

        When the task is cancelled the project stays, with its ref in the notes: it can be gone on
        with or destroyed. Raises ``InvalidInput`` for a plan or an organization that cannot be,
        and what ``SupabaseAccount`` and ``wait_until_ready`` raise.
        """
        size = _size_of(request.plan)
        project = await self._find(request) or await self._create(request, size, log)
        if request.notes.values.get("ref") != project.ref:
            await request.notes.keep(ref=project.ref)
        await wait_until_ready(self._account, project.ref, log, self._timing)
        pooler = await self._account.pooler(project.ref)
        keys = await self._account.api_keys(project.ref)
        handle = handle_of(project.ref, pooler, await request.password(), keys)
        if "SUPABASE_SECRET_KEY" not in handle.variables:
            text = "The keys of the project's API cannot be read: only its database is set up."
            await log("warn", "database", text)
        await log("info", "database", f"The PostgreSQL database {project.ref} is ready.")
        return handle

    @fault_point("supabase.destroy_database")
    async def destroy_database(self, external_id: str) -> None:
        """Delete the project, by its ref or by the id of a database of ours. Idempotent.

        Raises ``ProviderUnavailable`` while it is too new to be deleted.
        """
        for ref in await self._refs_of(external_id):
            await self._account.delete_project(ref)

    @fault_point("supabase.pause_database")
    async def pause_database(self, external_id: str) -> None:
        """Pause the project, and wait until it is. Idempotent.

        Raises ``ProviderRefused`` where Supabase pauses none, such as on a paid plan, and as
        ``wait_until_paused`` does.
        """
        await wait_until_paused(self._account, external_id, self._timing)

    async def database_state(self, external_id: str) -> DatabaseState:
        project = await self._account.find_project(external_id)
        if project is None or project.status.is_leaving:
            return DatabaseState.GONE
        return DatabaseState.STOPPED if project.status in STOPPED else DatabaseState.RUNNING

    async def compare_database(self, declared: DeclaredDatabase) -> tuple[Drift, ...]:
        """Whether it runs, and the size of its server."""
        return await compare_project(self._account, declared)

    async def mend_database(self, external_id: str) -> None:
        """Begin to bring it back where it is paused."""
        await mend_project(self._account, external_id)

    async def charged_plan(self, plan: str) -> str:
        """A project without a size is free in a free organization alone. Where its plan may not be
        read or is not told, nothing else is known than what was asked for."""
        if plan != FREE:
            return plan
        try:
            of_organization = await self._account.organization_plan(await self._organization())
        except ProviderRefused:
            return plan
        return plan if of_organization in (None, FREE) else LEAST_PAID

    async def measure_database(self, external_id: str) -> DatabaseMetrics:
        """What PostgreSQL counts of the database. Raises ``NotFound``."""
        return await measure(self._account, external_id)

    async def database_charges(self, external_id: str) -> tuple[Charge, ...]:
        return await read_charges(self._account, external_id)

    async def database_usage(self, external_id: str) -> tuple[Usage, ...]:
        return await read_usage(self._account, external_id)

    async def _find(self, request: DatabaseRequest) -> Project | None:
        """What an earlier call made: by the ref that it noted, else by its name."""
        noted = request.notes.values
        if ref := noted.get("ref"):
            project = await self._account.find_project(ref)
            if project is not None and not project.status.is_leaving:
                return project
        name = name_of(request.app, request.database_id)
        organization = noted.get("organization") or await self._organization()
        waits = _SETTLING_SECONDS if noted.get("intent") == _CREATING else _SETTLING_SECONDS[:1]
        return await self._look_for(organization, name, waits)

    async def _look_for(
        self, organization: str, name: str, waits: Sequence[float]
    ) -> Project | None:
        for wait in waits:
            await self._timing.sleep(wait)
            for project in await self._account.projects(organization, name):
                if project.name == name:
                    return project
        return None

    async def _create(self, request: DatabaseRequest, size: str | None, log: LogSink) -> Project:
        organization = await self._organization()
        await self._compare_plans(organization, size, log)
        new = NewProject(
            name=name_of(request.app, request.database_id),
            organization=organization,
            region=await self._region(organization, size, request.region),
            size=size,
        )
        await request.notes.keep(intent=_CREATING, organization=organization, name=new.name)
        await log("info", "database", f"Making the project {new.name} at Supabase.")
        try:
            return await self._account.create_project(new, await request.password())
        except OutcomeUnknown:
            made = await self._look_for(organization, new.name, _SETTLING_SECONDS)
            if made is None:
                raise
            return made

    async def _organization(self) -> str:
        if self._owner is not None:
            return self._owner
        found = await self._account.organizations()
        if len(found) == 1:
            return found[0].slug
        if not found:
            raise InvalidInput(
                "The account has no organization at Supabase.",
                field="provider",
                remedy="Make one at supabase.com/dashboard/new, then try again.",
            )
        named = ", ".join(f"{each.name} ({each.slug})" for each in found)
        raise InvalidInput(
            f"The account has several organizations at Supabase: {named}.",
            field="provider",
            remedy="Connect it again, for the one that the database is to belong to.",
        )

    async def _compare_plans(self, organization: str, size: str | None, log: LogSink) -> None:
        """Say what a project costs that one would think free. A right that lacks for it, or a plan
        that is not told, is no reason to stop."""
        try:
            plan = await self._account.organization_plan(organization)
        except ProviderRefused:
            return
        if plan == FREE and size is not None:
            raise InvalidInput(
                f"The organization {organization} has Supabase's free plan, which has no {size}.",
                field="plan",
                remedy=f"Ask for the plan {FREE}, or give the organization a paid plan.",
            )
        if plan not in (None, FREE) and size is None:
            text = f"The organization has the plan {plan}: Supabase charges for this project too."
            await log("warn", "database", text)

    async def _region(
        self, organization: str, size: str | None, wanted: str | None
    ) -> Mapping[str, str]:
        if wanted is not None:
            kind = "smartGroup" if wanted in SMART_GROUPS else "specific"
            return {"type": kind, "code": wanted}
        return _recommended(await self._account.regions(organization, size))

    async def _refs_of(self, external_id: str) -> list[str]:
        """One whose making was interrupted is known by our id alone, which its name ends with."""
        if _REF.fullmatch(external_id):
            return [external_id]
        try:
            suffix = suffix_of(UUID(external_id))
        except ValueError:
            raise InvalidInput(
                "This is not a database of this provider.", field="externalId"
            ) from None
        found = await self._account.projects(await self._organization(), suffix)
        return [each.ref for each in found if each.name.endswith(f"-{suffix}")]


def _size_of(plan: str) -> str | None:
    """The size that is asked for; none on the free plan. Raises ``InvalidInput``."""
    if plan == FREE:
        return None
    if plan in SIZES:
        return plan
    raise InvalidInput(
        f"Supabase has no plan {plan!r} here.",
        field="plan",
        remedy=f"Choose one of: {', '.join((FREE, *SIZES))}.",
    )


def _recommended(available: AvailableRegions) -> Mapping[str, str]:
    """The first recommended region with room, else the group, where Supabase looks for room."""
    for place in available.recommendations.specific:
        if place.status != "capacity":
            return {"type": "specific", "code": place.code}
    return {"type": "smartGroup", "code": available.recommendations.smart_group.code}
