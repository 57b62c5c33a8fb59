"""How Vercel is to build an app: what our plan says, in the words of its project settings."""

import re

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.providers.base import BuildSpec

#: Frameworks that Vercel knows by the same name (its SDK 1.28.35, ``projectSettings.framework``).
_SAME = frozenset({
    "angular", "astro", "brunch", "create-react-app", "django",
    "eleventy", "elysia", "ember", "express", "fastapi", "fasthtml", "fastify", "flask", "gatsby",
    "gridsome", "h3", "hexo", "hono", "hugo", "hydrogen", "ionic-angular", "ionic-react", "jekyll",
    "koa", "mastra", "middleman", "nestjs", "nextjs", "nitro", "parcel", "polymer", "preact",
    "react-router", "redwoodjs", "remix", "sanity", "sapper", "scully", "stencil", "storybook",
    "svelte", "tanstack-start", "umijs", "vite", "vitepress", "vue", "vuepress", "xmcp", "zola",
})  # fmt: skip
#: And those that it names otherwise.
_RENAMED = {
    "blitz": "blitzjs",
    "docusaurus": "docusaurus-2",
    "nuxt": "nuxtjs",
    "solid-start": "solidstart-1",
    "starlight": "astro",
    "sveltekit": "sveltekit-1",
}
_NODE_MAJORS = ("24", "22", "20", "18")
_LONGEST = 256
_ELSEWHERE = "Choose a provider that runs processes, such as this machine or Render."


def settings_of(spec: BuildSpec) -> dict[str, object]:
    """``projectSettings`` of a deployment.

    Raises ``DeploymentFailed`` for what Vercel does not run: it serves files, and functions of the
    frameworks that it knows.
    """
    framework = _framework(spec)
    _require_runnable(spec, framework)
    # Of an app that it knows no framework of, Vercel is to run nothing by itself.
    otherwise = None if framework else ""
    settings: dict[str, object] = {
        "framework": framework,
        "buildCommand": _command("build", spec.build_command) or otherwise,
        "installCommand": _command("install", spec.install_command) or otherwise,
        "outputDirectory": spec.output_directory if spec.kind == "static" else None,
        "rootDirectory": spec.root_directory or None,
    }
    major = re.match(r"\d+", spec.runtime_version or "")
    if spec.language == "node" and major and major[0] in _NODE_MAJORS:
        settings["nodeVersion"] = f"{major[0]}.x"
    return settings


def _framework(spec: BuildSpec) -> str | None:
    slug = spec.framework or ""
    return _RENAMED.get(slug, slug if slug in _SAME else None)


def _require_runnable(spec: BuildSpec, framework: str | None) -> None:
    if spec.kind == "worker" or spec.workers:
        raise DeploymentFailed("Vercel runs no workers.", remedy=_ELSEWHERE)
    if spec.release_command:
        raise DeploymentFailed("Vercel runs no release commands.", remedy=_ELSEWHERE)
    if spec.kind == "server" and framework is None:
        named = spec.framework or spec.language or "this app"
        # Vercel knows some languages without a framework, too, by conventions of its own.
        raise DeploymentFailed(
            f"A server of {named} is none that AutoDeploy sets up at Vercel.", remedy=_ELSEWHERE
        )


def _command(name: str, command: str | None) -> str | None:
    if command is not None and len(command) > _LONGEST:
        raise DeploymentFailed(
            f"The {name} command is longer than the {_LONGEST} characters that Vercel takes.",
            remedy="Put it into a script of the repository, and name that.",
        )
    return command
