"""Frameworks of Deno, and Deno itself."""

from autodeploy.services.analyzer.frameworks.front_ends import FRONT_ENDS
from autodeploy.services.analyzer.matcher import Content, Dependency, File, FrameworkRecord, Way
from autodeploy.services.analyzer.plan import AppKind

_NODE = (File("package.json"),)

# What only Deno reads: modules named by address, and its global object.
_IMPORTS = r"(?m)\bfrom ['\"](https://deno\.land/|jsr:|npm:)|\bDeno\.(serve|env|listen|args|read)"

RECORDS = (
    FrameworkRecord(
        slug="fresh",
        name="Fresh",
        language="deno",
        kind=AppKind.SERVER,
        source="https://fresh.deno.dev/docs/deployment",
        ways=(
            Way(0.985, (File("fresh.gen.ts"),)),
            Way(0.985, (File("fresh.config.ts"),)),
            Way(0.98, (Dependency("@fresh/core"),)),
            Way(0.975, (Dependency("fresh"),)),
        ),
        supersedes=FRONT_ENDS | {"deno"},
        port=8000,
    ),
    FrameworkRecord(
        slug="deno",
        name="Deno",
        language="deno",
        kind=AppKind.SERVER,
        source="https://docs.deno.com/runtime/reference/cli/run/",
        generic=True,
        ways=(
            *(
                Way(0.92, (File(path),), unless=_NODE)
                for path in ("deno.json", "deno.jsonc", "deno.lock")
            ),
            *(
                Way(0.85, (Content(path, _IMPORTS),), unless=_NODE)
                for path in ("*.ts", "main.*js", "src/main.*", "src/index.*", "src/server.*")
            ),
            # Beside package.json it often names no more than how code is to look.
            *(
                Way(0.8, (Content(path, r"\"(start|serve|deploy)\"\s*:\s*\"deno\b"),))
                for path in ("deno.json", "deno.jsonc")
            ),
            Way(0.5, (File("deno.json"),)),
            Way(0.5, (File("deno.jsonc"),)),
        ),
    ),
)
