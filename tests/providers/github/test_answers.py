"""Servers that stand for GitHub leave out what it tells, and say null where it says none."""

from tests.kernel.http.servers import answer, scripted

from autodeploy.providers.github.api import GitHubApi

SHA = "a" * 40


async def test_a_message_that_is_not_told_with_its_branch_is_read_with_its_commit(
    open_api,
):
    told = {"message": "Mend it [skip deploy]", "author": {"name": "Ada"}}
    branch = answer(200, {"name": "main", "commit": {"sha": SHA}})
    commits = answer(200, [{"sha": SHA, "commit": told, "author": None}])
    async with scripted(branch, commits) as server:
        api: GitHubApi = open_api(server.url)
        head = await api.account("token").changes("octo/site").head("main")
    assert (head.sha, head.message, head.author) == (SHA, "Mend it [skip deploy]", "Ada")
    assert f"sha={SHA}" in server.seen[1].target


async def test_a_delivery_that_nobody_answered_has_no_status(open_api):
    delivery = {
        "id": 1, "guid": "1-1", "delivered_at": "2026-11-28T00:52:33.883Z", "event": "push",
        "redelivery": False, "status": "Failed", "status_code": None,
    }  # fmt: skip
    async with scripted(answer(200, [delivery])) as server:
        webhooks = open_api(server.url).account("token").webhooks("octo/site")
        [told] = [each async for each in webhooks.deliveries(7)]
    assert told.status_code == 0
