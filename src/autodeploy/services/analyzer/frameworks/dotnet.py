"""Frameworks of .NET."""

from autodeploy.services.analyzer.frameworks.front_ends import FRONT_ENDS
from autodeploy.services.analyzer.matcher import (
    Condition,
    Content,
    Dependency,
    File,
    FrameworkRecord,
    Way,
)
from autodeploy.services.analyzer.packages.dotnet import BLAZOR, WEB
from autodeploy.services.analyzer.plan import AppKind

# Where a web app makes its host, by today's and by earlier templates.
_HOST = r"\bWebApplication\b|\bWebHost|ConfigureWebHost|Microsoft\.AspNetCore"
_SERVES_BLAZOR = r"AddServerSideBlazor|AddRazorComponents|MapBlazorHub|MapRazorComponents"
# Views of its own: Blazor then draws no more than parts of them.
_SERVES_VIEWS = r"AddControllersWithViews|MapControllerRoute|\bAddMvc\("
_FOLDERS = ("", "*/", "*/*/")


def _written(pattern: str, *conditions: Condition, unless: str | None = None) -> tuple[Way, ...]:
    """Ways by code in the usual files: surer where the project is in the root."""
    return tuple(
        Way(
            0.98 if not folder else 0.93,
            (*conditions, Content(f"{folder}{name}", pattern)),
            unless=(Content(f"{folder}{name}", unless),) if unless else (),
        )
        for folder in _FOLDERS
        for name in ("Program.*s", "Startup.*s", "Program.vb")
    )


RECORDS = (
    FrameworkRecord(
        slug="aspnetcore",
        name="ASP.NET Core",
        language="dotnet",
        kind=AppKind.SERVER,
        source="https://learn.microsoft.com/aspnet/core/fundamentals/servers/kestrel/endpoints",
        package=WEB,
        ways=(
            *_written(_HOST, Dependency(WEB)),
            Way(0.93, (Content("*.runtimeconfig.json", r"\"Microsoft\.AspNetCore\.App\""),)),
        ),
        supersedes=FRONT_ENDS | {"dotnet"},
        start_command="ASPNETCORE_URLS=http://0.0.0.0:$PORT {program}",
        port=8080,
    ),
    FrameworkRecord(
        slug="blazor",
        name="Blazor",
        language="dotnet",
        kind=AppKind.SERVER,
        source="https://learn.microsoft.com/aspnet/core/blazor/host-and-deploy/",
        package=BLAZOR,
        ways=(
            Way(0.98, (Dependency(BLAZOR),)),
            Way(0.975, (Dependency("Microsoft.AspNetCore.Components.WebAssembly"),)),
            *_written(_SERVES_BLAZOR, Dependency(WEB), unless=_SERVES_VIEWS),
        ),
        supersedes=FRONT_ENDS | {"aspnetcore", "dotnet"},
        start_command="ASPNETCORE_URLS=http://0.0.0.0:$PORT {program}",
        port=8080,
    ),
    FrameworkRecord(
        slug="dotnet",
        name=".NET",
        language="dotnet",
        kind=AppKind.SERVER,
        source="https://learn.microsoft.com/dotnet/core/tools/dotnet-publish",
        generic=True,
        ways=(
            *(Way(0.92, (File(f"*.{one}"),)) for one in ("csproj", "fsproj", "vbproj")),
            *(Way(0.9, (File(one),)) for one in ("*.sln", "*.slnx", "*.runtimeconfig.json")),
            *(
                Way(0.7, (File(f"{folder}*.{one}"),))
                for folder in ("*/", "*/*/")
                for one in ("csproj", "fsproj", "vbproj")
            ),
            Way(0.6, (File("*.cs"),)),
        ),
        port=8080,
    ),
)
