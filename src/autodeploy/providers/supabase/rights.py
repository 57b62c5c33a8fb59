"""Which of the rights that are needed a token lacks.

Supabase tells them of no token, so what can be read harmlessly is read; rights to write show when
they are used.
"""

from collections.abc import Awaitable, Sequence
from http import HTTPStatus

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.http.errors import ProviderRefused, ProviderUnavailable
from autodeploy.providers.supabase.api import SupabaseAccount
from autodeploy.providers.supabase.shapes import Organization, ProjectStatus

# In how many organizations a project is looked for that can be read from.
_MOST = 5


async def missing_rights(
    account: SupabaseAccount, organizations: Sequence[Organization]
) -> tuple[str, ...]:
    """Of reading projects, databases and keys. The latter two show with a project that runs: where
    there is none yet, they are not told of. Raises ``ProviderUnavailable``."""
    looked_at = organizations[:_MOST]
    forbidden = 0
    for organization in looked_at:
        try:
            projects = await account.some_projects(organization.slug)
        except NotFound:
            continue
        except ProviderRefused as refused:  # one may ask for more than the others, such as SSO
            forbidden += refused.answered == HTTPStatus.FORBIDDEN
            continue
        for project in projects:
            if project.status is ProjectStatus.ACTIVE_HEALTHY:
                return await _missing_in(account, project.ref)
    return ("projects:read",) if looked_at and forbidden == len(looked_at) else ()


async def _missing_in(account: SupabaseAccount, ref: str) -> tuple[str, ...]:
    missing = []
    if await _is_forbidden(account.pooler(ref)):
        missing.append("database:read")
    if await _is_forbidden(account.shown_api_keys(ref)):
        missing.append("secrets:read")
    return tuple(missing)


async def _is_forbidden(call: Awaitable[object]) -> bool:
    """What is gone meanwhile, not there yet, or refused for another reason, was not forbidden."""
    try:
        await call
    except (NotFound, ProviderUnavailable):
        return False
    except ProviderRefused as refused:
        return refused.answered == HTTPStatus.FORBIDDEN
    return False
