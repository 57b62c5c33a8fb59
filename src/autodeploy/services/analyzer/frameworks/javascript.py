"""Frameworks of JavaScript and TypeScript."""

from autodeploy.services.analyzer.matcher import (
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
            Content("next.config.*", r"""output\s*:\s*['"]export['"]"""), "out"
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
        unless=_BUILDS_WITH_VITE,
        build_command="vite build",
        output_directory="dist",
        output_setting=Content("vite.config.*", r"""outDir\s*:\s*['"]([^'"]+)['"]"""),
        spa_fallback=True,
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
        unless=(
            Dependency("@nestjs/core"), Dependency("@medusajs/medusa"), Dependency("astro"),
            Dependency("nuxt"), Dependency("@remix-run/express"), Dependency("@react-router/dev"),
            Dependency("@angular/core"), Dependency("@sveltejs/kit"), Dependency("sapper"),
        ),
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
