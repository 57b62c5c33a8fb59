"""The tokens of a connection are sealed anew without losing one."""

from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import update
from tests.stored_values import Store, connection, open_vault

from autodeploy.kernel.db import Database
from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.vault import reseal as reseal_module
from autodeploy.services.auth.models import ProviderIntegration
from autodeploy.services.auth.provider_tokens import rotate


async def test_token_that_is_replaced_while_it_is_rotated_wins(
    owner_database: Database, key_file, resources: Resources, monkeypatch
):
    stored = Store(owner_database)
    vault = open_vault(key_file)
    await stored.fill(vault)
    context = f"provider_integrations:{stored.connection_id}:github:token"
    seal = reseal_module._Pass._seal

    async def seal_while_another_writes(self, rows):
        sealed = await seal(self, rows)
        new = await vault.encrypt("newer", str(stored.user_id), context=context)
        async with stored.db.transaction() as session:
            await session.execute(update(ProviderIntegration).values(encrypted_token=new))
        return sealed

    monkeypatch.setattr(reseal_module._Pass, "_seal", seal_while_another_writes)
    await rotate(replace(resources, db=stored.db, vault=vault), stored.user_id, "github")
    row = await connection(stored.db)
    token = await vault.decrypt(row.encrypted_token, str(stored.user_id), context=context)
    assert token == "newer"


async def test_the_connection_of_another_user_is_not_rotated(
    owner_database: Database, key_file, resources: Resources
):
    stored = Store(owner_database)
    vault = open_vault(key_file)
    await stored.fill(vault)
    before = (await connection(stored.db)).encrypted_token
    with pytest.raises(NotFound):
        await rotate(replace(resources, db=stored.db, vault=vault), uuid4(), "github")
    assert (await connection(stored.db)).encrypted_token == before
