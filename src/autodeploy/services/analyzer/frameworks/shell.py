"""Shell scripts that are an app."""

from autodeploy.services.analyzer.frameworks.manifests import MANIFESTS
from autodeploy.services.analyzer.matcher import File, FrameworkRecord, Way
from autodeploy.services.analyzer.plan import AppKind

RECORDS = (
    FrameworkRecord(
        slug="shell",
        name="Shell",
        language="shell",
        kind=AppKind.SERVER,
        source="https://www.gnu.org/software/bash/manual/bash.html#Shell-Scripts",
        generic=True,
        # A script stands beside apps of every language: it counts where nothing else does.
        ways=(
            Way(0.74, (File("start.sh"),), unless=MANIFESTS),
            Way(0.55, (File("*.sh"),), unless=MANIFESTS),
        ),
    ),
)
