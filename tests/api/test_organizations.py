"""Organizations, members, invitations and users over HTTP."""

from uuid import uuid4

import pytest
from tests.api.deployer import User
from tests.services.auth.people import invitation_token, mails_to


@pytest.fixture
async def ada(client, sign_up):
    return User(client, await sign_up())


@pytest.fixture
async def bob(client, sign_up):
    return User(client, await sign_up())


async def me(user):
    return await user.call("GET", "/auth/me", status=200)


@pytest.fixture
async def acme(ada):
    body = {"name": "Acme", "billingEmail": "bills@example.com"}
    return await ada.call("POST", "/organizations", body, status=201)


@pytest.fixture
async def joined(ada, bob, acme, resources):
    """Bob, invited by mail, as a member of Acme."""
    email = (await me(bob))["email"]
    path = f"/organizations/{acme['id']}/invitations"
    made = await ada.call("POST", path, {"email": email, "role": "member"}, status=201)
    assert set(made) == {"id", "email", "role", "invitedBy", "createdAt", "expiresAt", "expired"}
    token = invitation_token(mails_to(resources, email)[0])
    offer = await bob.call("POST", "/invitations/lookup", {"token": token}, status=200)
    assert (offer["organization"], offer["role"]) == ("Acme", "member")
    answer = await bob.call("POST", "/invitations/accept", {"token": token}, status=200)
    assert (answer["organization"]["id"], answer["session"]) == (acme["id"], None)
    return bob


async def test_an_organization_is_made_read_changed_and_deleted(ada, acme):
    assert set(acme) == {
        "id", "name", "slug", "role", "plan", "billingEmail", "personal", "createdAt", "updatedAt",
    }  # fmt: skip
    path = f"/organizations/{acme['id']}"
    assert await ada.call("GET", path, status=200) == acme
    assert await ada.call("PUT", path, acme, status=200) == acme
    changed = await ada.call("PUT", path, {"name": "Acme Ltd"}, status=200)
    assert (changed["name"], changed["billingEmail"]) == ("Acme Ltd", "bills@example.com")
    problem = await ada.call("DELETE", path, status=422)
    assert (problem["code"], problem["field"]) == ("not_confirmed", "confirm")
    await ada.call("DELETE", f"{path}?confirm=acme", status=204)
    await ada.call("GET", path, status=404)


async def test_a_stale_version_is_not_written_over(ada, acme, client):
    path = f"/organizations/{acme['id']}"
    tag = (await client.get(f"/api/v1{path}", headers=ada.headers)).headers["ETag"]
    await ada.call("PUT", path, {"name": "One"}, status=200, **{"If-Match": tag})
    problem = await ada.call("PUT", path, {"name": "Two"}, status=412, **{"If-Match": tag})
    assert problem["code"] == "precondition_failed"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": "A", "slug": "Not A Slug"}, "slug"),
        ({"name": "A", "slug": "-a"}, "slug"),
        ({"name": "A", "billingEmail": "nobody"}, "billingEmail"),
        ({"name": "A", "plan": "pro"}, "plan"),
    ],
)
async def test_an_unusable_organization_names_the_field(ada, body, field):
    problem = await ada.call("POST", "/organizations", body, status=422)
    assert (problem.get("field") or problem["errors"][0]["field"]) == field


async def test_members_are_seen_changed_and_removed(ada, joined, acme):
    path = f"/organizations/{acme['id']}/members"
    listed = await joined.call("GET", path, status=200)
    assert {(each["email"], each["role"]) for each in listed["items"]} == {
        ((await me(ada))["email"], "owner"), ((await me(joined))["email"], "member"),
    }  # fmt: skip
    bob_id = (await me(joined))["id"]
    view = next(each for each in listed["items"] if each["userId"] == bob_id)
    await joined.call("PUT", f"{path}/{bob_id}", {"role": "owner"}, status=403)
    assert await ada.call("PUT", f"{path}/{bob_id}", view, status=200) == view
    changed = await ada.call("PUT", f"{path}/{bob_id}", {**view, "role": "admin"}, status=200)
    assert changed == {**view, "role": "admin"}
    problem = await ada.call("PUT", f"{path}/{bob_id}", {"role": "king"}, status=422)
    assert problem["errors"][0]["field"] == "role"
    await ada.call("DELETE", f"{path}/{bob_id}", status=204)
    await ada.call("DELETE", f"{path}/{bob_id}", status=404)
    await joined.call("GET", path, status=404)


async def test_the_last_owner_is_told_what_to_do(ada, acme):
    ada_id = (await me(ada))["id"]
    problem = await ada.call("DELETE", f"/organizations/{acme['id']}/members/{ada_id}", status=409)
    assert problem["code"] == "last_owner"
    assert "another member an owner" in problem["remedy"]


async def test_another_organization_is_not_found_whatever_is_asked(ada, bob, acme):
    path = f"/organizations/{acme['id']}"
    someone = uuid4()
    for method, rest, body in (
        ("GET", "", None),
        ("PUT", "", {"name": "Mine"}),
        ("DELETE", "?confirm=acme", None),
        ("POST", "/transfer", {"userId": str(someone)}),
        ("GET", "/members", None),
        ("POST", "/members", {"userId": str(someone)}),
        ("GET", f"/members/{someone}", None),
        ("PUT", f"/members/{someone}", {"role": "viewer"}),
        ("DELETE", f"/members/{someone}", None),
        ("GET", "/invitations", None),
        ("POST", "/invitations", {"email": "eve@example.com"}),
        ("DELETE", f"/invitations/{someone}", None),
        ("GET", "/audit-log", None),
    ):
        foreign = await bob.call(method, path + rest, body, status=404)
        missing = await bob.call(method, f"/organizations/{someone}" + rest, body, status=404)
        assert foreign | {"traceId": ""} == missing | {"traceId": ""}


async def test_people_of_one_organization_see_each_other_and_nobody_else(
    ada, joined, client, sign_up
):
    stranger = User(client, await sign_up())
    path = f"/users/{(await me(joined))['id']}"
    seen = await ada.call("GET", path, status=200)
    assert set(seen) == {"id", "name", "email", "avatar", "createdAt", "updatedAt"}
    assert seen == await joined.call("GET", path, status=200)
    await stranger.call("GET", path, status=404)
    await ada.call("PUT", path, {"name": "Mine"}, status=404)
    await ada.call("GET", f"{path}/deletion", status=404)
    await ada.call("DELETE", f"{path}?confirm={seen['email']}", status=404)


async def test_oneself_is_changed_and_the_address_is_not(ada):
    path = f"/users/{(await me(ada))['id']}"
    view = await ada.call("GET", path, status=200)
    assert await ada.call("PUT", path, view, status=200) == view
    picture = "https://example.com/ada.png"
    changed = await ada.call("PUT", path, {**view, "avatar": picture}, status=200)
    assert changed["avatar"] == picture
    problem = await ada.call("PUT", path, {"email": "other@example.com"}, status=422)
    assert problem["field"] == "email"
    for avatar in ("javascript:alert(1)", "http://example.com/a.png", "https://a b"):
        await ada.call("PUT", path, {"avatar": avatar}, status=422)


async def test_an_account_says_what_its_deletion_does_and_goes(ada, joined, acme):
    ada_me = await me(ada)
    path = f"/users/{ada_me['id']}"
    preview = await ada.call("GET", f"{path}/deletion", status=200)
    fates = {each["slug"]: each["fate"] for each in preview["organizations"]}
    assert preview["possible"] is False
    assert fates["acme"] == "hand_over_first"
    problem = await ada.call("DELETE", f"{path}?confirm={ada_me['email']}", status=409)
    assert problem["code"] == "account_in_use"
    body = {"userId": (await me(joined))["id"]}
    await ada.call("POST", f"/organizations/{acme['id']}/transfer", body, status=200)
    await ada.call("DELETE", f"{path}?confirm={ada_me['email']}", status=204)
    await ada.call("GET", "/auth/me", status=401)
    listed = await joined.call("GET", f"/organizations/{acme['id']}/members", status=200)
    assert [(each["role"]) for each in listed["items"]] == ["owner"]
    log = await joined.call("GET", f"/organizations/{acme['id']}/audit-log", status=200)
    assert log["items"][0]["action"] == "auth.user_delete"
    assert (log["items"][0]["userId"], log["items"][0]["user"]) == (ada_me["id"], None)
