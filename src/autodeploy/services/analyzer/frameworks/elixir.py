"""Frameworks of Elixir."""

from autodeploy.services.analyzer.frameworks.front_ends import FRONT_ENDS
from autodeploy.services.analyzer.matcher import Content, Dependency, File, FrameworkRecord, Way
from autodeploy.services.analyzer.plan import AppKind

RECORDS = (
    FrameworkRecord(
        slug="phoenix",
        name="Phoenix",
        language="elixir",
        kind=AppKind.SERVER,
        source="https://hexdocs.pm/phoenix/deployment.html",
        package="phoenix",
        ways=(Way(0.985, (Dependency("phoenix", production_only=True),)),),
        supersedes=FRONT_ENDS | {"elixir"},
        start_command="MIX_ENV=prod mix phx.server",
        port=4000,
    ),
    FrameworkRecord(
        slug="elixir",
        name="Elixir",
        language="elixir",
        kind=AppKind.SERVER,
        source="https://hexdocs.pm/mix/Mix.Tasks.Run.html",
        generic=True,
        ways=(
            Way(0.975, (Content("mix.exs", r"\bmod:\s*\{"),)),
            Way(0.88, (File("mix.exs"),)),
            Way(0.6, (File("*.exs"),)),
        ),
        port=4000,
    ),
)
