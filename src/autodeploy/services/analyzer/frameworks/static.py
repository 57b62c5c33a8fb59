"""Sites that are plain files."""

from autodeploy.services.analyzer.matcher import File, FrameworkRecord, Way
from autodeploy.services.analyzer.plan import AppKind

# With any of these the page may be a part of something larger.
_MANIFESTS = tuple(
    File(path)
    for path in (
        "package.json",
        "requirements.txt",
        "pyproject.toml",
        "Pipfile",
        "*.py",
        "server.js",
        "go.mod",
        "main.go",
        "Cargo.toml",
        "pom.xml",
        "build.gradle*",
        "build.sbt",
        "project.clj",
        "deps.edn",
        "mix.exs",
        "*.csproj",
        "*.fsproj",
        "*.vbproj",
        "*.sln",
        "Package.swift",
        "pubspec.yaml",
        "gleam.toml",
        "shard.yml",
        "build.zig",
        "stack.yaml",
        "*.cabal",
        "CMakeLists.txt",
        "meson.build",
    )
)

RECORDS = (
    FrameworkRecord(
        slug="static",
        name="Static site",
        language="static",
        kind=AppKind.STATIC,
        source="https://developer.mozilla.org/en-US/docs/Learn_web_development",
        generic=True,
        ways=(
            Way(0.92, (File("index.html"),), unless=_MANIFESTS),
            Way(0.6, (File("index.html"),)),
            Way(0.58, (File("public/index.html"),)),
        ),
    ),
)
