"""Static site generators outside npm."""

from pathlib import Path

import pytest
from tests.services.analyzer.trees import install_of, plan_of

from autodeploy.services.analyzer.plan import AppKind, Plan

BASE_URL = 'baseURL = "https://example.org/"\n'


def slug_of(plan: Plan) -> str | None:
    return plan.framework.slug if plan.framework else None


def build_of(plan: Plan) -> str | None:
    return plan.build_command.command if plan.build_command else None


@pytest.mark.parametrize(
    ("files", "slug", "build", "output"),
    [
        ({"hugo.toml": ""}, "hugo", "hugo --gc --minify", "public"),
        ({"config.toml": BASE_URL, "content/a.md": ""}, "hugo", "hugo --gc --minify", "public"),
        ({"config.yaml": "baseurl: x\npublishDir: out/site\n", "archetypes/default.md": ""},
         "hugo", "hugo --gc --minify", "out/site"),
        ({"config.json": '{"baseURL": "x"}', "themes/a/theme.toml": ""}, "hugo",
         "hugo --gc --minify", "public"),
        ({"config/_default/hugo.yaml": ""}, "hugo", "hugo --gc --minify", "public"),
        ({"config.toml": 'base_url = "/"\n'}, "zola", "zola build", "public"),
        ({"config.toml": 'base_url = "/"\noutput_dir = "dist"\n', "templates/a.html": ""}, "zola",
         "zola build", "dist"),
        ({"_config.yml": "title: a\n", "index.html": ""}, "jekyll", "jekyll build", "_site"),
        ({"_config.yml": "destination: ./out\n", "Gemfile": 'gem "github-pages"\n'}, "jekyll",
         "bundle exec jekyll build", "out"),
        ({"config.rb": "", "Gemfile": 'gem "middleman"\n'}, "middleman",
         "bundle exec middleman build", "build"),
        ({"mkdocs.yml": "site_name: a\nsite_dir: pages\n", "docs/index.md": ""}, "mkdocs",
         "mkdocs build", "pages"),
        ({"pelicanconf.py": "OUTPUT_PATH = 'www/'\n", "requirements.txt": "pelican\n"}, "pelican",
         "pelican content", "www"),
        ({"hugo.toml": 'publishDir = "../../outside"\n'}, "hugo", "hugo --gc --minify", "public"),
    ],
)  # fmt: skip
def test_generator_is_known_by_its_settings(
    tmp_path: Path, files: dict[str, str], slug: str, build: str, output: str
) -> None:
    plan = plan_of(tmp_path, files)
    assert (slug_of(plan), build_of(plan)) == (slug, build)
    assert (plan.kind, plan.output_directory) == (AppKind.STATIC, output)


@pytest.mark.parametrize(
    ("files", "install"),
    [
        ({"mkdocs.yml": ""}, "pip install mkdocs"),
        ({"mkdocs.yml": "", "requirements.txt": "mkdocs-material\n"},
         "pip install -r requirements.txt"),
        ({"mkdocs.yml": "", "docs/requirements.txt": "mkdocs\n"},
         "pip install -r docs/requirements.txt"),
        ({"mkdocs.yml": "", "docs/index.md": "", "uv.lock": "", "pyproject.toml":
          '[project]\nname = "a"\n[dependency-groups]\ndev = ["mkdocs"]\n'}, "uv sync"),
        ({"_config.yml": ""}, "gem install jekyll"),
        ({"_config.yml": "", "Gemfile": 'gem "jekyll", group: :development\n'}, "bundle install"),
        ({"hugo.toml": ""}, None),
    ],
)  # fmt: skip
def test_generator_is_installed_where_no_manifest_brings_it(
    tmp_path: Path, files: dict[str, str], install: str | None
) -> None:
    assert install_of(plan_of(tmp_path, files)) == install


def test_hugo_script_without_packages_is_called_without_npm(tmp_path: Path) -> None:
    package = '{"scripts": {"build": "hugo --minify"}}'
    plan = plan_of(tmp_path, {"hugo.toml": "", "package.json": package})
    assert (build_of(plan), install_of(plan)) == ("hugo --minify", None)


def test_hugo_script_with_packages_is_run_by_the_package_manager(tmp_path: Path) -> None:
    package = '{"scripts": {"build": "hugo && pagefind"}, "devDependencies": {"pagefind": "1"}}'
    plan = plan_of(tmp_path, {"hugo.toml": "", "package.json": package, "package-lock.json": "{}"})
    assert (build_of(plan), install_of(plan)) == ("npm run build", "npm ci")
    assert plan.lock_files == ("package-lock.json",)


def test_hugo_version_is_read_from_tool_managers(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"hugo.toml": "", ".tool-versions": "hugo extended_0.140.0\n"})
    assert plan.runtime
    assert (plan.runtime.name, plan.runtime.version_request) == ("hugo", "extended_0.140.0")


@pytest.mark.parametrize(
    "files",
    [
        {"mkdocs.yml": "", "requirements.txt": "fastapi\n", "main.py": "app = FastAPI()\n"},
        {"_config.yml": "", "pyproject.toml": '[project]\nname = "a"\n', "main.py": ""},
        {"config.yaml": "baseURL: x\n", "requirements.txt": "", "main.py": "import os\n"},
        {"docs/_config.yml": "", "requirements.txt": "", "main.py": ""},
    ],
)
def test_manual_or_settings_of_an_app_do_not_make_it_a_site(
    tmp_path: Path, files: dict[str, str]
) -> None:
    plan = plan_of(tmp_path, files)
    assert (plan.language, slug_of(plan) in (None, "fastapi")) == ("python", True)


def test_manual_of_a_library_is_what_can_be_served(tmp_path: Path) -> None:
    files = {"mkdocs.yml": "", "docs/index.md": "", "pyproject.toml": '[project]\nname = "a"\n'}
    assert slug_of(plan_of(tmp_path, files)) == "mkdocs"


def test_jekyll_in_a_folder_of_a_library_is_a_site_of_its_own(tmp_path: Path) -> None:
    files = {"setup.py": "", "docs/_config.yml": "", "docs/index.md": ""}
    assert slug_of(plan_of(tmp_path, files, "docs")) == "jekyll"
