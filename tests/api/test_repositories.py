import asyncio
from uuid import uuid4

import httpx
from tests.api.conftest import SignUp
from tests.services.analyzer.archives import FLASK, tar_gz

from autodeploy.kernel.queue import QueueName, QueueWorker
from autodeploy.kernel.resources import Resources
from autodeploy.services.analyzer.jobs import run_analysis

URL = "/api/v1/repositories"


async def test_uploaded_repository_is_listed_read_and_analysed(
    client: httpx.AsyncClient, sign_up: SignUp, resources: Resources, redis_url: str
) -> None:
    headers = await sign_up()
    made = await client.post(
        f"{URL}/upload", params={"name": "shop"}, content=tar_gz(FLASK), headers=headers
    )
    assert made.status_code == 201, made.text
    repository = made.json()["repository"]
    assert len(made.json()["commit"]) == 40
    assert repository["kind"] == "upload"
    listed = (await client.get(URL, headers=headers)).json()
    assert listed == {"items": [repository], "nextCursor": None}
    assert (await client.get(f"{URL}/{repository['id']}", headers=headers)).json() == repository
    worker = QueueWorker(
        redis_url, QueueName.ANALYSIS, lambda _, payload: run_analysis(resources, payload)
    )
    running = asyncio.create_task(worker.run())
    analysed = await client.post(f"{URL}/{repository['id']}/analyze", json={}, headers=headers)
    await worker.close(5)
    await running
    assert analysed.status_code == 200, analysed.text
    assert analysed.json()["framework"]["name"] == "Flask"
    read = await client.get(f"{URL}/{repository['id']}/analysis", headers=headers)
    assert read.json() == analysed.json()


async def test_foreign_and_missing_repositories_look_the_same(
    client: httpx.AsyncClient, sign_up: SignUp
) -> None:
    owner, stranger = await sign_up(), await sign_up()
    made = await client.post(
        f"{URL}/upload?name=shop", content=tar_gz({"index.html": ""}), headers=owner
    )
    for repository_id in (made.json()["repository"]["id"], str(uuid4())):
        answers = [
            await client.get(f"{URL}/{repository_id}", headers=stranger),
            await client.get(f"{URL}/{repository_id}/analysis", headers=stranger),
            await client.post(f"{URL}/{repository_id}/analyze", json={}, headers=stranger),
            await client.post(f"{URL}/upload?repositoryId={repository_id}", headers=stranger),
        ]
        assert [answer.status_code for answer in answers] == [404] * 4
        assert {answer.json()["detail"] for answer in answers} == {"No such repository."}


async def test_pages_are_linked(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    headers = await sign_up()
    for name in ("a", "b"):
        body = tar_gz({"index.html": name})
        await client.post(f"{URL}/upload?name={name}", content=body, headers=headers)
    first = await client.get(f"{URL}?limit=1", headers=headers)
    second = await client.get(first.links["next"]["url"], headers=headers)
    names = [page.json()["items"][0]["fullName"] for page in (first, second)]
    assert names == ["b", "a"]
    assert second.json()["nextCursor"] is None


async def test_unusable_url_and_archive_are_problems(
    client: httpx.AsyncClient, sign_up: SignUp
) -> None:
    headers = await sign_up()
    bad_url = await client.post(URL, json={"url": "https://me:word@example.com/a"}, headers=headers)
    assert (bad_url.status_code, bad_url.json()["code"]) == (422, "invalid_input")
    assert "word@" not in bad_url.text
    bad_archive = await client.post(f"{URL}/upload?name=a", content=b"no", headers=headers)
    assert (bad_archive.status_code, bad_archive.json()["code"]) == (422, "archive_refused")


async def test_call_without_credential_is_refused(client: httpx.AsyncClient) -> None:
    for method, path in (("GET", URL), ("POST", URL), ("POST", f"{URL}/upload")):
        assert (await client.request(method, path)).status_code == 401
