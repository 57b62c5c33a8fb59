"""Frameworks of Rust."""

from autodeploy.services.analyzer.frameworks.front_ends import FRONT_ENDS
from autodeploy.services.analyzer.matcher import Content, Dependency, File, FrameworkRecord, Way
from autodeploy.services.analyzer.plan import AppKind


def _web(
    slug: str, name: str, source: str, above: tuple[str, ...] = (), start: str | None = None
) -> FrameworkRecord:
    return FrameworkRecord(
        slug=slug,
        name=name,
        language="rust",
        kind=AppKind.SERVER,
        source=source,
        package=slug,
        ways=(Way(0.98, (Dependency(slug, production_only=True),)),),
        supersedes=FRONT_ENDS | {"rust"} | frozenset(above),
        start_command=start,
        port=8000 if slug == "rocket" else 8080,
    )


RECORDS = (
    _web("axum", "Axum", "https://docs.rs/axum/latest/axum/#example"),
    _web("actix-web", "Actix Web", "https://actix.rs/docs/getting-started", ("axum",)),
    _web("rocket", "Rocket", "https://rocket.rs/guide/v0.5/deploying/", ("axum",),
         "ROCKET_ADDRESS=0.0.0.0 ROCKET_PORT=$PORT {program}"),
    FrameworkRecord(
        slug="rust",
        name="Rust",
        language="rust",
        kind=AppKind.SERVER,
        source="https://doc.rust-lang.org/cargo/commands/cargo-build.html",
        generic=True,
        ways=(
            Way(0.975, (File("Cargo.toml"), File("src/main.rs"))),
            Way(0.9, (File("Cargo.toml"), File("src/bin/*"))),
            Way(0.88, (Content("Cargo.toml", r"(?m)^\[workspace"), File("*/src/main.rs"))),
            Way(0.88, (Content("Cargo.toml", r"(?m)^\[workspace"), File("*/*/src/main.rs"))),
            Way(0.86, (Content("Cargo.toml", r"(?m)^\[\[bin\]\]"),)),
            Way(0.62, (File("Cargo.toml"),)),
            Way(0.7, (File("main.rs"),)),
        ),
        port=8080,
    ),
)  # fmt: skip
