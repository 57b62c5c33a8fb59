"""Servers of JavaScript and TypeScript: what answers requests without drawing pages itself."""

from autodeploy.services.analyzer.frameworks.javascript.families import (
    BUNDLERS,
    PARTS,
    SERVERS,
    TOOLS,
)
from autodeploy.services.analyzer.frameworks.manifests import MANIFESTS
from autodeploy.services.analyzer.matcher import (
    Content,
    Dependency,
    File,
    FrameworkRecord,
    Script,
    Way,
)
from autodeploy.services.analyzer.plan import AppKind

# The start script runs a server of the repository's own.
OWN_SERVER = Script("start", r"(^|[\s/;&])(node|nodejs|tsx|ts-node|nodemon|pm2|bun|deno)\s")

# What a server is often run with, or beside.
ADAPTERS = frozenset({"node", "node-bot", "bun", "h3", "connect", "http-server", "webpack"}) | TOOLS


def _imported(name: str) -> tuple[Way, ...]:
    """By what the server imports, where another manifest names it, or none does."""
    pattern = rf"""(from|require\()\s*['"]{name}['"]"""
    return tuple(
        Way(0.85, (File("package.json"), Content(path, pattern)))
        for path in ("server.*", "src/server.*")
    )


# Clients of chat services: what they make listens nowhere.
_BOTS = (
    "discord.js", "eris", "oceanic.js", "telegraf", "grammy", "node-telegram-bot-api",
    "whatsapp-web.js", "matrix-bot-sdk", "tmi.js",
)  # fmt: skip

RECORDS = (
    FrameworkRecord(
        slug="nestjs",
        name="NestJS",
        language="node",
        kind=AppKind.SERVER,
        source="https://docs.nestjs.com/deployment",
        package="@nestjs/core",
        ways=(
            Way(0.985, (Dependency("@nestjs/core"), File("nest-cli.json"))),
            Way(0.98, (Dependency("@nestjs/core"),)),
        ),
        supersedes=SERVERS | TOOLS | BUNDLERS,
        build_command="nest build",
        start_command="node dist/main",
        start_scripts=("start:prod", "start:production", "start"),
        port=3000,
    ),
    FrameworkRecord(
        slug="fastify",
        name="Fastify",
        language="node",
        kind=AppKind.SERVER,
        source="https://fastify.dev/docs/latest/Guides/Getting-Started/",
        package="fastify",
        ways=(
            Way(0.98, (Dependency("fastify", production_only=True), OWN_SERVER)),
            Way(0.975, (Dependency("fastify-cli"), Script("start", r"\bfastify start\b"))),
            Way(0.93, (Dependency("fastify", production_only=True),)),
            *_imported("fastify"),
        ),
        supersedes=ADAPTERS,
        port=3000,
    ),
    FrameworkRecord(
        slug="hono",
        name="Hono",
        language="node",
        kind=AppKind.SERVER,
        source="https://hono.dev/docs/getting-started/nodejs",
        package="hono",
        ways=(
            Way(0.975, (Dependency("hono"), Dependency("@hono/node-server"))),
            Way(0.97, (Dependency("hono", production_only=True),)),
            *_imported("hono"),
        ),
        supersedes=ADAPTERS | BUNDLERS,
        port=3000,
    ),
    FrameworkRecord(
        slug="express",
        name="Express",
        language="node",
        kind=AppKind.SERVER,
        source="https://expressjs.com/en/starter/hello-world.html",
        package="express",
        ways=(
            Way(0.98, (Dependency("express", production_only=True), OWN_SERVER)),
            Way(0.94, (Dependency("express", production_only=True),)),
            Way(0.5, (Dependency("express"),)),
            *_imported("express"),
        ),
        supersedes=ADAPTERS,
        port=3000,
    ),
    FrameworkRecord(
        slug="koa",
        name="Koa",
        language="node",
        kind=AppKind.SERVER,
        source="https://koajs.com/",
        package="koa",
        ways=(Way(0.97, (Dependency("koa", production_only=True),)), *_imported("koa")),
        supersedes=ADAPTERS,
        port=3000,
    ),
    FrameworkRecord(
        slug="elysia",
        name="Elysia",
        language="node",
        kind=AppKind.SERVER,
        source="https://elysiajs.com/patterns/deploy.html",
        package="elysia",
        ways=(Way(0.975, (Dependency("elysia", production_only=True),)), *_imported("elysia")),
        supersedes=ADAPTERS,
        port=3000,
    ),
    FrameworkRecord(
        slug="h3",
        name="H3",
        language="node",
        kind=AppKind.SERVER,
        source="https://h3.dev/guide",
        package="h3",
        ways=(Way(0.88, (Dependency("h3", production_only=True),)), *_imported("h3")),
        supersedes=frozenset(),
        port=3000,
    ),
    FrameworkRecord(
        slug="nitro",
        name="Nitro",
        language="node",
        kind=AppKind.SERVER,
        source="https://nitro.build/deploy/runtimes/node",
        package="nitro",
        ways=(
            Way(0.97, (Dependency("nitropack"),)),
            Way(0.97, (Dependency("nitro"),)),
        ),
        supersedes=frozenset({"h3", "node"}),
        build_command="nitro build",
        start_command="node .output/server/index.mjs",
        port=3000,
    ),
    FrameworkRecord(
        slug="polka",
        name="Polka",
        language="node",
        kind=AppKind.SERVER,
        source="https://github.com/lukeed/polka#readme",
        package="polka",
        ways=(Way(0.88, (Dependency("polka", production_only=True),)), *_imported("polka")),
        supersedes=ADAPTERS,
        port=3000,
    ),
    FrameworkRecord(
        slug="connect",
        name="Connect",
        language="node",
        kind=AppKind.SERVER,
        source="https://github.com/senchalabs/connect#readme",
        package="connect",
        ways=(Way(0.85, (Dependency("connect", production_only=True),)),),
        supersedes=frozenset({"node"}),
        port=3000,
    ),
    FrameworkRecord(
        slug="medusa",
        name="Medusa",
        language="node",
        kind=AppKind.SERVER,
        source="https://docs.medusajs.com/learn/build",
        package="@medusajs/medusa",
        ways=(Way(0.98, (Dependency("@medusajs/medusa", production_only=True),)),),
        supersedes=PARTS,
        build_command="medusa build",
        start_command="medusa start",
        port=9000,
    ),
    FrameworkRecord(
        slug="xmcp",
        name="xmcp",
        language="node",
        kind=AppKind.SERVER,
        source="https://xmcp.dev/docs/deployment",
        package="xmcp",
        ways=(Way(0.98, (Dependency("xmcp", production_only=True),)),),
        supersedes=PARTS,
        build_command="xmcp build",
        start_command="node dist/http.js",
        port=3001,
    ),
    FrameworkRecord(
        slug="http-server",
        name="http-server",
        language="node",
        kind=AppKind.SERVER,
        source="https://github.com/http-party/http-server#readme",
        package="http-server",
        ways=(Way(0.85, (Dependency("http-server"), Script("start", r"\bhttp-server\b"))),),
        supersedes=frozenset({"node"}),
        port=3000,
    ),
    FrameworkRecord(
        slug="bun",
        name="Bun",
        language="node",
        kind=AppKind.SERVER,
        source="https://bun.com/docs/api/http",
        ways=(
            Way(0.8, (File("package.json"), Content("*.ts", r"\bBun\.serve\("))),
            Way(0.8, (File("package.json"), Content("src/*.ts", r"\bBun\.serve\("))),
        ),
        supersedes=frozenset({"node"}),
        port=3000,
    ),
    FrameworkRecord(
        slug="node",
        name="Node.js",
        language="node",
        kind=AppKind.SERVER,
        source="https://nodejs.org/api/http.html",
        generic=True,
        ways=(
            Way(0.78, (File("package.json"), Script("start", r"\S"))),
            Way(0.75, (File("package.json"), File("server.js"))),
            Way(0.72, (File("server.js"),)),
            Way(0.7, (File("server.?[jt]s"),)),
            Way(0.7, (File("server.ts"),)),
            *(
                Way(0.45, (File(path),), unless=(*MANIFESTS, File("*.html")))
                for path in ("*.js", "*.?js", "*.ts")
            ),
            Way(0.65, (File("package.json"), Script("build", r"\S"))),
            Way(0.64, (File("package.json"), File("index.js"))),
            Way(0.63, (File("package.json"), File("app.js"))),
            Way(0.4, (File("package.json"),)),
        ),
    ),
    FrameworkRecord(
        slug="node-bot",
        name="Bot",
        language="node",
        kind=AppKind.BOT,
        source="https://discordjs.guide/",
        generic=True,
        ways=tuple(Way(0.86, (Dependency(library, production_only=True),)) for library in _BOTS),
        supersedes=frozenset({"node"}),
    ),
)
