"""Why a deployment at Vercel fails; the codes are those that other providers have for the same."""

from autodeploy.kernel.errors import DeploymentFailed


class BuildFailed(DeploymentFailed):
    """The build at Vercel ended with an error, or its result got no address."""

    code = "build_failed"


class DeploymentBlocked(BuildFailed):
    """Vercel waits for somebody's right: the deployment never goes on by itself."""


class BuildTimeout(DeploymentFailed):
    """A build, or what follows it, took longer than it may."""

    code = "build_timeout"
