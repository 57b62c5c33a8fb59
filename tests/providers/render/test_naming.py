"""Names at Render fit its rules, stay the same, and differ where the things do."""

import re
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.providers.render.conftest import APP, NAME

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.providers.render.naming import (
    Build,
    cron_name,
    database_name,
    is_database_of,
    may_be_ours,
    names_beside,
    service_name,
    worker_name,
)

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@given(st.text(min_size=1, max_size=80), st.text(min_size=1, max_size=80), st.uuids())
def test_any_app_has_a_name_that_is_a_label(slug: str, environment: str, number: UUID):
    app = replace(APP, project_slug=slug, environment=environment, environment_id=number)
    assert LABEL.fullmatch(service_name(app))
    assert LABEL.fullmatch(database_name(app, number))
    assert is_database_of(database_name(app, number), number)


def test_names_stay_and_tell_environments_and_databases_apart():
    assert service_name(APP) == NAME
    assert service_name(replace(APP, environment_id=uuid4())) != NAME
    one, two = uuid4(), uuid4()
    assert not is_database_of(database_name(APP, one), two)


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=80), st.uuids())
def test_what_runs_beside_any_app_is_named_for_it_alone(
    slug: str, environment: str, name: str, number: UUID
):
    app = replace(APP, project_slug=slug, environment=environment, environment_id=number)
    for named in (worker_name(app, name), cron_name(app, name)):
        assert LABEL.fullmatch(named)
        assert may_be_ours(named)
        assert names_beside(app)(named)
        assert not names_beside(replace(app, environment_id=uuid4()))(named)
    assert may_be_ours(service_name(app))
    assert not names_beside(app)(service_name(app))


def test_workers_and_crons_of_like_names_are_told_apart():
    long = "mail" * 20
    likely = ["mail", "Mail", "mail_", "-mail", long, f"{long}s", "", "_"]
    names = [named(APP, each) for each in likely for named in (worker_name, cron_name)]
    assert len(set(names)) == len(names)
    assert worker_name(APP, "mail").startswith(f"{NAME}-mail-w")
    assert not any(map(may_be_ours, ("shop", "shop-production", f"{NAME}-mail", f"{NAME}-w12345")))


def test_a_key_is_read_as_it_was_written():
    build = Build("srv-1", "dep-2", uuid4())
    assert Build.of(build.key) == build
    for key in ("", "srv-1", "artifacts/1/x", "srv-1/dep-2", f"x/dep-1/{uuid4()}"):
        with pytest.raises(DeploymentFailed):
            Build.of(key)
