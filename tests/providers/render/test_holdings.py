"""Services and databases of ours are told by their names and variables, and of nobody else's."""

from uuid import uuid4

import pytest
from tests.fakes.render_databases import FakeKeyValue
from tests.providers.render.conftest import account, build_request, database_request

from autodeploy.kernel.errors import InvalidInput
from autodeploy.providers.manifests import DatabaseEngine
from autodeploy.providers.resources import ResourceKind

pytestmark = pytest.mark.contract(provider="render")


async def test_what_is_ours_is_told_and_removed(apps, databases, provider, render, log):
    deployment_id, request = uuid4(), database_request()
    ours = {"AUTODEPLOY_DEPLOYMENT_ID": str(deployment_id)}
    await apps.build(build_request(run_environment=ours), log)
    await databases.ensure_database(request, log)
    cache = database_request(engine=DatabaseEngine.REDIS)
    await databases.ensure_database(cache, log)
    somebodys = type(render.service)({**render.service.sent, "name": "x-3f2a9c1b"}, 0.0, {}, {})
    service = render.service
    render.services[somebodys.id] = somebodys
    [key_value] = render.key_values.held
    theirs = FakeKeyValue({**render.key_values.held[key_value].sent, "name": "sessions"}, 0.0)
    render.key_values.held[theirs.id] = theirs
    holdings = provider.resources_as(account())
    found = [each async for each in holdings.list_resources()]
    [postgres] = render.databases.held
    assert [(each.kind, each.external_id, each.made_for) for each in found] == [
        (ResourceKind.APP, service.id, deployment_id),
        (ResourceKind.DATABASE, postgres, request.database_id),
        (ResourceKind.DATABASE, key_value, cache.database_id),
    ]
    with pytest.raises(InvalidInput):
        await holdings.remove_resource(ResourceKind.BUILD, service.id)
    for each in (*found, *found):
        await holdings.remove_resource(each.kind, each.external_id)
    assert (list(render.services), render.databases.held) == ([somebodys.id], {})
    assert list(render.key_values.held) == [theirs.id]
