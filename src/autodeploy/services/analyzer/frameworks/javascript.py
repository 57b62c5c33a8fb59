"""Frameworks of JavaScript and TypeScript."""

from autodeploy.services.analyzer.matcher import (
    Advice,
    Content,
    Dependency,
    File,
    FrameworkRecord,
    Script,
    StaticExport,
    Way,
)
from autodeploy.services.analyzer.plan import AppKind

# The start script runs a server of the repository's own.
_OWN_SERVER = Script("start", r"(^|[\s/;&])(node|nodejs|tsx|ts-node|nodemon|pm2|bun|deno)\s")

# Frameworks that build with Vite but serve or lay out their output in their own way.
_BUILDS_WITH_VITE = tuple(
    Dependency(name)
    for name in (
        "@sveltejs/kit", "astro", "nuxt", "@remix-run/dev", "@react-router/dev",
        "@tanstack/react-start", "@tanstack/solid-start", "@solidjs/start", "@builder.io/qwik-city",
        "@analogjs/platform", "@shopify/hydrogen", "@redwoodjs/core", "vike", "vite-plugin-ssr",
        "waku", "vitepress", "gatsby", "@docusaurus/core", "@storybook/builder-vite", "nitropack",
        "@angular/core", "ember-source", "laravel-vite-plugin", "@ionic/angular", "vinxi", "expo",
    )
)  # fmt: skip

# Frameworks that bring such a server themselves.
_SERVERS_OF_FRAMEWORKS = tuple(
    Dependency(name)
    for name in (
        "@nestjs/core", "@medusajs/medusa", "astro", "nuxt", "@remix-run/dev",
        "@remix-run/express", "@react-router/dev", "@angular/core", "@sveltejs/kit", "sapper",
        "next",
    )
)  # fmt: skip

RECORDS = (
    FrameworkRecord(
        slug="nextjs",
        name="Next.js",
        language="node",
        kind=AppKind.SERVER,
        source="https://nextjs.org/docs/app/api-reference/cli/next",
        package="next",
        ways=(
            Way(0.98, (Dependency("next"), File("next.config.*"))),
            Way(0.96, (Dependency("next"),)),
        ),
        unless=(Dependency("blitz"),),
        supersedes=frozenset({"vite", "express", "fastapi", "flask", "streamlit"}),
        build_command="next build",
        start_command="next start -p $PORT",
        static_export=StaticExport(
            "out", when=(Content("next.config.*", r"""output\s*:\s*['"]export['"]"""),)
        ),
        server_rendered=True,
        port=3000,
    ),
    FrameworkRecord(
        slug="vite",
        name="Vite",
        language="node",
        kind=AppKind.STATIC,
        source="https://vite.dev/guide/static-deploy",
        package="vite",
        ways=(
            Way(0.95, (Dependency("vite"), File("vite.config.*"))),
            Way(0.93, (Dependency("vite"), Script("build", r"\bvite\b"))),
            Way(0.85, (Dependency("vite"),)),
            Way(0.9, (File("vite.config.*"), File("package.json"))),
        ),
        # A library is built with Vite too, and is no site.
        unless=(*_BUILDS_WITH_VITE, Content("vite.config.*", r"\blib\s*:\s*\{")),
        build_command="vite build",
        output_directory="dist",
        output_setting=Content("vite.config.*", r"""outDir\s*:\s*['"]([^'"]+)['"]"""),
        spa_fallback=True,
    ),
    FrameworkRecord(
        slug="astro",
        name="Astro",
        language="node",
        kind=AppKind.SERVER,
        source="https://docs.astro.build/en/guides/integrations-guide/node/",
        package="astro",
        ways=(
            Way(0.98, (Dependency("astro"), File("astro.config.*"))),
            Way(0.95, (Dependency("astro"),)),
        ),
        supersedes=frozenset({"vite", "express", "node"}),
        build_command="astro build",
        start_command="node ./dist/server/entry.mjs",
        static_export=StaticExport("dist", unless=(Dependency("@astrojs/node"),)),
        advice=(
            Advice(
                Content("astro.config.*", r"@astrojs/(vercel|netlify|cloudflare)"),
                "Astro's adapter is for another host: here `npx astro add node` is what serves.",
            ),
        ),
        server_rendered=True,
        port=4321,
    ),
    FrameworkRecord(
        slug="sveltekit",
        name="SvelteKit",
        language="node",
        kind=AppKind.SERVER,
        source="https://svelte.dev/docs/kit/adapter-node",
        package="@sveltejs/kit",
        ways=(
            Way(0.98, (Dependency("@sveltejs/kit"), File("svelte.config.*"))),
            Way(0.97, (Dependency("@sveltejs/kit"), File("vite.config.*"))),
            Way(0.93, (Dependency("@sveltejs/kit"),)),
        ),
        supersedes=frozenset({"vite", "express", "node"}),
        build_command="vite build",
        # Behind a proxy, forms are refused unless it is told which headers name the site.
        start_command="PROTOCOL_HEADER=x-forwarded-proto HOST_HEADER=x-forwarded-host node build",
        static_export=StaticExport(
            "build",
            when=(Dependency("@sveltejs/adapter-static"),),
            spa=(
                Content("svelte.config.*", r"""fallback\s*:\s*['"](index|200)\.html"""),
                Content("vite.config.*", r"""fallback\s*:\s*['"](index|200)\.html"""),
            ),
        ),
        advice=(
            # adapter-auto knows hosts by their variables, and this one by Google's:
            # adapters.js of @sveltejs/adapter-auto 7 (November 2026).
            Advice(
                Dependency("@sveltejs/adapter-auto"),
                "adapter-auto is told to build a Node server, and fetches adapter-node for it at "
                "each build: name @sveltejs/adapter-node in the configuration instead.",
                build_prefix="GCP_BUILDPACKS=1 ",
            ),
            *(
                Advice(
                    Dependency(f"@sveltejs/adapter-{host}"),
                    f"adapter-{host} builds for that host alone: here @sveltejs/adapter-node is "
                    "needed.",
                )
                for host in ("vercel", "netlify", "cloudflare")
            ),
        ),
        server_rendered=True,
        port=3000,
    ),
    FrameworkRecord(
        slug="nuxt",
        name="Nuxt",
        language="node",
        kind=AppKind.SERVER,
        source="https://nuxt.com/docs/getting-started/deployment",
        package="nuxt",
        ways=(
            Way(0.98, (Dependency("nuxt"), File("nuxt.config.*"))),
            Way(0.95, (Dependency("nuxt"),)),
        ),
        supersedes=frozenset({"vite", "express", "node"}),
        build_command="nuxt build",
        start_command="node .output/server/index.mjs",
        static_export=StaticExport(
            ".output/public", when=(Script("build", r"\bnuxi?t? generate\b"),)
        ),
        server_rendered=True,
        port=3000,
    ),
    FrameworkRecord(
        slug="react-router",
        name="React Router",
        language="node",
        kind=AppKind.SERVER,
        source="https://reactrouter.com/start/framework/deploying",
        package="@react-router/dev",
        ways=(Way(0.96, (Dependency("@react-router/dev"),)),),
        supersedes=frozenset({"vite", "express", "node"}),
        build_command="react-router build",
        start_command="react-router-serve ./build/server/index.js",
        static_export=StaticExport(
            "build/client",
            when=(Content("react-router.config.*", r"\bssr\s*:\s*false"),),
            spa=(Content("react-router.config.*", r"\bssr\s*:\s*false"),),
        ),
        server_rendered=True,
        port=3000,
    ),
    FrameworkRecord(
        slug="remix",
        name="Remix",
        language="node",
        kind=AppKind.SERVER,
        source="https://v2.remix.run/docs/guides/deployment",
        package="@remix-run/dev",
        ways=(Way(0.96, (Dependency("@remix-run/dev"),)),),
        supersedes=frozenset({"vite", "express", "node"}),
        build_command="remix vite:build",
        start_command="remix-serve ./build/server/index.js",
        static_export=StaticExport(
            "build/client",
            when=(Content("vite.config.*", r"\bssr\s*:\s*false"),),
            spa=(Content("vite.config.*", r"\bssr\s*:\s*false"),),
        ),
        server_rendered=True,
        port=3000,
    ),
    FrameworkRecord(
        slug="nestjs",
        name="NestJS",
        language="node",
        kind=AppKind.SERVER,
        source="https://docs.nestjs.com/deployment",
        package="@nestjs/core",
        ways=(
            Way(0.98, (Dependency("@nestjs/core"), File("nest-cli.json"))),
            Way(0.95, (Dependency("@nestjs/core"),)),
        ),
        supersedes=frozenset({"express", "fastify", "node", "vite"}),
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
            Way(0.97, (Dependency("fastify", production_only=True), _OWN_SERVER)),
            Way(0.96, (Dependency("fastify-cli"), Script("start", r"\bfastify start\b"))),
            Way(0.88, (Dependency("fastify", production_only=True),)),
        ),
        unless=_SERVERS_OF_FRAMEWORKS,
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
            Way(0.96, (Dependency("hono"), Dependency("@hono/node-server"))),
            Way(0.8, (Dependency("hono", production_only=True), _OWN_SERVER)),
        ),
        unless=_SERVERS_OF_FRAMEWORKS,
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
            Way(0.97, (Dependency("express", production_only=True), _OWN_SERVER)),
            Way(0.9, (Dependency("express", production_only=True),)),
            Way(0.5, (Dependency("express"),)),
        ),
        unless=_SERVERS_OF_FRAMEWORKS,
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
            Way(0.65, (File("package.json"), Script("build", r"\S"))),
            Way(0.64, (File("package.json"), File("index.js"))),
            Way(0.63, (File("package.json"), File("app.js"))),
            Way(0.4, (File("package.json"),)),
        ),
    ),
)  # fmt: skip
