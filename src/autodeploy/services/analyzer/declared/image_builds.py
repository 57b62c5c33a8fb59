"""The image that an owner asks for by name, as ``autodeploy.toml`` and ``render.yaml`` do."""

from autodeploy.providers.images import ImageBuild
from autodeploy.services.analyzer.declared.dockerfile import exposed_port
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.tree import SourceTree


def asked_image(
    tree: SourceTree,
    dockerfile: str,
    context: str,
    *,
    command: str | None = None,
    release_command: str | None = None,
) -> ImageBuild | None:
    """The image of a Dockerfile; None where there is no such file. Both paths are relative to the
    repository."""
    repository = SourceFiles(tree)
    if not repository.has(dockerfile):
        return None
    return ImageBuild(
        dockerfile,
        context or ".",
        command,
        release_command,
        exposed_port(repository.text(dockerfile) or ""),
        asked=True,
    )
