"""Full-stack frameworks of JavaScript and TypeScript: rendered on a server or written once."""

from dataclasses import replace

from autodeploy.services.analyzer.frameworks.javascript.families import PARTS
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

_ASTRO = FrameworkRecord(
    slug="astro",
    name="Astro",
    language="node",
    kind=AppKind.SSR,
    source="https://docs.astro.build/en/guides/integrations-guide/node/",
    package="astro",
    ways=(
        Way(0.985, (Dependency("astro"), File("astro.config.*"))),
        Way(0.98, (Dependency("astro"),)),
        Way(0.93, (File("astro.config.*"),)),
    ),
    supersedes=PARTS,
    build_command="astro build",
    start_command="node ./dist/server/entry.mjs",
    static_export=StaticExport("dist", unless=(Dependency("@astrojs/node"),)),
    advice=(
        Advice(
            Content("astro.config.*", r"@astrojs/(vercel|netlify|cloudflare)"),
            "Astro's adapter is for another host: here `npx astro add node` is what serves.",
        ),
    ),
    port=4321,
)

RECORDS = (
    FrameworkRecord(
        slug="nextjs",
        name="Next.js",
        language="node",
        kind=AppKind.SSR,
        source="https://nextjs.org/docs/app/api-reference/cli/next",
        package="next",
        ways=(
            Way(0.985, (Dependency("next"), File("next.config.*"))),
            Way(0.98, (Dependency("next"),)),
            Way(0.93, (File("next.config.*"),), unless=(File("package.json"),)),
        ),
        supersedes=PARTS | {"fastapi", "flask", "streamlit"},
        build_command="next build",
        start_command="next start -p $PORT",
        static_export=StaticExport(
            "out", when=(Content("next.config.*", r"""output\s*:\s*['"]export['"]"""),)
        ),
        port=3000,
    ),
    _ASTRO,
    replace(
        _ASTRO,
        slug="starlight",
        name="Starlight",
        source="https://starlight.astro.build/getting-started/",
        package="@astrojs/starlight",
        ways=(Way(0.983, (Dependency("@astrojs/starlight"),)),),
        supersedes=PARTS | {"astro"},
    ),
    FrameworkRecord(
        slug="sveltekit",
        name="SvelteKit",
        language="node",
        kind=AppKind.SSR,
        source="https://svelte.dev/docs/kit/adapter-node",
        package="@sveltejs/kit",
        ways=(
            Way(0.985, (Dependency("@sveltejs/kit"), File("svelte.config.*"))),
            Way(0.98, (Dependency("@sveltejs/kit"), File("vite.config.*"))),
            Way(0.97, (Dependency("@sveltejs/kit"),)),
        ),
        supersedes=PARTS,
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
        port=3000,
    ),
    FrameworkRecord(
        slug="nuxt",
        name="Nuxt",
        language="node",
        kind=AppKind.SSR,
        source="https://nuxt.com/docs/getting-started/deployment",
        package="nuxt",
        ways=(
            Way(0.985, (Dependency("nuxt"), File("nuxt.config.*"))),
            Way(0.98, (Dependency("nuxt"),)),
            # What its earlier and nightly releases were published as.
            *(Way(0.97, (Dependency(name),)) for name in ("nuxt3", "nuxt-edge", "nuxt-nightly")),
        ),
        supersedes=PARTS,
        build_command="nuxt build",
        start_command="node .output/server/index.mjs",
        static_export=StaticExport(
            ".output/public", when=(Script("build", r"\bnuxi?t? generate\b"),)
        ),
        port=3000,
    ),
    FrameworkRecord(
        slug="react-router",
        name="React Router",
        language="node",
        kind=AppKind.SSR,
        source="https://reactrouter.com/start/framework/deploying",
        package="@react-router/dev",
        ways=(
            Way(0.98, (Dependency("@react-router/dev"),)),
            Way(0.97, (File("react-router.config.*"),)),
            Way(0.93, (Content("vite.config.*", r"@react-router/dev"),)),
        ),
        supersedes=PARTS,
        build_command="react-router build",
        start_command="react-router-serve ./build/server/index.js",
        static_export=StaticExport(
            "build/client",
            when=(Content("react-router.config.*", r"\bssr\s*:\s*false"),),
            spa=(Content("react-router.config.*", r"\bssr\s*:\s*false"),),
        ),
        port=3000,
    ),
    FrameworkRecord(
        slug="remix",
        name="Remix",
        language="node",
        kind=AppKind.SSR,
        source="https://v2.remix.run/docs/guides/deployment",
        package="@remix-run/dev",
        ways=(
            Way(0.98, (Dependency("@remix-run/dev"),)),
            Way(0.92, (File("remix.config.*"),)),
        ),
        supersedes=PARTS,
        build_command="remix vite:build",
        start_command="remix-serve ./build/server/index.js",
        static_export=StaticExport(
            "build/client",
            when=(Content("vite.config.*", r"\bssr\s*:\s*false"),),
            spa=(Content("vite.config.*", r"\bssr\s*:\s*false"),),
        ),
        port=3000,
    ),
)
