"""A small installation for tests of the engine: real database, queue and files, one provider."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from sqlalchemy import select, update
from tests.services.deployer.provider import FolderProvider

from autodeploy.kernel.archives import pack
from autodeploy.kernel.resources import Resources
from autodeploy.providers.registry import Registry
from autodeploy.services.analyzer import service as analyzer
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer import deployments, history, projects, variables
from autodeploy.services.deployer.context import StepContext, load_context
from autodeploy.services.deployer.deployment_schemas import DeploymentInput, DeploymentView
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.leases import take_lease
from autodeploy.services.deployer.models import Deployment, DeploymentStep, Environment
from autodeploy.services.deployer.runner import Runner
from autodeploy.services.deployer.schemas import ProjectInput, ProjectView

STATIC = {"index.html": "<h1>Hello</h1>"}
WITH_DATABASE = {
    "requirements.txt": "flask\npsycopg[binary]\n",
    "app.py": "import os\nimport psycopg\nfrom flask import Flask\n"
    "app = Flask(__name__)\ndb = psycopg.connect(os.environ['DATABASE_URL'])\n",
    "Procfile": "web: flask run --port $PORT\n",
}


async def eventually(condition: Callable[[], Awaitable[object]], seconds: float = 10.0) -> None:
    """Wait until ``condition`` holds; fails after ``seconds``."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


class Platform:
    def __init__(self, resources: Resources, principal: Principal):
        self.resources = resources
        self.principal = principal
        self.provider = FolderProvider(resources.home / "machine", resources.objects)
        self.engine = self.make_engine("first")
        self.runner = Runner(self.engine)

    def make_engine(self, owner: str, *, lease_seconds: float = 5.0) -> Engine:
        return Engine(
            resources=self.resources,
            providers=Registry([self.provider]),
            owner=owner,
            lease_seconds=lease_seconds,
            health_timeout_seconds=2.0,
        )

    async def project(self, files: dict[str, str] | None = None, name: str = "shop") -> ProjectView:
        repository_id = await self.upload(files or STATIC)
        return await projects.create_project(
            self.resources, self.principal, ProjectInput(name=name, repository_id=repository_id)
        )

    async def upload(self, files: dict[str, str], repository_id: UUID | None = None) -> UUID:
        folder = self.resources.home / "upload"
        folder.mkdir(exist_ok=True)
        for path, text in files.items():
            (folder / path).write_text(text)
        archive = self.resources.home / "upload.tar.gz"
        pack(folder, archive)
        uploaded = await analyzer.store_upload(
            self.resources, self.principal, _chunks(archive), name="shop",
            repository_id=repository_id,
        )  # fmt: skip
        return uploaded.repository.id

    async def deploy(self, project: ProjectView, **body: object) -> DeploymentView:
        """Create a deployment, without running it."""
        return await deployments.create_deployment(
            self.resources,
            self.principal,
            project.id,
            DeploymentInput.model_validate(body),
            providers=self.engine.providers,
        )

    async def deployed(self, project: ProjectView, **body: object) -> DeploymentView:
        """Create a deployment and run it to its end."""
        created = await self.deploy(project, **body)
        await self.runner.run(created.id)
        return await self.view(created.id)

    async def context(self, deployment: DeploymentView) -> StepContext:
        """What a run of the deployment begins with."""
        engine = self.engine
        lease = await take_lease(
            self.resources.db, deployment.id, engine.owner, engine.lease_seconds
        )
        assert lease is not None
        return await load_context(engine, lease)

    async def unset(self, project: ProjectView, key: str, environment: str = "production") -> None:
        await variables.delete_variable(
            self.resources, self.principal, project.id, environment, key
        )

    async def view(self, deployment_id: UUID) -> DeploymentView:
        return await history.get_deployment(self.resources, self.principal, deployment_id)

    async def row(self, deployment_id: UUID) -> Deployment:
        async with self.resources.db.transaction() as session:
            return await session.get_one(Deployment, deployment_id)

    async def environment(self, project: ProjectView) -> Environment:
        async with self.resources.db.transaction() as session:
            found = await session.scalar(
                select(Environment).where(Environment.project_id == project.id)
            )
            assert found is not None
            return found

    async def environments(self, project: ProjectView) -> list[Environment]:
        async with self.resources.db.transaction() as session:
            found = await session.scalars(
                select(Environment).where(Environment.project_id == project.id)
            )
            return list(found)

    async def step(self, deployment_id: UUID, name: str) -> DeploymentStep:
        async with self.resources.db.transaction() as session:
            found = await session.scalar(
                select(DeploymentStep).where(
                    DeploymentStep.deployment_id == deployment_id, DeploymentStep.name == name
                )
            )
            assert found is not None
            return found

    async def set(self, deployment_id: UUID, **values: object) -> None:
        async with self.resources.db.transaction() as session:
            await session.execute(
                update(Deployment).where(Deployment.id == deployment_id).values(**values)
            )

    async def expire_lease(self, deployment_id: UUID) -> None:
        """As if the lease's time had passed."""
        row = await self.row(deployment_id)
        assert row.lease_expires_at is not None
        await self.set(deployment_id, lease_expires_at=row.created_at)

    async def messages(self, deployment_id: UUID) -> list[str]:
        page = await history.list_logs(
            self.resources, self.principal, deployment_id, after=0, limit=1000
        )
        return [line.message for line in page.items]


@asynccontextmanager
async def answering(platform: Platform) -> AsyncIterator[None]:
    """Its releases are servers, and all of them are well."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        platform.provider.check_urls = (f"http://127.0.0.1:{port}/",)
        yield


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    yield path.read_bytes()
