from tests.services.analyzer.archives import chunks, tar_gz

from autodeploy.kernel.resources import Resources
from autodeploy.services.analyzer import service, store
from autodeploy.services.auth.principal import Principal


async def test_pages_hold_every_repository_once_newest_first(
    resources: Resources, owner: Principal, stranger: Principal
) -> None:
    body = tar_gz({"index.html": ""})
    for number in range(5):
        await service.store_upload(resources, owner, chunks(body), name=f"app-{number}")
    await service.store_upload(resources, stranger, chunks(body), name="app-foreign")
    names, cursor = [], None
    while True:
        page = await service.list_repositories(resources, owner, limit=2, cursor=cursor)
        names += [each.full_name for each in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert names == ["app-4", "app-3", "app-2", "app-1", "app-0"]


async def test_search_takes_wildcards_literally(resources: Resources, owner: Principal) -> None:
    body = tar_gz({"index.html": ""})
    for name in ("Blue shop", "100% green", "plain"):
        await service.store_upload(resources, owner, chunks(body), name=name)
    async with resources.db.transaction() as session:
        found = {
            q: await store.list_repositories(
                session, owner.organization_ids, q=q, limit=10, cursor=None
            )
            for q in ("SHOP", "%", "nothing")
        }
    assert [row.full_name for row in found["SHOP"][0]] == ["Blue shop"]
    assert [row.full_name for row in found["%"][0]] == ["100% green"]
    assert found["nothing"] == ([], None)
