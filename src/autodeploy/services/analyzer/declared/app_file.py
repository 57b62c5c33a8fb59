"""``autodeploy.toml`` beside the files of others: what its reader found, as ``Declared``."""

from autodeploy.kernel.app_file import (
    APP_FILE,
    AppFile,
    AutodeployTomlInvalid,
    DeclaredImage,
    line_of_key,
)
from autodeploy.providers.images import ImageBuild
from autodeploy.services.analyzer.declared.base import Declared, Said, SaidCron, Source, Value
from autodeploy.services.analyzer.declared.image_builds import asked_image
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.tree import normal_path


def declare(said: AppFile, files: SourceFiles) -> Declared:
    """What the file says, but for its variables (``entries/app_file``).

    Raises ``AutodeployTomlInvalid`` for an image of no Dockerfile.
    """
    text = files.text(APP_FILE) or "" if files.has(APP_FILE) else ""

    def value(key: str, found: Value | None) -> Said[Value] | None:
        if found is None:
            return None
        line = line_of_key(text, tuple(key.split(".")))
        return Said(found, Source.APP_FILE, files.at(APP_FILE), key, line)

    named = {name: value(f"workers.{name}", line) for name, line in said.workers.items()}
    timed = {
        name: SaidCron(one.schedule, line)
        for name, one in said.cron.items()
        if (line := value(f"cron.{name}", one.command)) is not None
    }
    asked = {name: value(name, version) for name, version in
             (("node", said.node), ("python", said.python))}  # fmt: skip
    return Declared(
        install=value("install", said.install),
        build=value("build", said.build),
        start=value("start", said.start),
        release=value("release", said.release),
        private=value("private", said.private),
        more_workers={name: line for name, line in named.items() if line} or None,
        crons=timed or None,
        output_directory=value("output", None if said.output is None else said.output or "."),
        spa_fallback=value("spa", said.spa),
        health_path=value("health", said.health),
        image=value("docker", _image(said.docker, files)),
        runtimes={name: version for name, version in asked.items() if version},
    )


def _image(said: DeclaredImage | None, files: SourceFiles) -> ImageBuild | None:
    if said is None:
        return None
    context = normal_path(files.at(said.context))
    if context is None or not SourceFiles(files.tree).entries(context):
        raise AutodeployTomlInvalid(
            f"{files.at(APP_FILE)}: `docker.context` is {said.context}, and the repository has no "
            "such folder.",
            field="docker.context",
            remedy="Name the folder that the image is built from, relative to the app's folder.",
        )
    image = asked_image(files.tree, files.at(said.file), context)
    if image is None:
        raise AutodeployTomlInvalid(
            f"{files.at(APP_FILE)}: `docker.file` is {said.file}, and there is no such file.",
            field="docker.file",
            remedy="Name the app's Dockerfile, relative to the app's folder, or add it.",
        )
    return image
