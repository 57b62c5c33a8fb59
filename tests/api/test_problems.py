import json
import re
from dataclasses import replace

import httpx
import pytest
from tests.api.conftest import client_of, new_app

from autodeploy.api.routes import list_routes
from autodeploy.app import create_app
from autodeploy.kernel.db import Database
from autodeploy.settings import Settings

NASTY = [
    "%00", "..%2f..%2fetc", "-1", "99999999999999999999999999", "null", "%F0%9F%92%A9", "'--",
    "00000000-0000-0000-0000-000000000000",
]  # fmt: skip
NASTY_BODIES = [
    b"", b"{", b"[]", b"null", b'"x"', b"1e999", b'{"name": "\\u0000"}', b'{"name": "a\x00b"}',
    b'{"name": "\\ud800"}', b'{"name": 99999999999999999999999999}', b"[" * 3000,
    b'{"name": {}, "email": [], "branch": "-x", "key": "\\u0000"}', b"\xff\xfe",
]  # fmt: skip


async def test_an_unknown_path_answers_a_problem(client):
    answer = await client.get("/api/v1/nothing")
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (404, "not_found")
    assert problem["traceId"] == answer.headers["X-Request-Id"]
    assert problem["type"] == "urn:autodeploy:problem:not_found"


async def test_a_wrong_method_answers_a_problem_and_the_right_ones(client):
    answer = await client.delete("/healthz")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]


async def test_each_invalid_field_is_named_and_no_value_is_repeated(client):
    body = {"email": "no-address", "password": "s3cr3t", "naem": "Ada"}
    answer = await client.post("/api/v1/auth/register", json=body)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "invalid_input")
    assert {item["field"] for item in problem["errors"]} == {"email", "password", "name", "naem"}
    assert all(item["message"] for item in problem["errors"])
    assert problem["remedy"]
    assert "s3cr3t" not in answer.text


async def test_a_defect_answers_500_without_its_inside(home, resources):
    app = new_app(home, resources)

    async def broken() -> None:
        raise RuntimeError("the password is hunter2")

    app.add_api_route("/broken", broken, dependencies=[])
    app.state.routes = {entry.endpoint: entry for entry in list_routes(app)}
    async with client_of(app) as client:
        answer = await client.get("/broken", headers=await _credential(client))
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (500, "internal_error")
    assert problem["traceId"] == answer.headers["X-Request-Id"]
    assert "hunter2" not in answer.text
    assert "RuntimeError" not in answer.text


async def test_a_database_that_is_away_answers_503_and_says_to_retry(home, resources):
    lost = Database(f"postgresql://u:p@127.0.0.1:1/x?host={home}")
    async with client_of(new_app(home, replace(resources, db=lost))) as client:
        answer = await client.get("/api/v1/auth/me", headers={"Authorization": "Bearer adp_x"})
    await lost.close()
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["retryable"]) == (503, "unavailable", True)


@pytest.mark.parametrize(
    ("offered", "kept"), [("deploy-42.a_b", True), ("a b", False), ("x" * 65, False), ("", False)]
)
async def test_a_request_id_is_taken_over_only_when_it_is_harmless(client, offered, kept):
    answer = await client.get("/healthz", headers={"X-Request-Id": offered})
    assert (answer.headers["X-Request-Id"] == offered) is kept
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", answer.headers["X-Request-Id"])


async def test_answers_carry_security_headers(client):
    headers = (await client.get("/api/v1/auth/me")).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(("scheme", "strict"), [("https", True), ("http", False)])
async def test_browsers_are_told_to_stay_with_tls_where_there_is_tls(app, scheme, strict):
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=f"{scheme}://x.example") as client:
        headers = (await client.get("/healthz")).headers
    assert ("Strict-Transport-Security" in headers) is strict


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_refused(client, sign_up, chunked):
    async def chunks():
        for _ in range(3):
            yield b"x" * 1024 * 1024

    content = chunks() if chunked else b"x" * 3 * 1024 * 1024
    answer = await client.post("/api/v1/auth/tokens", content=content, headers=await sign_up())
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_an_allowed_origin_may_call_with_the_headers_that_the_api_needs(home, resources):
    app = new_app(home, resources, allowed_origins="https://a.example,https://b.example")
    preflight = {
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,if-match",
    }
    async with client_of(app) as client:
        allowed = await client.options(
            "/api/v1/projects", headers={"Origin": "https://b.example", **preflight}
        )
        refused = await client.options(
            "/api/v1/projects", headers={"Origin": "https://evil.example", **preflight}
        )
        failed = await client.get("/api/v1/auth/me", headers={"Origin": "https://a.example"})
    assert allowed.status_code == 200
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://b.example"
    assert allowed.headers["Access-Control-Allow-Credentials"] == "true"
    assert set(allowed.headers["Access-Control-Allow-Methods"].split(", ")) == {
        "GET", "POST", "PUT", "DELETE", "OPTIONS",
    }  # fmt: skip
    assert refused.status_code == 400
    assert "Access-Control-Allow-Origin" not in refused.headers
    assert failed.status_code == 401
    assert failed.headers["Access-Control-Allow-Origin"] == "https://a.example"


@pytest.mark.parametrize(
    "origin",
    ["null", "https://a.example.evil.example", "https://evil-a.example", "http://a.example",
     "https://a.example:8443", "https://A.example", "*", ""],
)  # fmt: skip
async def test_a_page_of_another_origin_is_allowed_nothing(home, resources, origin):
    app = new_app(home, resources, allowed_origins="https://a.example")
    async with client_of(app) as client:
        answer = await client.get("/api/v1/auth/me", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_no_address_or_body_makes_a_route_fail_inside(app, client, sign_up):
    headers = await sign_up()
    for entry in list_routes(app):
        for method in sorted(entry.methods - {"WEBSOCKET"}):
            if entry.template.endswith("/logout"):
                continue  # it would end the session that the others need
            for value in NASTY:
                path = re.sub(r"\{[^}]+\}", value, entry.template)
                answer = await client.request(method, path, headers=headers)
                assert answer.status_code < 500, f"{method} {path}: {answer.text}"
            await _send_nasty_bodies(client, method, entry.template, headers)


async def _send_nasty_bodies(
    client: httpx.AsyncClient, method: str, template: str, headers: dict[str, str]
) -> None:
    path = re.sub(r"\{[^}]+\}", "00000000-0000-0000-0000-000000000000", template)
    for query in ("cursor=%00", "limit=99999999999999999999", "limit=-1", "cursor=é", "q=%F0"):
        answer = await client.request(method, f"{path}?{query}", headers=headers)
        assert answer.status_code < 500, f"{method} {path}?{query}: {answer.text}"
    if method in {"POST", "PUT"}:
        for body in NASTY_BODIES:
            answer = await client.request(
                method, path, content=body, headers={**headers, "Content-Type": "application/json"}
            )
            assert answer.status_code < 500, f"{method} {path} {body[:40]!r}: {answer.text}"


async def test_an_escaped_backslash_before_u0000_is_no_nul(client, sign_up):
    body = json.dumps({"name": "a\\u0000"})
    assert "\\\\u0000" in body
    headers = {**await sign_up(), "Content-Type": "application/json"}
    answer = await client.post("/api/v1/auth/tokens", content=body, headers=headers)
    assert answer.status_code == 201


def test_a_role_that_does_not_exist_is_refused(home):
    with pytest.raises(ValueError, match="nothing"):
        create_app(Settings(home=home), frozenset({"nothing"}))


async def _credential(client: httpx.AsyncClient) -> dict[str, str]:
    body = {"email": "ada@example.com", "password": "correct horse", "name": "Ada"}
    answer = await client.post("/api/v1/auth/register", json=body)
    return {"Authorization": f"Bearer {answer.json()['accessToken']}"}
