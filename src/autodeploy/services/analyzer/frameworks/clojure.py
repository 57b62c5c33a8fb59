"""Clojure without a framework: its web libraries are put together by each app."""

from autodeploy.services.analyzer.matcher import File, FrameworkRecord, Way
from autodeploy.services.analyzer.plan import AppKind

RECORDS = (
    FrameworkRecord(
        slug="clojure",
        name="Clojure",
        language="clojure",
        kind=AppKind.SERVER,
        source="https://github.com/technomancy/leiningen/blob/stable/doc/TUTORIAL.md",
        generic=True,
        ways=(
            Way(0.92, (File("project.clj"),)),
            Way(0.9, (File("deps.edn"),)),
            Way(0.6, (File("*.clj"),)),
        ),
        port=3000,
    ),
)
