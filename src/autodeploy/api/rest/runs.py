"""``/api/v1/runs``: one-off commands in the live release of an environment."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response, status

from autodeploy.api.deps import PageDep, PrincipalDep, ResourcesDep
from autodeploy.api.pagination import link_next
from autodeploy.api.rest.providers import ProvidersDep
from autodeploy.kernel.schema import Page
from autodeploy.services.deployer.runs import service
from autodeploy.services.deployer.runs.schemas import RunInput, RunOutputView, RunView

router = APIRouter(prefix="/api/v1", tags=["runs"])

LONGEST_WAIT_SECONDS = 20


@router.post(
    "/projects/{project_id}/environments/{environment}/runs",
    status_code=status.HTTP_202_ACCEPTED,
    operation_id="createRun",
)
async def create_run(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    providers: ProvidersDep,
    project_id: UUID,
    environment: Annotated[str, Path(max_length=100)],
    body: RunInput,
) -> RunView:
    """Run a command in what is live there: with the app's files, variables, user and limits. The
    answer comes at once; ``status`` says how far it is."""
    view = await service.create_run(
        resources, principal, project_id, environment, body, providers=providers
    )
    response.headers["Location"] = f"/api/v1/runs/{view.id}"
    return view


@router.get("/projects/{project_id}/runs", operation_id="listRuns")
async def list_runs(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    page: PageDep,
    project_id: UUID,
    environment: Annotated[
        str | None, Query(max_length=100, description="Those of this environment.")
    ] = None,
) -> Page[RunView]:
    """The commands that were run in a project, newest first; they stay for 30 days."""
    answer = await service.list_runs(
        resources,
        principal,
        project_id,
        environment=environment,
        limit=page.limit,
        cursor=page.cursor,
    )
    link_next(request, response, answer.next_cursor)
    return answer


@router.get("/runs/{run_id}", operation_id="getRun")
async def get_run(resources: ResourcesDep, principal: PrincipalDep, run_id: UUID) -> RunView:
    """A command and how it ended."""
    return await service.get_run(resources, principal, run_id)


@router.get("/runs/{run_id}/logs", operation_id="listRunLogs")
async def list_logs(
    resources: ResourcesDep,
    principal: PrincipalDep,
    run_id: UUID,
    after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
    wait: Annotated[
        int,
        Query(ge=0, le=LONGEST_WAIT_SECONDS, description="Seconds to wait for the first line."),
    ] = 0,
) -> RunOutputView:
    """What a command has printed, in order. ``next`` is the ``after`` of the following call, until
    ``ended`` is true."""
    return await service.read_output(resources, principal, run_id, after=after, wait_seconds=wait)


@router.post(
    "/runs/{run_id}/cancel", status_code=status.HTTP_202_ACCEPTED, operation_id="cancelRun"
)
async def cancel_run(resources: ResourcesDep, principal: PrincipalDep, run_id: UUID) -> RunView:
    """Stop a command with all that it has started: with SIGTERM, then with SIGKILL."""
    return await service.cancel_run(resources, principal, run_id)
