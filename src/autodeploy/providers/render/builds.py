"""How Render builds an app and runs what came of it: by one of its own runtimes, or as the image of
a Dockerfile; nothing is called here.

An image is taken where it is asked for, and where there is no other way. Its paths are told from
the top of the repository, without a root directory: how Render would put the two together is
described in several ways, and an image has no need of one.
"""

from collections.abc import Mapping

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.providers.base import BuildSpec
from autodeploy.providers.images import ImageBuild
from autodeploy.providers.render.catalogue import FREE, LEAST_PAID, RUNTIMES

#: Render's name of the runtime that builds the image of a Dockerfile.
DOCKER = "docker"
# Render asks for a command where there is nothing to do.
_NOTHING = "true"


def image_of(spec: BuildSpec) -> ImageBuild | None:
    """The image that the app is built as; None where it is built by a runtime."""
    image = spec.image
    if image is None or spec.kind == "static":
        return None
    is_needed = spec.language not in RUNTIMES or spec.start_command is None
    return image if image.asked or is_needed else None


def runtime_of(spec: BuildSpec) -> str:
    """Raises ``DeploymentFailed`` where Render has none for the language, and there is no image."""
    if image_of(spec) is not None:
        return DOCKER
    runtime = RUNTIMES.get(spec.language or "")
    if runtime is None:
        raise DeploymentFailed(
            f"Render has no runtime for {spec.language or 'this language'}.",
            remedy=f"It has those of {', '.join(RUNTIMES)}. Add a Dockerfile to the app's folder, "
            "which Render builds whatever the language, or choose another provider.",
        )
    return runtime


def root_of(spec: BuildSpec) -> str:
    """The folder that all commands and paths are relative to."""
    return spec.root_directory if image_of(spec) is None else ""


def build_command(spec: BuildSpec) -> str:
    """What builds an app from source, also where there is nothing to do."""
    return " && ".join(filter(None, (spec.install_command, spec.build_command))) or _NOTHING


def process_details(spec: BuildSpec, command: str | None) -> Mapping[str, object]:
    """What builds a process of an app, and the command that it runs: for an image None is the
    image's own.

    The command of an image is told where there is none, too: it takes an earlier one away.
    """
    image = image_of(spec)
    if image is None:
        commands = {"buildCommand": build_command(spec), "startCommand": command or _NOTHING}
    else:
        commands = {
            "dockerfilePath": f"./{image.dockerfile}",
            "dockerContext": image.context,
            "dockerCommand": command or "",
        }
    return {"runtime": runtime_of(spec), "envSpecificDetails": commands}


def app_details(spec: BuildSpec, plan: str) -> Mapping[str, object]:
    """What builds and runs the app itself on a plan, and prepares its releases.

    The free plan has no command before a deploy. A build from source runs it at each start there;
    an image starts by itself. Raises ``DeploymentFailed`` for one that is to be prepared.
    """
    image = image_of(spec)
    start = image.command if image else spec.start_command
    release = image.release_command if image else spec.release_command
    if plan != FREE:
        return {**process_details(spec, start), "preDeployCommand": release or ""}
    if image and release:
        raise DeploymentFailed(
            f"Render runs no command before a release on the plan {FREE}, and the app's image "
            "starts by a command of its own.",
            field="configuration.plan",
            remedy=f"Choose a paid plan (the least is {LEAST_PAID}), or let the image run "
            f"`{release}` before it starts and declare no release command.",
        )
    return process_details(spec, " && ".join(filter(None, (release, start))) or None)
