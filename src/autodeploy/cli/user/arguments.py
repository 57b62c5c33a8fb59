"""Arguments and options that several user commands have."""

from enum import StrEnum
from typing import Annotated

import typer


class Scope(StrEnum):
    """What a token may do; each includes those before it."""

    READ = "read"
    DEPLOY = "deploy"
    WRITE = "write"
    ADMIN = "admin"


class Role(StrEnum):
    """What a member may do in an organization, the least first."""

    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"
    OWNER = "owner"


def complete_project(incomplete: str) -> list[str]:
    """The names of projects that begin so, for the shell."""
    from autodeploy.cli.user.projects import complete_project as find

    return find(incomplete)


def complete_organization(incomplete: str) -> list[str]:
    """The organizations whose slug begins so, for the shell."""
    from autodeploy.cli.user.organizations import complete_organization as find

    return find(incomplete)


Environment = Annotated[
    str | None,
    typer.Option(
        "--environment",
        "-e",
        help="Which environment; default: as autodeploy.toml says, else production.",
    ),
]
ProjectArgument = Annotated[
    str | None,
    typer.Argument(
        help="Name of the project; default: as autodeploy.toml says, else the name of this folder.",
        autocompletion=complete_project,
    ),
]
ProjectOption = Annotated[
    str | None,
    typer.Option(
        "--project",
        "-p",
        help="Name of the project; default: as autodeploy.toml says, else the name of this folder.",
        autocompletion=complete_project,
    ),
]
OrganizationArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[ORG]",
        help="Slug of the organization; default: the only one that you are in.",
        autocompletion=complete_organization,
    ),
]
OrganizationOption = Annotated[
    str | None,
    typer.Option(
        "--org",
        help="Slug of the organization; default: the only one that you are in.",
        autocompletion=complete_organization,
    ),
]
NamedOrganization = Annotated[
    str,
    typer.Argument(
        metavar="ORG", help="Slug of the organization.", autocompletion=complete_organization
    ),
]
TargetArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[PROJECT|DEPLOYMENT]",
        help="Default: as autodeploy.toml says, else the name of this folder.",
        autocompletion=complete_project,
    ),
]
RefOption = Annotated[
    str | None, typer.Option("--ref", help="Branch, tag or commit; default: what is there.")
]
DeployedProject = Annotated[
    str | None,
    typer.Option(
        "--project",
        "-p",
        help="Project; default: as autodeploy.toml says, else named after the source.",
        autocompletion=complete_project,
    ),
]
ProjectOrganization = Annotated[
    str | None,
    typer.Option(
        "--org",
        help="Organization of the project; default of a new one: your personal one.",
        autocompletion=complete_organization,
    ),
]
RootOption = Annotated[
    str | None, typer.Option("--root", help="Folder of the app inside the repository.")
]
BuildOption = Annotated[
    bool | None,
    typer.Option(
        "--build/--no-build",
        help="Build in any case, or not at all; default: when something has changed.",
        show_default=False,
    ),
]
IgnoreMissing = Annotated[
    bool,
    typer.Option("--ignore-missing", help="Go on where variables that the code needs are not set."),
]
IgnoreBudget = Annotated[
    bool,
    typer.Option("--ignore-budget", help="Also when it costs more than the project's budget."),
]
OneWay = Annotated[
    str | None,
    typer.Option(
        "--one-way",
        metavar="REASON",
        help="What the release command changes for good in the database: rollbacks to before it "
        "are refused.",
    ),
]
ProviderOption = Annotated[
    str | None,
    typer.Option(
        "--provider",
        metavar="NAME",
        help="Where it is deployed; default: where the environment is, at first this machine.",
    ),
]
PlanOption = Annotated[
    str | None,
    typer.Option(
        "--plan",
        metavar="PLAN",
        help="The app's plan at its provider; default: what it has. `autodeploy providers` lists "
        "them.",
    ),
]
RegionOption = Annotated[
    str | None,
    typer.Option(
        "--region",
        metavar="REGION",
        help="Where at its provider it runs; default: where it does, at first the provider's "
        "choice.",
    ),
]
DatabaseProvider = Annotated[
    str | None,
    typer.Option(
        "--database-provider",
        metavar="NAME",
        help="Where a database that the app needs is made; default: this machine.",
    ),
]
EventOption = Annotated[
    list[str] | None,
    typer.Option(
        "--event", metavar="TYPE", help="Tell of this, such as deployment.failed; may be repeated."
    ),
]
ToldProjects = Annotated[
    list[str] | None,
    typer.Option(
        "--project",
        "-p",
        help="Tell of this project; may be repeated. Default: of all.",
        autocompletion=complete_project,
    ),
]
