"""Where the commit of a deployment lies, for providers that fetch it themselves."""

from dataclasses import replace

from autodeploy.providers.base import CommitSource
from autodeploy.providers.github.service import WEB_URL
from autodeploy.providers.manifests import Capability
from autodeploy.providers.registry import Registry
from autodeploy.services.analyzer.models import Repository, RepositoryKind
from autodeploy.services.deployer.models import Deployment


def commit_of(
    providers: Registry, repository: Repository, deployment: Deployment
) -> CommitSource | None:
    """None for an upload, which is with us alone."""
    if repository.kind == RepositoryKind.UPLOAD:
        return None
    source = CommitSource(repository.url, deployment.branch, deployment.commit_sha)
    # One that was added while GitHub was set to be elsewhere is a repository like any other.
    web = _github_web(providers)
    if repository.kind != RepositoryKind.GITHUB or not repository.url.startswith(f"{web}/"):
        return source
    return replace(
        source, github=repository.full_name, github_id=repository.github_id, github_web=web
    )


def _github_web(providers: Registry) -> str:
    """Where the pages of GitHub are, as the operator has set it."""
    if not providers.can("github", Capability.SOURCE):
        return WEB_URL
    return providers.sources("github").url_of("").rstrip("/")
