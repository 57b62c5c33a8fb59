"""Further full-stack frameworks of JavaScript and TypeScript, each with a server of its own."""

from autodeploy.services.analyzer.frameworks.javascript.families import PARTS
from autodeploy.services.analyzer.matcher import (
    Content,
    Dependency,
    File,
    FrameworkRecord,
    StaticExport,
    Way,
)
from autodeploy.services.analyzer.plan import AppKind

_PRERENDERED = r"\bprerender\s*:\s*(true|\{)"

_TANSTACK_START = ("@tanstack/react-start", "@tanstack/solid-start", "@tanstack/start")
_NITRO_SERVER = "node .output/server/index.mjs"
# Up to 1.131 TanStack Start was built with Nitro; since then it is where it is asked for.
_WITH_NITRO = (
    Dependency("nitro"),
    Dependency("nitropack"),
    Dependency("@tanstack/nitro-v2-vite-plugin"),
    Content(
        "package.json",
        r"\"@tanstack/(react-|solid-)?start\"\s*:\s*\"[~^]?1\.(\d\d?|1[0-2]\d|13[01])\.",
    ),
)

RECORDS = (
    FrameworkRecord(
        slug="solid-start",
        name="SolidStart",
        language="node",
        kind=AppKind.SSR,
        source="https://docs.solidjs.com/solid-start/v2/guides/deployment-plugins",
        package="@solidjs/start",
        ways=(
            Way(
                0.983,
                (Dependency("@solidjs/start"), Dependency("vinxi")),
                build_command="vinxi build",
            ),
            Way(0.98, (Dependency("@solidjs/start"),)),
            Way(0.98, (Dependency("solid-start"),), build_command="solid-start build"),
        ),
        supersedes=PARTS,
        build_command="vite build",
        start_command="node .output/server/index.mjs",
        port=3000,
    ),
    FrameworkRecord(
        slug="qwik",
        name="Qwik",
        language="node",
        kind=AppKind.SSR,
        source="https://qwik.dev/docs/deployments/node/",
        package="@builder.io/qwik",
        ways=(
            Way(0.98, (Dependency("@builder.io/qwik-city"),)),
            Way(0.98, (Dependency("@qwik.dev/router"),)),
            Way(0.98, (Dependency("@builder.io/qwik"),)),
            Way(0.98, (Dependency("@qwik.dev/core"),)),
        ),
        supersedes=PARTS,
        build_command="qwik build",
        start_scripts=("serve", "start:prod", "start"),
        static_export=StaticExport(
            "dist",
            when=(File("adapters/static/*"), File("adapters/ssg/*")),
            unless=(File("adapters/*/*"), File("src/entry.*")),
        ),
        port=3000,
    ),
    FrameworkRecord(
        slug="tanstack-start",
        name="TanStack Start",
        language="node",
        kind=AppKind.SSR,
        source="https://tanstack.com/start/latest/docs/framework/react/guide/hosting",
        package="@tanstack/react-start",
        ways=(
            *(
                Way(
                    0.983,
                    (Dependency(name), Dependency("vinxi")),
                    build_command="vinxi build",
                    start_command=_NITRO_SERVER,
                )
                for name in _TANSTACK_START
            ),
            *(
                Way(0.981, (Dependency(name), nitro), start_command=_NITRO_SERVER)
                for name in _TANSTACK_START
                for nitro in _WITH_NITRO
            ),
            *(Way(0.98, (Dependency(name),)) for name in _TANSTACK_START),
        ),
        supersedes=PARTS,
        build_command="vite build",
        # The build is a handler alone, which srvx serves (https://srvx.h3.dev/guide/cli).
        start_command="srvx --prod -s ../client dist/server/server.js",
        port=3000,
    ),
    FrameworkRecord(
        slug="analog",
        name="Analog",
        language="node",
        kind=AppKind.SSR,
        source="https://analogjs.org/docs/features/deployment/overview",
        package="@analogjs/platform",
        ways=(Way(0.98, (Dependency("@analogjs/platform"),)),),
        supersedes=PARTS | {"angular"},
        build_command="vite build",
        start_command="node dist/analog/server/index.mjs",
        port=3000,
    ),
    FrameworkRecord(
        slug="blitz",
        name="Blitz.js",
        language="node",
        kind=AppKind.SSR,
        source="https://blitzjs.com/docs/deploy-heroku",
        package="blitz",
        ways=(
            Way(0.98, (Dependency("blitz"),)),
            Way(0.97, (File("blitz.config.*"),)),
        ),
        supersedes=PARTS | {"nextjs"},
        build_command="blitz build",
        start_command="blitz start -p $PORT",
        port=3000,
    ),
    FrameworkRecord(
        slug="redwoodjs",
        name="RedwoodJS",
        language="node",
        kind=AppKind.SSR,
        source="https://docs.redwoodjs.com/docs/deploy/baremetal",
        package="@redwoodjs/core",
        ways=(
            Way(0.98, (Dependency("@redwoodjs/core"),)),
            Way(0.93, (File("redwood.toml"),)),
        ),
        supersedes=PARTS,
        build_command="rw build",
        start_command="rw serve --web-port $PORT",
        port=8910,
    ),
    FrameworkRecord(
        slug="hydrogen",
        name="Hydrogen",
        language="node",
        kind=AppKind.SSR,
        source="https://shopify.dev/docs/storefronts/headless/legacy/hydrogen/cookbook/express",
        package="@shopify/hydrogen",
        ways=(
            Way(0.98, (Dependency("@shopify/hydrogen"),)),
            Way(0.97, (File("hydrogen.config.*"),)),
        ),
        supersedes=PARTS | {"remix", "react-router"},
        build_command="shopify hydrogen build",
        port=3000,
    ),
    FrameworkRecord(
        slug="vike",
        name="Vike",
        language="node",
        kind=AppKind.SSR,
        source="https://vike.dev/self-host",
        package="vike",
        ways=(
            Way(0.975, (Dependency("vike"),)),
            Way(0.975, (Dependency("vite-plugin-ssr"),)),
        ),
        supersedes=PARTS,
        build_command="vike build",
        start_command="node ./dist/server/index.mjs",
        start_scripts=("start", "prod", "server:prod", "server"),
        # Pages are written ahead where the configuration says so; before +config files it was
        # Vite's.
        static_export=StaticExport(
            "dist/client",
            when=(
                Content("pages/+config.*", _PRERENDERED),
                Content("*/pages/+config.*", _PRERENDERED),
                Content("renderer/+config.*", _PRERENDERED),
                Content("vite.config.*", _PRERENDERED),
            ),
        ),
        port=3000,
    ),
    FrameworkRecord(
        slug="waku",
        name="Waku",
        language="node",
        kind=AppKind.SSR,
        source="https://waku.gg/#deployment",
        package="waku",
        ways=(Way(0.98, (Dependency("waku"),)),),
        supersedes=PARTS,
        build_command="waku build",
        start_command="waku start --port $PORT",
        port=8080,
    ),
    FrameworkRecord(
        slug="sapper",
        name="Sapper",
        language="node",
        kind=AppKind.SSR,
        source="https://sapper.svelte.dev/docs#Deployment",
        package="sapper",
        ways=(Way(0.98, (Dependency("sapper"),)),),
        supersedes=PARTS,
        build_command="sapper build",
        start_command="node __sapper__/build",
        port=3000,
    ),
    FrameworkRecord(
        slug="mastra",
        name="Mastra",
        language="node",
        kind=AppKind.SERVER,
        source="https://mastra.ai/docs/deployment/mastra-server",
        package="@mastra/core",
        ways=(
            Way(0.98, (Dependency("mastra"),)),
            Way(0.97, (Dependency("@mastra/core"),)),
        ),
        supersedes=PARTS - {"express", "hono"},
        build_command="mastra build",
        start_command="node .mastra/output/index.mjs",
        port=4111,
    ),
    FrameworkRecord(
        slug="marko",
        name="Marko",
        language="node",
        kind=AppKind.SSR,
        source="https://markojs.com/docs/marko-run/",
        package="marko",
        ways=(
            Way(0.93, (Dependency("@marko/run"),), build_command="marko-run build"),
            Way(0.92, (Dependency("marko-starter"),)),
            Way(0.88, (Dependency("marko"),)),
        ),
        supersedes=frozenset({"vite", "webpack", "connect"}),
        port=3000,
    ),
)
