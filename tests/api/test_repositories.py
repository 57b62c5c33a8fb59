import json
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from tests.api.conftest import SignUp
from tests.fakes.github_api import TOKEN
from tests.services.analyzer.archives import FLASK, tar_gz
from tests.services.analyzer.github import sources_of
from tests.services.analyzer.workers import working

from autodeploy.kernel.clock import now
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth.models import OrganizationMember, Role

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
    async with working(resources, redis_url):
        analysed = await client.post(f"{URL}/{repository['id']}/analyze", json={}, headers=headers)
    assert analysed.status_code == 200, analysed.text
    assert analysed.json()["framework"]["name"] == "Flask"
    read = await client.get(f"{URL}/{repository['id']}/analysis", headers=headers)
    assert read.json() == analysed.json()


NEXTJS = {
    "package.json": json.dumps(
        {
            "engines": {"node": "18.x"},
            "scripts": {"build": "next build", "start": "next start"},
            "dependencies": {"next": "14.0.0", "react": "18.2.0", "@prisma/client": "5.0.0"},
            "devDependencies": {"typescript": "5.4.0", "@types/node": "20.0.0"},
        }
    ),
    "tsconfig.json": "{}",
    "prisma/schema.prisma": 'datasource db {\n  provider = "postgresql"\n}\n',
    "lib/db.ts": "export const url = process.env.DATABASE_URL\n",
}


async def test_analysis_has_the_published_shape_and_force_makes_it_anew(
    client: httpx.AsyncClient, sign_up: SignUp, resources: Resources, redis_url: str
) -> None:
    headers = await sign_up()
    made = await client.post(
        f"{URL}/upload?name=my-nextjs-app", content=tar_gz(NEXTJS), headers=headers
    )
    url = f"{URL}/{made.json()['repository']['id']}/analyze"
    async with working(resources, redis_url):
        body = {"branch": "upload", "force": False}
        first = (await client.post(url, json=body, headers=headers)).json()
        again = (await client.post(url, json=body, headers=headers)).json()
        forced = (await client.post(url, json={**body, "force": True}, headers=headers)).json()
    assert again == first
    assert forced["createdAt"] > first["createdAt"]
    assert first["repository"] == {
        "id": made.json()["repository"]["id"],
        "fullName": "my-nextjs-app",
        "defaultBranch": "upload",
    }
    assert first["framework"].items() >= {"name": "Next.js", "version": "14.0.0"}.items()
    assert 0.9 <= first["framework"]["confidence"] <= 1
    assert first["language"] == "TypeScript"
    assert (
        first["buildConfiguration"].items()
        >= {
            "buildCommand": "npm run build",
            "startCommand": "npm run start",
            "installCommand": "npm install",
            "nodeVersion": "18.x",
        }.items()
    )
    (variable,) = first["environmentVariables"]
    assert (
        variable.items()
        >= {
            "key": "DATABASE_URL",
            "required": True,
            "type": "database_connection",
            "description": "PostgreSQL connection string",
            "offers": ["provision_new"],
        }.items()
    )
    assert first["dependencies"] == {
        "production": ["@prisma/client", "next", "react"],
        "development": ["@types/node", "typescript"],
    }
    advice = first["recommendations"]
    assert (advice["provider"], advice["database"]) == ("local", "local")
    assert advice["estimatedCost"].items() >= {"monthly": 0, "currency": "USD"}.items()
    ranked = [
        (one["provider"], one["database"], one["connected"]) for one in advice["alternatives"]
    ]
    assert ranked == [("vercel", "supabase", False), ("render", "render", False)]


async def test_broken_manifest_is_a_warning_of_the_analysis(
    client: httpx.AsyncClient, sign_up: SignUp, resources: Resources, redis_url: str
) -> None:
    headers = await sign_up()
    files = {"package.json": "{", "index.html": "<p>"}
    made = await client.post(f"{URL}/upload?name=a", content=tar_gz(files), headers=headers)
    url = f"{URL}/{made.json()['repository']['id']}/analyze"
    async with working(resources, redis_url):
        answer = await client.post(url, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["warnings"][0].startswith("package.json cannot be parsed")


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


async def test_repositories_at_github_are_discovered_added_and_analysed_by_a_colleague(
    app: FastAPI, client: httpx.AsyncClient, sign_up: SignUp, resources: Resources, redis_url: str
) -> None:
    headers, colleague = await sign_up(), await sign_up()
    async with sources_of(resources) as github:
        app.state.providers = github.providers
        github.fake.add("acme/shop", private=True).push({k: v.encode() for k, v in FLASK.items()})
        me = (await client.get("/api/v1/auth/me", headers=headers)).json()
        await client.put(
            f"/api/v1/users/{me['id']}/connections/github", json={"token": TOKEN}, headers=headers
        )
        added = await client.post(URL, json={"url": "acme/shop"}, headers=headers)
        assert added.status_code == 201, added.text
        repository = added.json()
        found = await client.get(f"{URL}/discover", params={"q": "shop"}, headers=headers)
        [seen] = found.json()["items"]
        assert (seen["fullName"], seen["repositoryId"]) == ("acme/shop", repository["id"])
        assert TOKEN not in added.text + found.text
        await _join(resources, colleague, repository["organizationId"], client)
        async with working(resources, redis_url, github.providers):
            analysed = await client.post(
                f"{URL}/{repository['id']}/analyze", json={}, headers=colleague
            )
        assert analysed.status_code == 200, analysed.text
        assert analysed.json()["framework"]["name"] == "Flask"


async def _join(
    resources: Resources, headers: dict[str, str], organization_id: str, client: httpx.AsyncClient
) -> None:
    """Make somebody a member of an organization."""
    user = (await client.get("/api/v1/auth/me", headers=headers)).json()
    async with resources.db.transaction() as session:
        session.add(
            OrganizationMember(
                organization_id=UUID(organization_id),
                user_id=UUID(user["id"]),
                role=Role.MEMBER,
                joined_at=now(),
            )
        )
