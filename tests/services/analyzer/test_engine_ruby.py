"""Ruby: manifests, versions, servers and what Rails adds."""

import time
from pathlib import Path

import pytest
from tests.services.analyzer.trees import install_of, plan_of, start_of

from autodeploy.services.analyzer.plan import AppKind

GEMFILE = 'source "https://rubygems.org"\n'
RAILS = {
    "Gemfile": f'{GEMFILE}gem "rails", "~> 8.0"\ngem "pg"\n',
    "config/application.rb": "class Application < Rails::Application\nend\n",
}


def test_gemfile_with_groups_tells_production_from_development(tmp_path: Path) -> None:
    gemfile = f"""{GEMFILE}
gem "sinatra", "~> 4.1", require: "sinatra/base"
gem "debug", group: :development
platforms :mri do
  gem "fast", ">= 1", "< 3"
end
group :development, :test do
  gem "rspec"
  platforms :jruby do
    gem "deep"
  end
  gem "rubocop" # not "needed"
end
group :assets do
  gem "sass"
end
gem("thin", :groups => [:test])
"""
    plan = plan_of(tmp_path, {"Gemfile": gemfile, "app.rb": "require 'sinatra/base'\n"})
    assert plan.dependencies.production == ("fast", "sass", "sinatra")
    assert plan.dependencies.development == ("debug", "deep", "rspec", "rubocop", "thin")
    assert plan.framework
    assert (plan.framework.slug, plan.framework.version) == ("sinatra", "~> 4.1")


@pytest.mark.parametrize(
    ("files", "version", "source"),
    [
        ({".ruby-version": "ruby-3.2.1\n", "mise.toml": '[tools]\nruby = "3"\n'}, "3.2.1",
         ".ruby-version"),
        ({".tool-versions": "nodejs 22\nruby 3.3.0\n"}, "3.3.0", ".tool-versions"),
        ({"Gemfile": f'{GEMFILE}ruby "~> 3.4.0"\n'}, "~> 3.4.0", "Gemfile"),
        ({"Gemfile": f'{GEMFILE}ruby ">= 3.1", "< 3.5"\n'}, ">= 3.1, < 3.5", "Gemfile"),
        ({"Gemfile": f'{GEMFILE}ruby file: ".ruby-version"\n', ".ruby-version": "3.4.2"}, "3.4.2",
         ".ruby-version"),
        ({"Gemfile.lock": "GEM\n\nRUBY VERSION\n   ruby 3.1.2p20\n\nBUNDLED WITH\n   2.3.7\n"},
         "3.1.2", "Gemfile.lock"),
        ({"mise.toml": '[tools]\nruby = "latest"\n'}, None, None),
    ],
)  # fmt: skip
def test_ruby_version_asked_for_is_read_in_its_precedence(
    tmp_path: Path, files: dict[str, str], version: str | None, source: str | None
) -> None:
    plan = plan_of(tmp_path, {"Gemfile": GEMFILE, "app.rb": "", **files})
    assert plan.runtime
    assert (plan.runtime.version_request, plan.runtime.source) == (version, source)


def test_version_files_that_disagree_are_named(tmp_path: Path) -> None:
    files = {".ruby-version": "3.2.1", "Gemfile": f'{GEMFILE}ruby "3.3.0"\n', "app.rb": ""}
    plan = plan_of(tmp_path, files)
    assert ".ruby-version asks for 3.2.1 and Gemfile for 3.3.0: .ruby-version counts." in (
        plan.warnings
    )


@pytest.mark.parametrize(
    ("gem", "start"),
    [
        ("puma", "bundle exec puma -b tcp://0.0.0.0:$PORT"),
        ("thin", "bundle exec thin start -a 0.0.0.0 -p $PORT"),
        ("unicorn", "bundle exec unicorn -o 0.0.0.0 -p $PORT"),
        ("passenger", "bundle exec passenger start --address 0.0.0.0 --port $PORT"),
        ("webrick", "bundle exec rackup -o 0.0.0.0 -p $PORT"),
    ],
)
def test_config_ru_is_served_by_the_server_of_the_gemfile(
    tmp_path: Path, gem: str, start: str
) -> None:
    files = {"Gemfile": f'{GEMFILE}gem "rack"\ngem "{gem}"\n', "config.ru": "run App"}
    plan = plan_of(tmp_path, files)
    assert plan.framework
    assert plan.framework.slug == "rack"
    assert start_of(plan) == start
    assert install_of(plan) == "bundle install"


def test_sinatra_without_config_ru_starts_the_script_that_requires_it(tmp_path: Path) -> None:
    files = {
        "gems.rb": f'{GEMFILE}gem "sinatra"\n',
        "helper.rb": "",
        "myapp.rb": 'require "sinatra"\nget("/") { "hello" }\n',
    }
    plan = plan_of(tmp_path, files)
    assert plan.framework
    assert plan.framework.slug == "sinatra"
    assert start_of(plan) == "APP_ENV=production bundle exec ruby myapp.rb"


def test_rails_with_assets_and_a_database_compiles_and_migrates(tmp_path: Path) -> None:
    files = {**RAILS, "Gemfile": RAILS["Gemfile"] + 'gem "propshaft"\n'}
    plan = plan_of(tmp_path, files)
    assert plan.framework
    assert plan.framework.slug == "rails"
    assert plan.build_command
    assert plan.build_command.command.endswith("bundle exec rake assets:precompile")
    assert plan.release_command
    assert plan.release_command.command.endswith("bundle exec rails db:migrate")
    assert (start_of(plan) or "").endswith("bundle exec rails server -b 0.0.0.0 -p $PORT")


def test_rails_with_sprockets_from_its_lock_file_compiles_assets(tmp_path: Path) -> None:
    lock = {"Gemfile.lock": "GEM\n  specs:\n    sprockets (4.2.0)\n      rack\n"}
    assert plan_of(tmp_path, {**RAILS, **lock}).build_command


@pytest.mark.parametrize(
    "files",
    [
        {},  # an API has no assets
        {"Gemfile": RAILS["Gemfile"] + 'gem "propshaft"\n', "public/assets/.manifest.json": "{}"},
    ],
)
def test_rails_without_assets_to_compile_is_not_built(
    tmp_path: Path, files: dict[str, str]
) -> None:
    assert plan_of(tmp_path, {**RAILS, **files}).build_command is None


def test_rails_with_jsbundling_installs_packages_and_lets_rails_build(tmp_path: Path) -> None:
    files = {
        **RAILS,
        "Gemfile": RAILS["Gemfile"] + 'gem "propshaft"\ngem "jsbundling-rails"\n',
        "package.json": '{"scripts": {"build": "esbuild app/javascript/*.*"}, '
        '"devDependencies": {"esbuild": "^0.25.0", "vite": "^6.0.0"}}',
        "yarn.lock": "",
        "vite.config.js": "",
        "index.html": "",
    }
    plan = plan_of(tmp_path, files)
    assert plan.language == "ruby"
    assert install_of(plan) == "bundle install && yarn install --frozen-lockfile"
    assert plan.build_command
    assert "build" not in plan.build_command.command.replace("assets:precompile", "")
    assert {"Gemfile", "yarn.lock"} <= set(plan.lock_files)


def test_front_end_beside_a_rack_app_is_built_with_it(tmp_path: Path) -> None:
    files = {
        "Gemfile": GEMFILE + 'gem "rack"\ngem "puma"\n',
        "config.ru": "run App",
        "package.json": '{"scripts": {"build": "vite build"}, "devDependencies": {"vite": "6"}}',
        "package-lock.json": "{}",
    }
    plan = plan_of(tmp_path, files)
    assert install_of(plan) == "bundle install && npm ci"
    assert plan.build_command
    assert plan.build_command.command == "npm run build"


def test_gem_is_a_library_with_nothing_to_start(tmp_path: Path) -> None:
    files = {
        "Gemfile": f"{GEMFILE}gemspec\n",
        "tool.gemspec": 'Gem::Specification.new { |s| s.add_dependency "rack", ">= 2" }',
        "Rakefile": "task default: :test\n",
        "lib/tool.rb": "",
    }
    plan = plan_of(tmp_path, files)
    assert plan.language == "ruby"
    assert plan.kind is AppKind.LIBRARY
    assert plan.dependencies.production == ("rack",)


def test_gemfile_of_a_phone_app_does_not_make_it_ruby(tmp_path: Path) -> None:
    files = {
        "Gemfile": f'{GEMFILE}gem "cocoapods"\n',
        "package.json": '{"scripts": {"start": "react-native start"}}',
    }
    assert plan_of(tmp_path, files).language == "node"


def test_default_task_of_a_rakefile_is_run_where_nothing_else_starts(tmp_path: Path) -> None:
    files = {"Gemfile": f'{GEMFILE}gem "rake"\n', "Rakefile": "task :default => [:main]\n"}
    assert start_of(plan_of(tmp_path, files)) == "bundle exec rake"


def test_hostile_gemfile_is_read_in_linear_time(tmp_path: Path) -> None:
    blocks, gems, versions = "group :a do\n" * 20_000, 'gem "a"\n' * 20_000, ', ""' * 40_000
    words, groups = "a" * 150_000, "group: [" * 20_000
    gemfile = f'{blocks}{gems}gem "a"{versions}\ngem "b", {words}\ngem "c", {groups}\n'
    gemfile += 'ruby "' * 10_000
    started = time.process_time()
    plan = plan_of(tmp_path, {"Gemfile": gemfile, "app.rb": ""})
    assert plan.dependencies.production == ("a", "b", "c")
    assert time.process_time() - started < 5
