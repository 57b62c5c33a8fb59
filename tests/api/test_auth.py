from tests.services.auth.accounts import PASSWORD

from autodeploy.services.auth import service

ADA = {"email": "ada@example.com", "password": PASSWORD, "name": "Ada"}


async def test_an_account_registers_signs_in_refreshes_and_signs_out(client):
    registered = await client.post("/api/v1/auth/register", json=ADA)
    assert registered.status_code == 201
    answer = registered.json()
    assert set(answer) == {"user", "accessToken", "refreshToken", "tokenType", "expiresIn"}
    assert (answer["tokenType"], answer["expiresIn"]) == ("Bearer", 900)

    signed_in = await client.post(
        "/api/v1/auth/login", json={"email": ADA["email"], "password": PASSWORD}
    )
    assert signed_in.status_code == 200
    refreshed = await client.post(
        "/api/v1/auth/refresh", json={"refreshToken": signed_in.json()["refreshToken"]}
    )
    headers = {"Authorization": f"Bearer {refreshed.json()['accessToken']}"}
    me = await client.get("/api/v1/auth/me", headers=headers)
    assert set(me.json()) == {
        "id", "email", "emailVerifiedAt", "name", "avatar", "isAdmin",
        "organizations", "createdAt", "updatedAt",
    }  # fmt: skip
    assert set(me.json()["organizations"][0]) == {"id", "name", "slug", "role"}

    assert (await client.post("/api/v1/auth/logout", headers=headers)).status_code == 204
    refused = await client.get("/api/v1/auth/me", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (401, "session_ended")


async def test_a_taken_address_answers_a_conflict_that_names_the_field(client):
    await client.post("/api/v1/auth/register", json=ADA)
    again = await client.post("/api/v1/auth/register", json=ADA)
    problem = again.json()
    assert (again.status_code, problem["code"], problem["field"]) == (409, "email_taken", "email")


async def test_wrong_credentials_answer_401_without_saying_which(client):
    await client.post("/api/v1/auth/register", json=ADA)
    answers = [
        await client.post("/api/v1/auth/login", json={"email": email, "password": "wrong"})
        for email in (ADA["email"], "nobody@example.com")
    ]
    problems = [answer.json() for answer in answers]
    for problem in problems:
        problem.pop("traceId")
    assert [answer.status_code for answer in answers] == [401, 401]
    assert problems[0] == problems[1]


async def test_a_stale_credential_does_not_stop_a_login(client):
    await client.post("/api/v1/auth/register", json=ADA)
    answer = await client.post(
        "/api/v1/auth/login",
        json={"email": ADA["email"], "password": PASSWORD},
        headers={"Authorization": "Bearer stale"},
    )
    assert answer.status_code == 200


async def test_who_is_signed_in_may_sign_in_as_another(client, sign_up):
    await client.post("/api/v1/auth/register", json=ADA)
    body = {"email": ADA["email"], "password": PASSWORD}
    bob = await sign_up()
    answer = await client.post("/api/v1/auth/login", json=body, headers=bob)
    assert answer.status_code == 200
    assert answer.json()["user"]["email"] == ADA["email"]
    renewed = await client.post(
        "/api/v1/auth/refresh", json={"refreshToken": answer.json()["refreshToken"]}, headers=bob
    )
    assert renewed.status_code == 200
    assert renewed.json()["user"]["email"] == ADA["email"]


async def test_a_personal_token_is_shown_once_listed_and_revoked(client, sign_up):
    headers = await sign_up()
    created = await client.post("/api/v1/auth/tokens", json={"name": "CI"}, headers=headers)
    assert created.status_code == 201
    token = created.json()["token"]
    assert created.json()["scopes"] == ["write"]
    listed = await client.get("/api/v1/auth/tokens", headers=headers)
    assert [item["prefix"] for item in listed.json()["items"]] == [token[:12]]
    assert token not in listed.text
    as_token = {"Authorization": f"Bearer {token}"}
    assert (await client.get("/api/v1/auth/me", headers=as_token)).status_code == 200
    path = f"/api/v1/auth/tokens/{created.json()['id']}"
    assert (await client.delete(path, headers=headers)).status_code == 204
    assert (await client.get("/api/v1/auth/me", headers=as_token)).status_code == 401


async def test_a_list_that_goes_on_links_to_its_next_page(client, sign_up):
    headers = await sign_up()
    for number in range(3):
        await client.post("/api/v1/auth/tokens", json={"name": f"t{number}"}, headers=headers)
    first = await client.get("/api/v1/auth/tokens?limit=2", headers=headers)
    link = first.headers["Link"]
    assert link.startswith("</api/v1/auth/tokens?limit=2&cursor=")
    second = await client.get(link[1 : link.index(">")], headers=headers)
    assert [item["name"] for item in second.json()["items"]] == ["t0"]
    assert "Link" not in second.headers
    assert second.json()["nextCursor"] is None


async def test_a_ticket_is_issued_to_the_caller(client, sign_up, resources):
    answer = await client.post("/api/v1/auth/ticket", headers=await sign_up())
    assert answer.json()["expiresIn"] == 60
    caller = await service.redeem_ticket(resources, answer.json()["ticket"])
    assert caller.email.endswith("@example.com")


async def test_access_tokens_verify_with_the_published_key(client, sign_up):
    import jwt

    token = (await sign_up())["Authorization"].removeprefix("Bearer ")
    keys = jwt.PyJWKSet.from_dict((await client.get("/.well-known/jwks.json")).json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, algorithms=["EdDSA"], audience="autodeploy-api")
    assert claims["exp"] - claims["iat"] == 900


async def test_organizations_are_listed_and_a_foreign_one_is_not_found(client, sign_up):
    mine, other = await sign_up(), await sign_up()
    (organization,) = (await client.get("/api/v1/organizations", headers=mine)).json()["items"]
    path = f"/api/v1/organizations/{organization['id']}"
    assert (await client.get(path, headers=mine)).json() == organization
    assert (await client.get(path, headers=other)).status_code == 404
