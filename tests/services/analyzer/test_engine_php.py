"""PHP: composer.json, the front controller, Laravel and Symfony."""

from pathlib import Path

import pytest
from tests.services.analyzer.trees import install_of, plan_of, start_of

from autodeploy.services.analyzer.plan import AppKind

COMPOSER = "composer install --no-dev --optimize-autoloader --no-interaction"
LARAVEL = {
    "composer.json": '{"require": {"php": "^8.2", "ext-gd": "*", "laravel/framework": "^12.0"}}',
    "artisan": "#!/usr/bin/env php\n",
    "public/index.php": "<?php\n",
}


@pytest.mark.parametrize(
    ("files", "start"),
    [
        ({"index.php": "<?php\n"}, "php -S 0.0.0.0:$PORT"),
        ({"index.php": "<?php\n", "index.html": ""}, "php -S 0.0.0.0:$PORT"),
        ({"public/index.php": "<?php\n"}, "php -S 0.0.0.0:$PORT -t public"),
        ({"htdocs/index.php": "<?php\n"}, "php -S 0.0.0.0:$PORT -t htdocs"),
        ({"web/app.php": "<?php\n", "composer.json": "{}"},
         "php -S 0.0.0.0:$PORT -t web web/app.php"),
        ({"hello.php": "<?php\n"}, "php -S 0.0.0.0:$PORT hello.php"),
    ],
)  # fmt: skip
def test_lone_scripts_are_served_by_php_itself(
    tmp_path: Path, files: dict[str, str], start: str
) -> None:
    plan = plan_of(tmp_path, files)
    assert (plan.language, plan.kind) == ("php", AppKind.SERVER)
    assert start_of(plan) == start


def test_composer_json_names_packages_and_the_php_version(tmp_path: Path) -> None:
    manifest = (
        '{"require": {"php": ">=8.1", "ext-intl": "*", "slim/slim": "^4.0"}, '
        '"require-dev": {"phpunit/phpunit": "^11.0"}, "config": {"platform": {"php": "8.1.9"}}}'
    )
    plan = plan_of(tmp_path, {"composer.json": manifest, "public/index.php": "<?php\n"})
    assert plan.framework
    assert (plan.framework.slug, plan.framework.version) == ("slim", "^4.0")
    assert (plan.package_manager, install_of(plan)) == ("composer", COMPOSER)
    assert plan.dependencies.production == ("slim/slim",)
    assert plan.dependencies.development == ("phpunit/phpunit",)
    assert plan.runtime
    assert (plan.runtime.version_request, plan.runtime.source) == (">=8.1", "composer.json")


def test_php_version_file_outranks_composer_json(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {**LARAVEL, ".php-version": "8.3\n"})
    assert plan.runtime
    assert (plan.runtime.version_request, plan.runtime.source) == ("8.3", ".php-version")


def test_laravel_with_vite_installs_and_builds_both(tmp_path: Path) -> None:
    files = {
        **LARAVEL,
        "composer.lock": "{}",
        "package.json": '{"scripts": {"dev": "vite", "build": "vite build"}, '
        '"devDependencies": {"vite": "^6.0.0", "vue": "^3.5.0"}}',
        "pnpm-lock.yaml": "",
        "vite.config.js": "",
        "database/migrations/2026_01_01_create_users.php": "<?php\n",
    }
    plan = plan_of(tmp_path, files)
    assert plan.framework
    assert (plan.language, plan.framework.slug) == ("php", "laravel")
    assert install_of(plan) == f"{COMPOSER} && pnpm install --frozen-lockfile"
    assert plan.build_command
    assert plan.build_command.command == "pnpm run build"
    assert plan.release_command
    assert plan.release_command.command == "php artisan migrate --force"
    assert set(plan.lock_files) == {"composer.lock", "composer.json", "pnpm-lock.yaml"}


def test_laravel_mix_is_built_by_its_production_script(tmp_path: Path) -> None:
    package = '{"scripts": {"dev": "mix", "production": "mix --production"}}'
    plan = plan_of(tmp_path, {**LARAVEL, "package.json": package})
    assert plan.build_command
    assert plan.build_command.command == "npm run production"


def test_symfony_with_asset_mapper_and_doctrine_compiles_and_migrates(tmp_path: Path) -> None:
    files = {
        "composer.json": '{"require": {"symfony/framework-bundle": "^7.2", '
        '"symfony/asset-mapper": "^7.2", "doctrine/doctrine-migrations-bundle": "^3.0"}}',
        "bin/console": "#!/usr/bin/env php\n",
        "public/index.php": "<?php\n",
    }
    plan = plan_of(tmp_path, files)
    assert plan.framework
    assert plan.framework.slug == "symfony"
    assert start_of(plan) == "php -S 0.0.0.0:$PORT -t public"
    assert plan.build_command
    assert plan.build_command.command == "php bin/console asset-map:compile"
    assert plan.release_command
    assert "doctrine:migrations:migrate" in plan.release_command.command


def test_broken_composer_json_is_a_warning(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"composer.json": "{", "index.php": "<?php\n"})
    assert plan.language == "php"
    assert any("composer.json cannot be parsed" in warning for warning in plan.warnings)


def test_php_folder_of_a_python_app_does_not_make_it_php(tmp_path: Path) -> None:
    files = {"requirements.txt": "requests\n", "main.py": "", "legacy/index.php": "<?php\n"}
    assert plan_of(tmp_path, files).language == "python"


def test_composer_library_has_nothing_to_start(tmp_path: Path) -> None:
    files = {"composer.json": '{"name": "a/b", "type": "library"}', "src/Tool.php": "<?php\n"}
    plan = plan_of(tmp_path, files)
    assert (plan.language, plan.kind) == ("php", AppKind.LIBRARY)
