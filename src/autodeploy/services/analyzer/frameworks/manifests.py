"""Files that say that a repository is an app, or a library, of some language."""

from autodeploy.services.analyzer.matcher import File

# A page, a manual or a script beside one of these may be a part of something larger.
MANIFESTS = tuple(
    File(path)
    for path in (
        "package.json", "deno.json", "deno.jsonc", "server.js", "requirements.txt",
        "pyproject.toml", "Pipfile", "setup.py", "*.py", "Gemfile", "*.gemspec", "config.ru",
        "composer.json", "*.php", "go.mod", "main.go", "Cargo.toml", "pom.xml", "build.gradle*",
        "build.sbt", "project.clj", "deps.edn", "*.csproj", "*.fsproj", "*.vbproj", "*.sln",
        "mix.exs", "Package.swift", "pubspec.yaml", "gleam.toml", "shard.yml", "build.zig",
        "stack.yaml", "*.cabal", "CMakeLists.txt", "meson.build",
    )
)  # fmt: skip
