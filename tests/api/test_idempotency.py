import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from tests.api.conftest import client_of, new_app

from autodeploy.kernel.clock import now
from autodeploy.kernel.vault import VaultAway
from autodeploy.services.auth.models import IdempotencyKey
from autodeploy.services.auth.upkeep import remove_expired

TOKENS = "/api/v1/auth/tokens"


async def _create(client, headers, key: str, name: str = "CI"):
    return await client.post(
        TOKENS, json={"name": name}, headers={**headers, "Idempotency-Key": key}
    )


async def _count(client, headers) -> int:
    return len((await client.get(TOKENS, headers=headers)).json()["items"])


async def test_a_repeated_request_gets_the_first_answer_and_does_nothing(client, sign_up):
    headers = await sign_up()
    first, again = [await _create(client, headers, "k1") for _ in range(2)]
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert await _count(client, headers) == 1


async def test_a_key_with_another_body_is_refused(client, sign_up):
    headers = await sign_up()
    await _create(client, headers, "k1")
    answer = await _create(client, headers, "k1", "other")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert await _count(client, headers) == 1


async def test_keys_of_different_users_do_not_meet(client, sign_up):
    ada, bob = await sign_up(), await sign_up()
    first, second = await _create(client, ada, "k1"), await _create(client, bob, "k1")
    assert first.json()["id"] != second.json()["id"]


async def test_of_concurrent_repetitions_one_runs_and_the_others_may_retry(client, sign_up):
    headers = await sign_up()
    answers = await asyncio.gather(*(_create(client, headers, "k1") for _ in range(6)))
    assert await _count(client, headers) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["code"] == "request_in_progress"
            assert answer.json()["retryable"]


async def test_a_refusal_is_kept_too(client, sign_up):
    headers = {**await sign_up(), "Idempotency-Key": "k1"}
    first, again = [await client.post(TOKENS, json={}, headers=headers) for _ in range(2)]
    assert again.status_code == 422
    assert again.json() == first.json()


async def test_the_kept_answer_is_stored_encrypted(client, sign_up, resources):
    token = (await _create(client, await sign_up(), "k1")).json()["token"]
    async with resources.db.transaction() as session:
        row = (await session.scalars(select(IdempotencyKey))).one()
    assert row.encrypted_answer
    assert token not in row.encrypted_answer


async def test_a_key_is_free_again_after_a_day(client, sign_up, resources):
    headers = await sign_up()
    await _create(client, headers, "k1")
    async with resources.db.transaction() as session:
        await session.execute(
            update(IdempotencyKey).values(created_at=now() - timedelta(hours=24, seconds=1))
        )
    assert (await _create(client, headers, "k1", "other")).status_code == 201


async def test_a_request_that_died_with_its_process_may_be_repeated(client, sign_up, resources):
    headers = await sign_up()
    await _create(client, headers, "k1")
    async with resources.db.transaction() as session:
        await session.execute(update(IdempotencyKey).values(status=None, encrypted_answer=None))
    assert (await _create(client, headers, "k1")).status_code == 409
    async with resources.db.transaction() as session:
        await session.execute(
            update(IdempotencyKey).values(created_at=now() - timedelta(minutes=6))
        )
    assert (await _create(client, headers, "k1")).status_code == 201


async def test_an_unusable_key_is_refused(client, sign_up):
    answer = await _create(client, await sign_up(), "x" * 256)
    assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")


async def test_work_whose_answer_could_not_be_kept_is_not_begun(
    client, sign_up, resources, monkeypatch
):
    headers = await sign_up()

    async def away() -> None:
        raise VaultAway("The vault server is sealed.")

    with monkeypatch.context() as sealed:
        sealed.setattr(resources.vault, "check", away)
        refused = await _create(client, headers, "k1")
    assert (refused.status_code, refused.json()["code"]) == (503, "vault_away")
    assert refused.json()["retryable"] is True
    assert (await _create(client, headers, "k1")).status_code == 201


async def test_the_key_of_a_caller_without_a_credential_hands_nobody_a_session(client):
    body = {"email": "ada@example.com", "password": "correct horse", "name": "Ada"}
    first, again = [
        await client.post("/api/v1/auth/register", json=body, headers={"Idempotency-Key": "k1"})
        for _ in range(2)
    ]
    assert first.status_code == 201
    assert (again.status_code, again.json()["code"]) == (409, "email_taken")
    assert "accessToken" not in again.text


async def test_answers_that_are_out_of_date_are_removed(client, sign_up, resources):
    headers = await sign_up()
    for key, age in (("old", 25), ("fresh", 23)):
        await _create(client, headers, key)
        async with resources.db.transaction() as session:
            await session.execute(
                update(IdempotencyKey)
                .where(IdempotencyKey.key == key)
                .values(created_at=now() - timedelta(hours=age))
            )
    await remove_expired(resources)
    async with resources.db.transaction() as session:
        assert (await session.scalars(select(IdempotencyKey.key))).all() == ["fresh"]


async def test_the_process_that_dies_before_the_answer_leaves_one_run_to_a_repetition(
    home, resources, sign_up, monkeypatch
):
    headers = await sign_up()

    async def die(*_: object) -> None:
        raise SystemExit("killed before the answer was kept")

    async with client_of(new_app(home, resources)) as client:
        with monkeypatch.context() as patch, pytest.raises(SystemExit):
            patch.setattr("autodeploy.api.idempotency._Attempt.finish", die)
            patch.setattr("autodeploy.api.idempotency._Attempt.forget", die)
            await _create(client, headers, "k1")
        assert (await _create(client, headers, "k1")).json()["code"] == "request_in_progress"
        async with resources.db.transaction() as session:
            await session.execute(
                update(IdempotencyKey).values(created_at=now() - timedelta(minutes=6))
            )
        answers = await asyncio.gather(*(_create(client, headers, "k1") for _ in range(4)))
        assert {answer.status_code for answer in answers} <= {201, 409}
        assert await _count(client, headers) == 2  # the one that died, and one repetition
