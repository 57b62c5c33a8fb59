"""Why a build or release on this machine fails."""

from autodeploy.kernel.errors import DeploymentFailed


class InstallFailed(DeploymentFailed):
    """The command that installs dependencies ended with an error."""

    code = "install_failed"


class LockFileOutdated(InstallFailed):
    """The lock file does not fit the manifest, so it cannot be installed exactly."""

    code = "lock_file_outdated"


class LockFileBroken(InstallFailed):
    """The lock file cannot be read."""

    code = "lock_file_broken"


class DependencyConflict(InstallFailed):
    """The app's packages ask for versions of each other that exclude each other."""

    code = "dependency_conflict"


class PackageNotFound(InstallFailed):
    """The registry has no package, or no version of it, that the app asks for."""

    code = "package_not_found"


class RegistryUnreachable(InstallFailed):
    """A package registry did not answer."""

    code = "registry_unreachable"


class BuildFailed(DeploymentFailed):
    """The build command ended with an error, or did not make what it should."""

    code = "build_failed"


class BuildTimeout(DeploymentFailed):
    """A command took longer than a build may."""

    code = "build_timeout"


class OutOfMemory(DeploymentFailed):
    """A command needed more memory than a build may have."""

    code = "out_of_memory"


class BuildTooLarge(DeploymentFailed):
    """A build wrote more than a build may."""

    code = "build_too_large"


class ProcessLimit(DeploymentFailed):
    """A command started more processes than a build may."""

    code = "process_limit"


class RuntimeMissing(DeploymentFailed):
    """This machine has no interpreter that the app can run on."""

    code = "runtime_missing"


class BuildSandboxUnavailable(DeploymentFailed):
    """Nothing of a user's code runs outside a sandbox, and this machine allows none."""

    code = "sandbox_unavailable"


class ArtifactUnusable(DeploymentFailed):
    """A build result is too large, or has links that leave it."""

    code = "artifact_unusable"


class ReleaseCommandFailed(DeploymentFailed):
    """The command that prepares a release, such as a migration, ended with an error."""

    code = "release_command_failed"
