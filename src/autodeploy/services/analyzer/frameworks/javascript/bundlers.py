"""Bundlers: what builds a front end that names no framework, and what runs a monorepo's tasks."""

from autodeploy.services.analyzer.frameworks.javascript.families import (
    ROUTERS,
    VIEWS,
    workspace_ways,
)
from autodeploy.services.analyzer.matcher import (
    Condition,
    Content,
    Dependency,
    File,
    FrameworkRecord,
    Script,
    Way,
)
from autodeploy.services.analyzer.plan import AppKind

# The root of a monorepo holds the tools of its members.
_WORKSPACE_ROOT: tuple[Condition, ...] = (
    *(
        File(path)
        for path in ("turbo.json", "nx.json", "lerna.json", "rush.json", "pnpm-workspace.yaml")
    ),
    Content("package.json", r'"workspaces"\s*:'),
)

RECORDS = (
    FrameworkRecord(
        slug="vite",
        name="Vite",
        language="node",
        kind=AppKind.STATIC,
        source="https://vite.dev/guide/static-deploy",
        package="vite",
        ways=(
            # Vite+ (https://viteplus.dev/guide/build) brings Vite, and builds by its own program.
            Way(
                0.975, (Dependency("vite-plus"),), unless=_WORKSPACE_ROOT, build_command="vp build"
            ),
            Way(0.97, (Dependency("vite"), File("vite.config.*"))),
            Way(0.93, (Dependency("vite"), Script("build", r"\bvite\b"))),
            Way(0.85, (Dependency("vite"),), unless=_WORKSPACE_ROOT),
            Way(0.9, (File("vite.config.*"), File("package.json"))),
        ),
        # A library is built with Vite too, and is no site.
        unless=(Content("vite.config.*", r"\blib\s*:\s*\{"), Dependency("laravel-vite-plugin")),
        supersedes=frozenset({"webpack", "parcel"}) | VIEWS - {"marko"} | ROUTERS,
        build_command="vite build",
        output_directory="dist",
        output_setting=Content("vite.config.*", r"""outDir\s*:\s*['"]([^'"]+)['"]"""),
        spa_fallback=True,
    ),
    FrameworkRecord(
        slug="parcel",
        name="Parcel",
        language="node",
        kind=AppKind.STATIC,
        source="https://parceljs.org/features/production/",
        package="parcel",
        ways=(
            Way(0.93, (Dependency("parcel"), Script("build", r"\bparcel\b"))),
            Way(0.93, (Dependency("parcel-bundler"), Script("build", r"\bparcel\b"))),
            Way(0.85, (Dependency("parcel"),), unless=_WORKSPACE_ROOT),
            Way(0.8, (Dependency("parcel-bundler"),)),
        ),
        supersedes=VIEWS,
        build_command="parcel build",
        output_directory="dist",
        spa_fallback=True,
    ),
    FrameworkRecord(
        slug="brunch",
        name="Brunch",
        language="node",
        kind=AppKind.STATIC,
        source="https://brunch.io/docs/commands",
        package="brunch",
        ways=(
            Way(0.98, (Dependency("brunch"),)),
            Way(0.92, (File("brunch-config.*"),)),
        ),
        supersedes=VIEWS,
        build_command="brunch build --production",
        output_directory="public",
    ),
    FrameworkRecord(
        slug="webpack",
        name="webpack",
        language="node",
        kind=AppKind.STATIC,
        source="https://webpack.js.org/guides/production/",
        package="webpack",
        ways=(
            # The plugin makes the page of a site.
            Way(
                0.74,
                (
                    Dependency("webpack"),
                    Dependency("html-webpack-plugin"),
                    Script("build", r"\bwebpack\b"),
                ),
            ),
            Way(0.62, (Dependency("webpack"), Script("build", r"\bwebpack\b"))),
        ),
        supersedes=frozenset({"react"}),
        build_command="webpack --mode production",
        output_directory="dist",
    ),
    FrameworkRecord(
        slug="turborepo",
        name="Turborepo",
        language="node",
        kind=AppKind.LIBRARY,
        source="https://turborepo.com/docs/crafting-your-repository/running-tasks",
        package="turbo",
        ways=(
            *workspace_ways(Dependency("turbo"), File("turbo.json")),
            Way(0.6, (Dependency("turbo"), File("turbo.json"))),
        ),
        supersedes=frozenset({"nx", "storybook"}),
        build_command="turbo run build",
    ),
    FrameworkRecord(
        slug="nx",
        name="Nx",
        language="node",
        kind=AppKind.LIBRARY,
        source="https://nx.dev/getting-started/intro",
        package="nx",
        ways=(
            *workspace_ways(Dependency("nx"), File("nx.json")),
            Way(
                0.8,
                (File("package.json"), File("nx.json"), File("*/*/project.json")),
                unless=(File("project.json"),),
            ),
            Way(0.58, (Dependency("nx"), File("nx.json"))),
            Way(0.58, (Dependency("@nrwl/workspace"), File("nx.json"))),
        ),
        build_command="nx run-many -t build",
    ),
)
