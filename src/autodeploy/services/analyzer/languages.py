"""Languages that AutoDeploy recognises but has no records for yet.

Their manifests tell what a repository is, so that a page or a script beside them is not taken
for the app; the plan then abstains unless the user wrote how to start it.
"""

from autodeploy.services.analyzer.evidence import SourceFiles

# Manifest → (canonical language, how a person says it).
MANIFESTS = {
    "Gemfile": ("ruby", "Ruby"),
    "config.ru": ("ruby", "Ruby"),
    "composer.json": ("php", "PHP"),
    "index.php": ("php", "PHP"),
    "deno.json": ("deno", "Deno"),
    "deno.jsonc": ("deno", "Deno"),
}


def find_unsupported(files: SourceFiles) -> tuple[str, str] | None:
    """(language, its name) by the first manifest of ``MANIFESTS`` that is there."""
    for pattern, named in MANIFESTS.items():
        found = files.glob(pattern)
        if found:
            files.note(found[0], f"is a manifest of {named[1]}")
            return named
    return None
