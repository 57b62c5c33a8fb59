"""Languages that AutoDeploy recognises but has no records for yet.

Their manifests tell what a repository is, so that a page or a script beside them is not taken
for the app; the plan then abstains unless the user wrote how to start it.
"""

from autodeploy.services.analyzer.evidence import SourceFiles

# Manifest → (canonical language, how a person says it).
MANIFESTS = {
    "go.mod": ("go", "Go"),
    "Cargo.toml": ("rust", "Rust"),
    "pom.xml": ("java", "Java"),
    "build.gradle": ("java", "Java"),
    "build.gradle.kts": ("java", "Java"),
    "build.sbt": ("scala", "Scala"),
    "project.clj": ("clojure", "Clojure"),
    "deps.edn": ("clojure", "Clojure"),
    "mix.exs": ("elixir", "Elixir"),
    "gleam.toml": ("gleam", "Gleam"),
    "shard.yml": ("crystal", "Crystal"),
    "pubspec.yaml": ("dart", "Dart"),
    "Package.swift": ("swift", "Swift"),
    "build.zig": ("zig", "Zig"),
    "stack.yaml": ("haskell", "Haskell"),
    "CMakeLists.txt": ("cpp", "C++"),
    "*.csproj": ("dotnet", ".NET"),
    "*.fsproj": ("dotnet", ".NET"),
    "*.sln": ("dotnet", ".NET"),
    "*.cabal": ("haskell", "Haskell"),
    "main.go": ("go", "Go"),
}


def find_unsupported(files: SourceFiles) -> tuple[str, str] | None:
    """(language, its name) by the first manifest of ``MANIFESTS`` that is there."""
    for pattern, named in MANIFESTS.items():
        found = files.glob(pattern)
        if found:
            files.note(found[0], f"is a manifest of {named[1]}")
            return named
    return None
