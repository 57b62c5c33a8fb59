"""What the caller's account at GitHub sees, to choose from."""

from autodeploy.kernel.pagination import decode_position, encode_position
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.providers.github import shapes
from autodeploy.providers.hosted import AccountMissing
from autodeploy.providers.registry import Registry
from autodeploy.services.analyzer import store
from autodeploy.services.analyzer.adding import own_account
from autodeploy.services.analyzer.hosts import GITHUB
from autodeploy.services.analyzer.schemas import DiscoveredRepository
from autodeploy.services.auth.permissions import Action, reach_of
from autodeploy.services.auth.principal import Principal

#: How many repositories are looked through for one page: ten calls.
MOST_SEEN = 1000


async def discover_repositories(
    resources: Resources,
    principal: Principal,
    *,
    limit: int,
    cursor: str | None,
    q: str | None,
    providers: Registry,
) -> Page[DiscoveredRepository]:
    """The repositories that the caller's account at GitHub sees, its own, those of others and of
    organizations, pushed to last first; with ``q`` in their names.

    GitHub has no search among them that knows private ones, so they are looked through here. A page
    may hold fewer than ``limit``, also none, while there are more.

    Raises:
        AccountMissing: the caller has connected none.
        Forbidden; also what ``GitHubAccount`` raises.
    """
    reach = reach_of(principal, Action.REPOSITORY_READ)
    first = decode_position(cursor) if cursor else 0
    account = await own_account(resources, principal)
    if account is None:
        raise AccountMissing(
            "No account of yours at GitHub is connected.",
            remedy="Connect one: `autodeploy connections add github`.",
        )
    hosting = providers.sources(GITHUB)
    found: list[shapes.Repository] = []
    following = None
    position = first
    async for each in hosting.sources_as(account).repositories(skip=first):
        if len(found) == limit or position == first + MOST_SEEN:
            following = encode_position(position)
            break
        position += 1
        if (q or "").casefold() in each.full_name.casefold():
            found.append(each)
    async with resources.db.transaction() as session:
        added = await store.find_added(session, reach, [each.id for each in found])
    items = [
        DiscoveredRepository(
            github_id=each.id,
            full_name=each.full_name,
            url=hosting.url_of(each.full_name),
            default_branch=each.default_branch,
            private=each.private,
            archived=each.archived,
            language=each.language,
            pushed_at=each.pushed_at,
            repository_id=added.get(each.id),
        )
        for each in found
    ]
    return Page(items=items, next_cursor=following)
