"""``railway.json`` and ``.toml`` (https://docs.railway.com/reference/config-as-code, 2026-11)."""

from autodeploy.services.analyzer.declared import nixpacks
from autodeploy.services.analyzer.declared.base import Declared, Said, Source
from autodeploy.services.analyzer.declared.commands import build_parts
from autodeploy.services.analyzer.declared.document import Document, open_document
from autodeploy.services.analyzer.declared.images import image_only
from autodeploy.services.analyzer.evidence import SourceFiles

_LACKS = {"cronSchedule": "services that run at their times alone"}


def declare(files: SourceFiles) -> Declared | None:
    document = open_document(files, Source.RAILWAY)
    if document is None:
        return None
    build, deploy = document.part("build"), document.part("deploy")
    for part in (deploy, document.part("environments", "production", "deploy")):
        part.lacks(_LACKS)
    planned = nixpacks.read(build.part("nixpacksPlan"))
    start, release = deploy.command("startCommand"), deploy.command("preDeployCommand")
    install, built = build_parts(build.command("buildCommand"))
    return Declared(
        install=install or planned.install,
        build=built or planned.build,
        start=_runs_here(start, document) or planned.start,
        release=_runs_here(release, document),
        health_path=deploy.request_path("healthcheckPath"),
        runtimes=planned.runtimes,
        variables=planned.variables,
    )


def _runs_here(said: Said[str] | None, document: Document) -> Said[str] | None:
    """The command, unless it names what only the image has that Railway would build."""
    return None if said and image_only(said, document) else said
