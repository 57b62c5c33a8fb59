"""Where a project at Supabase is otherwise than it was asked for, and what one call sets again.

Its region stays for good, and who may reach it is never set by us. The size of its server is told
by lists of projects alone (the description of 2026-05-22).
"""

from collections.abc import Iterator

from autodeploy.kernel.http.errors import ProviderRefused
from autodeploy.providers.drift import DeclaredDatabase, Drift, DriftKind
from autodeploy.providers.supabase.api import SupabaseAccount
from autodeploy.providers.supabase.manifest import FREE, UNASKED_SIZES
from autodeploy.providers.supabase.readiness import FAILED
from autodeploy.providers.supabase.shapes import Project, ProjectStatus

_RUNNING, _PAUSED = "running", "paused"


async def compare_project(
    account: SupabaseAccount, declared: DeclaredDatabase
) -> tuple[Drift, ...]:
    """Raises what the calls of ``SupabaseAccount`` raise."""
    project = await account.find_project(declared.external_id)
    if project is None or project.status.is_leaving:
        return (Drift(DriftKind.DATABASE, stays=True),)
    size = await _size_of(account, project)
    return (*_state(project), *_plan(declared.plan, size))


async def mend_project(account: SupabaseAccount, ref: str) -> None:
    """Begin to bring a paused one back; what comes back already is left. Raises as
    ``compare_project``."""
    project = await account.find_project(ref)
    if project is not None and project.status is ProjectStatus.INACTIVE:
        await account.restore_project(ref)


def _state(project: Project) -> Iterator[Drift]:
    """What comes up, or comes back, does so by itself."""
    status = project.status
    if status is ProjectStatus.INACTIVE:
        yield Drift(DriftKind.DATABASE_STATE, declared=_RUNNING, found=_PAUSED)
    elif status is ProjectStatus.PAUSING:
        yield _lasting(status, "Wait until it is paused: then reconciling brings it back.")
    elif status in FAILED:
        yield _lasting(status, "Look at the project and at status.supabase.com.")


def _lasting(status: ProjectStatus, remedy: str) -> Drift:
    found = status.value.lower().replace("_", " ")
    return Drift(DriftKind.DATABASE_STATE, None, _RUNNING, found, stays=True, remedy=remedy)


def _plan(plan: str, size: str | None) -> Iterator[Drift]:
    """Without a size Supabase chooses one, by the plan of the organization."""
    wanted = UNASKED_SIZES if plan == FREE else {plan}
    if size is not None and size not in wanted:
        yield Drift(
            DriftKind.DATABASE_PLAN,
            declared=plan,
            found=size,
            stays=True,
            remedy="Set the size of its compute in the project's settings at Supabase. AutoDeploy "
            "changes none of a database that is there.",
        )


async def _size_of(account: SupabaseAccount, project: Project) -> str | None:
    """None where it is not told, or the account may not ask."""
    if project.organization is None:
        return None
    try:
        listed = await account.projects(project.organization, project.name)
    except ProviderRefused:
        return None
    return next((each.size for each in listed if each.ref == project.ref), None)
