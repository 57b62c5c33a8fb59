""".NET: which project is the app, what it makes, its version."""

from pathlib import Path

import pytest
from tests.services.analyzer.trees import build_of, plan_of, start_of

from autodeploy.services.analyzer.plan import AppKind

HOST = "var app = WebApplication.CreateBuilder(args).Build();\napp.Run();\n"


def project(sdk: str = "Microsoft.NET.Sdk", inner: str = "", target: str = "net8.0") -> str:
    return (
        f'<Project Sdk="{sdk}">\n<PropertyGroup><TargetFramework>{target}</TargetFramework>{inner}'
        "</PropertyGroup></Project>"
    )


WEB = project("Microsoft.NET.Sdk.Web")
PROGRAM = project(inner="<OutputType>Exe</OutputType>")


def test_target_framework_may_name_the_major_version_alone(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"Shop.csproj": project("Microsoft.NET.Sdk.Web", target="net7")})
    assert plan.runtime is not None
    assert plan.runtime.version_request == "7"


def test_web_project_is_published_and_listens_on_the_port(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"Shop.csproj": WEB, "Program.cs": HOST})
    assert plan.framework is not None
    assert (plan.language_name, plan.framework.slug) == ("C#", "aspnetcore")
    assert build_of(plan) == "dotnet publish -c Release -o out"
    assert start_of(plan) == "ASPNETCORE_URLS=http://0.0.0.0:$PORT dotnet out/Shop.dll"


def test_web_project_that_serves_nothing_has_no_framework(tmp_path: Path) -> None:
    files = {"cli.fsproj": WEB, "Program.fs": 'System.Console.WriteLine "Hello"\n'}
    plan = plan_of(tmp_path, files)
    assert (plan.language_name, plan.framework) == ("F#", None)
    assert start_of(plan) == "dotnet out/cli.dll"


def test_app_of_a_solution_is_the_web_project(tmp_path: Path) -> None:
    files = {
        "Shop.sln": "",
        "src/Core/Core.csproj": project(),
        "src/Tool/Tool.csproj": PROGRAM,
        "src/Web/Web.csproj": project("Microsoft.NET.Sdk.Web", "<AssemblyName>shop</AssemblyName>"),
        "src/Web/Program.cs": HOST,
        "test/Web.Tests/Web.Tests.csproj": project(
            "Microsoft.NET.Sdk.Web", "<IsTestProject>true</IsTestProject>"
        ),
    }
    plan = plan_of(tmp_path, files)
    assert build_of(plan) == "dotnet publish src/Web/Web.csproj -c Release -o out"
    assert (start_of(plan) or "").endswith("dotnet out/shop.dll")
    assert not plan.warnings


def test_several_apps_of_a_solution_are_named(tmp_path: Path) -> None:
    files = {"All.sln": "", "a/A.csproj": WEB, "b/B.csproj": WEB, "a/Program.cs": HOST}
    assert any("a/A.csproj, b/B.csproj" in text for text in plan_of(tmp_path, files).warnings)


def test_client_in_the_browser_is_static(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"Client.csproj": project("Microsoft.NET.Sdk.BlazorWebAssembly")})
    assert plan.framework is not None
    assert plan.framework.slug == "blazor"
    assert (plan.kind, plan.output_directory) == (AppKind.STATIC, "out/wwwroot")


def test_server_of_components_is_blazor(tmp_path: Path) -> None:
    code = f"builder.Services.AddRazorComponents();\n{HOST}"
    plan = plan_of(tmp_path, {"App.csproj": WEB, "Program.cs": code})
    assert plan.framework is not None
    assert (plan.framework.slug, plan.kind) == ("blazor", AppKind.SERVER)


def test_library_is_built_and_not_started(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"Lib.csproj": project()})
    assert (plan.kind, start_of(plan), plan.abstained) == (AppKind.LIBRARY, None, True)


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"A.csproj": PROGRAM}, "8.0"),
        ({"A.vbproj": project(target="netcoreapp3.1")}, "3.1"),
        ({"A.csproj": project(target="net10.0-windows")}, "10.0"),
        ({"A.csproj": "<Project><PropertyGroup><TargetFrameworks>net48;net8.0;net10.0"
                      "</TargetFrameworks></PropertyGroup></Project>"}, "10.0"),
        ({"A.csproj": PROGRAM, "global.json": '{"sdk": {"version": "8.0.404"}}'}, "8.0.404"),
        ({"A.csproj": "<Project/>", "Directory.Build.props":
          "<Project><PropertyGroup><TargetFramework>net9.0</TargetFramework></PropertyGroup></Project>"},
         "9.0"),
        ({"A.runtimeconfig.json": '{"runtimeOptions": {"tfm": "net8.0"}}'}, "8.0"),
    ],
)  # fmt: skip
def test_version_is_the_sdk_asked_for_else_the_target(
    tmp_path: Path, files: dict[str, str], version: str
) -> None:
    plan = plan_of(tmp_path, files)
    assert plan.runtime is not None
    assert (plan.language, plan.runtime.version_request) == ("dotnet", version)


def test_components_among_views_leave_the_app_aspnetcore(tmp_path: Path) -> None:
    code = f"builder.Services.AddMvc();\nbuilder.Services.AddServerSideBlazor();\n{HOST}"
    plan = plan_of(tmp_path, {"App.csproj": WEB, "Program.cs": code})
    assert plan.framework is not None
    assert plan.framework.slug == "aspnetcore"


def test_hidden_file_that_is_called_like_a_published_app_is_none(tmp_path: Path) -> None:
    files = {".runtimeconfig.json": "{}", "package.json": "{}", "index.js": ""}
    assert plan_of(tmp_path, files).language == "node"
