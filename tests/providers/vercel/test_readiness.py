"""What each state of a deployment means."""

import pytest

from autodeploy.kernel.redaction import Redactor
from autodeploy.providers.vercel.readiness import Phase, failure, phase_of
from autodeploy.providers.vercel.shapes import Deployment, Project
from autodeploy.providers.vercel.traffic import serves


def _deployment(state: str, **values) -> Deployment:
    return Deployment.model_validate({"id": "dpl_1", "readyState": state, **values})


@pytest.mark.parametrize(
    ("state", "values", "phase"),
    [
        ("QUEUED", {}, Phase.WAITING),
        ("INITIALIZING", {}, Phase.BUILDING),
        ("BUILDING", {}, Phase.BUILDING),
        ("READY", {}, Phase.BUILT),
        ("READY", {"aliasAssigned": False, "checksState": "running"}, Phase.BUILT),
        ("READY", {"aliasAssigned": True}, Phase.READY),
        ("READY", {"aliasAssigned": 1793000000000}, Phase.READY),
        ("READY", {"readySubstate": "STAGED"}, Phase.READY),
        ("READY", {"autoAssignCustomDomains": False, "target": "production"}, Phase.READY),
        ("READY", {"autoAssignCustomDomains": False, "target": None}, Phase.BUILT),
        ("READY", {"aliasAssigned": False, "target": "production"}, Phase.READY),
        ("READY", {"checksState": "completed", "target": "production"}, Phase.READY),
        ("READY", {"checksState": "registered", "target": "production"}, Phase.BUILT),
        (
            "READY",
            {"target": "production", "checks": {"deployment-alias": {"state": "pending"}}},
            Phase.BUILT,
        ),
        ("READY", {"aliasError": {"code": "x"}, "target": "production"}, Phase.FAILED),
        ("READY", {"autoAssignCustomDomains": True, "target": "production"}, Phase.BUILT),
        ("READY", {"readySubstate": "ROLLING", "target": "production"}, Phase.BUILT),
        ("READY", {"readySubstate": "ROLLING"}, Phase.BUILT),
        ("READY", {"readySubstate": "BRAND_NEW", "aliasAssigned": True}, Phase.READY),
        ("READY", {"aliasError": {"code": "x"}, "aliasAssigned": True}, Phase.FAILED),
        ("READY", {"checksConclusion": "failed"}, Phase.FAILED),
        ("READY", {"checksConclusion": "skipped", "aliasAssigned": True}, Phase.READY),
        ("READY", {"checks": {"deployment-alias": {"state": "failed"}}}, Phase.FAILED),
        ("READY", {"checks": {"deployment-alias": None}, "aliasAssigned": True}, Phase.READY),
        ("ERROR", {}, Phase.FAILED),
        ("BLOCKED", {}, Phase.FAILED),
        ("CANCELED", {}, Phase.CANCELLED),
        ("DELETED", {}, Phase.CANCELLED),
        ("BRAND_NEW", {}, Phase.WAITING),
        (None, {}, Phase.WAITING),
    ],
)
def test_a_state_is_a_phase(state, values, phase):
    assert phase_of(_deployment(state, **values)) is phase


@pytest.mark.parametrize(
    ("state", "values", "message"),
    [
        ("ERROR", {}, "The build failed at Vercel."),
        ("ERROR", {"errorCode": "a secret value"}, "The build failed at Vercel."),
        ("ERROR", {"errorCode": "OOM", "errorStep": "build"}, "failed at Vercel in build: OOM."),
        ("BLOCKED", {}, "Vercel blocks this deployment."),
        ("BLOCKED", {"seatBlock": {"blockCode": "NEW_CODE"}}, "this deployment: NEW_CODE."),
        ("CANCELED", {}, "cancelled at Vercel."),
        ("READY", {"aliasError": {"code": "two words"}}, "no address: an error without a name."),
    ],
)
def test_a_failure_names_codes_and_what_to_do(state, values, message):
    error = failure(_deployment(state, **values), ["tail"], Redactor(["two words"]))
    assert error.message.endswith(message)
    assert error.remedy


def test_what_vercel_says_of_a_failure_is_redacted():
    deployment = _deployment("ERROR", errorMessage="no login with hunter2222")
    assert "hunter2222" not in str(failure(deployment, [], Redactor(["hunter2222"])).cause)


@pytest.mark.parametrize(
    ("request_", "production", "is_served"),
    [
        (None, None, False),
        (None, {"id": "dpl_1"}, True),
        (None, {"id": "dpl_1", "readySubstate": "STAGED"}, False),
        (None, {"id": "dpl_2"}, False),
        (("succeeded", "dpl_1"), {"id": "dpl_2"}, True),
        (("succeeded", "dpl_2"), {"id": "dpl_1"}, False),
        (("failed", "dpl_1"), {"id": "dpl_2"}, False),
        (("failed", "dpl_2"), {"id": "dpl_1"}, True),
        (("pending", "dpl_1"), {"id": "dpl_1"}, False),
        (("in-progress", "dpl_2"), {"id": "dpl_1"}, False),
        (("brand-new", "dpl_1"), {"id": "dpl_1"}, False),
    ],
)
def test_production_is_what_was_promoted_last(request_, production, is_served):
    made = {"id": "prj_1", "name": "shop", "targets": {"production": production}}
    if request_ is not None:
        status, to = request_
        made["lastAliasRequest"] = {
            "type": "promote", "jobStatus": status, "requestedAt": 1, "toDeploymentId": to,
        }  # fmt: skip
    assert serves(Project.model_validate(made), "dpl_1") is is_served
