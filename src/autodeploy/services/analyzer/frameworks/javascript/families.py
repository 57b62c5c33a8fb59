"""Families of JavaScript tools, for what supersedes what.

A framework is built out of others: Next.js brings React, Nuxt brings Vite. What is built on top
is the answer; what it is built of is a candidate that lost.
"""

from autodeploy.services.analyzer.matcher import Condition, Content, Dependency, File, Script, Way

BUNDLERS = frozenset({"vite", "webpack", "parcel", "brunch"})

# What draws the page; it says nothing of how the page is built or served.
VIEWS = frozenset(
    {"react", "preact", "vue", "svelte", "solid", "lit", "mithril", "aurelia", "marko", "polymer"}
)

ROUTERS = frozenset({"tanstack-router"})

# What answers requests, and is a part of many full-stack frameworks.
SERVERS = frozenset(
    {
        "express", "fastify", "koa", "hono", "h3", "polka", "connect", "nitro", "elysia",
        "http-server", "bun",
    }
)  # fmt: skip

# What runs the scripts of a monorepo, and builds of storybooks beside an app.
TOOLS = frozenset({"nx", "turborepo", "storybook"})

# What a full-stack framework is made of or lies beside.
PARTS = BUNDLERS | VIEWS | ROUTERS | SERVERS | TOOLS | {"node", "node-bot"}


def page_ways(*packages: str) -> tuple[Way, ...]:
    """How an app that is built of ``packages`` alone is told from a library with a build script.

    It has a page of its own, and is not to be published, or is started by a bundler; Rsbuild makes
    the page itself. What lies in ``public`` is copied, or served in place: where to is the
    framework's habit.
    """
    built: tuple[Condition, ...] = (
        *(Dependency(name) for name in packages),
        Script("build", r"\S"),
    )
    bundler = r"\b(webpack|webpack-dev-server|rollup|parcel|esbuild)\b"
    private = Content("package.json", r'"private"\s*:\s*true')
    return (
        Way(0.8, (*built, Script("build", r"\brsbuild build\b")), output_directory="dist"),
        Way(0.8, (*built, Script("start", bundler), File("public/index.html"))),
        Way(0.74, (*built, private, File("index.html")), output_directory="dist"),
        Way(0.74, (*built, private, File("src/index.html")), output_directory="dist"),
        Way(0.74, (*built, private, File("public/index.html"))),
    )


def workspace_ways(*signs: Condition) -> tuple[Way, ...]:
    """How the root of a workspace, which has a build script too, is told from an app."""
    declared = (Content("package.json", r'"workspaces"\s*:'), File("pnpm-workspace.yaml"))
    return tuple(Way(0.7, (*signs, one)) for one in declared)
