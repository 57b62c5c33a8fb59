"""Elixir: Phoenix and plain applications, assets, migrations, the Elixir version."""

from pathlib import Path

import pytest
from tests.services.analyzer.trees import build_of, install_of, plan_of, start_of

from autodeploy.services.analyzer.plan import AppKind


def mix(deps: str = "", application: str = "mod: {Shop, []}", more: str = "") -> str:
    return f"""
defmodule Shop.MixProject do
  use Mix.Project
  def project, do: [app: :shop, elixir: "~> 1.15", deps: deps(), aliases: aliases()]
  def application, do: [{application}]
  defp deps do
    [{deps}]
  end
  {more}
end
"""


ALIASES = 'defp aliases, do: ["assets.deploy": ["esbuild default --minify", "phx.digest"]]'


def test_assets_of_an_older_phoenix_are_built_by_node(tmp_path: Path) -> None:
    scripts = '{"scripts": {"deploy": "webpack --mode production", "build": "webpack"}}'
    files = {"mix.exs": mix('{:phoenix, "~> 1.5"}'), "assets/package.json": scripts}
    assert build_of(plan_of(tmp_path, files)) == (
        "MIX_ENV=prod mix compile && npm --prefix assets install && npm --prefix assets run deploy "
        "&& MIX_ENV=prod mix phx.digest"
    )


def test_phoenix_builds_assets_and_migrates(tmp_path: Path) -> None:
    deps = '{:phoenix, "~> 1.8"}, {:ecto_sql, "~> 3.12"}, {:credo, "~> 1.7", only: [:dev, :test]}'
    files = {"mix.exs": mix(deps, more=ALIASES), "priv/repo/migrations/1_shop.exs": ""}
    plan = plan_of(tmp_path, files)
    assert plan.framework is not None
    assert (plan.framework.slug, plan.framework.version) == ("phoenix", "~> 1.8")
    assert (install_of(plan) or "").endswith("mix deps.get --only prod")
    assert build_of(plan) == "MIX_ENV=prod mix compile && MIX_ENV=prod mix assets.deploy"
    assert start_of(plan) == "MIX_ENV=prod mix phx.server"
    assert plan.release_command is not None
    assert plan.release_command.command == "MIX_ENV=prod mix ecto.migrate"
    assert plan.dependencies.development == ("credo",)


def test_application_without_phoenix_is_kept_running(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"mix.exs": mix('# {:phoenix, "~> 1.8"}\n')})
    assert (plan.framework, plan.release_command) == (None, None)
    assert start_of(plan) == "MIX_ENV=prod mix run --no-halt"


def test_project_that_starts_no_application_is_a_library(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"mix.exs": mix(application="extra_applications: [:logger]")})
    assert (plan.kind, build_of(plan), plan.abstained) == (AppKind.LIBRARY, None, True)


def test_umbrella_is_the_framework_of_its_apps(tmp_path: Path) -> None:
    files = {
        "mix.exs": "defmodule All.MixProject do\nend\n",
        "apps/shop/mix.exs": mix(),
        "apps/shop_web/mix.exs": mix('{:phoenix, "~> 1.8"}'),
    }
    plan = plan_of(tmp_path, files)
    assert plan.framework is not None
    assert plan.framework.slug == "phoenix"
    assert [member.name for member in plan.members] == ["shop", "shop_web"]


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({}, "~> 1.15"),
        ({".tool-versions": "elixir 1.18.4-otp-27\nerlang 27.2\n"}, "1.18.4-otp-27"),
        ({"elixir_buildpack.config": "elixir_version=1.17\n"}, "1.17"),
    ],
)
def test_version_file_outranks_the_requirement(
    tmp_path: Path, files: dict[str, str], version: str
) -> None:
    runtime = plan_of(tmp_path, {"mix.exs": mix(), **files}).runtime
    assert runtime is not None
    assert runtime.version_request == version
