"""Frameworks of PHP."""

from autodeploy.services.analyzer.frameworks.front_ends import FRONT_ENDS
from autodeploy.services.analyzer.frameworks.manifests import MANIFESTS
from autodeploy.services.analyzer.matcher import Content, Dependency, File, FrameworkRecord, Way
from autodeploy.services.analyzer.plan import AppKind

_OTHERS = tuple(one for one in MANIFESTS if one.path not in ("composer.json", "*.php"))

RECORDS = (
    FrameworkRecord(
        slug="laravel",
        name="Laravel",
        language="php",
        kind=AppKind.SERVER,
        source="https://laravel.com/docs/12.x/deployment",
        package="laravel/framework",
        ways=(
            Way(0.99, (Dependency("laravel/framework"), File("artisan"))),
            Way(0.97, (File("artisan"), File("bootstrap/app.php"))),
            Way(0.9, (Dependency("laravel/framework", production_only=True),)),
        ),
        supersedes=FRONT_ENDS | {"symfony", "slim", "php"},
        port=8000,
    ),
    FrameworkRecord(
        slug="symfony",
        name="Symfony",
        language="php",
        kind=AppKind.SERVER,
        source="https://symfony.com/doc/current/deployment.html",
        package="symfony/framework-bundle",
        ways=(
            Way(0.99, (Dependency("symfony/framework-bundle"), File("bin/console"))),
            Way(0.98, (Dependency("symfony/framework-bundle"), File("config/bundles.php"))),
            Way(0.97, (Dependency("symfony/symfony"), File("bin/console"))),
            Way(0.92, (File("symfony.lock"), File("bin/console"))),
            Way(0.9, (Dependency("symfony/framework-bundle", production_only=True),)),
        ),
        supersedes=FRONT_ENDS | {"slim", "php"},
        port=8000,
    ),
    FrameworkRecord(
        slug="slim",
        name="Slim",
        language="php",
        kind=AppKind.SERVER,
        source="https://www.slimframework.com/docs/v4/start/web-servers.html",
        package="slim/slim",
        ways=(
            Way(0.975, (Dependency("slim/slim"), File("*/index.php"))),
            Way(0.94, (Dependency("slim/slim", production_only=True),)),
        ),
        supersedes=FRONT_ENDS | {"php"},
        port=8080,
    ),
    FrameworkRecord(
        slug="php",
        name="PHP",
        language="php",
        kind=AppKind.SERVER,
        source="https://www.php.net/manual/en/features.commandline.webserver.php",
        generic=True,
        ways=(
            # With these it is the server, whatever builds its pages.
            *(
                Way(0.985, (File("composer.json"), File(f"{folder}index.php")))
                for folder in ("", "public/", "web/", "htdocs/", "www/")
            ),
            Way(0.92, (File("composer.json"), File("*/index.php"))),
            Way(0.9, (File("index.php"),), unless=_OTHERS),
            Way(0.79, (File("index.php"),)),
            Way(0.8, (File("*/index.php"),), unless=_OTHERS),
            Way(0.75, (File("composer.json"),), unless=_OTHERS),
            Way(0.7, (Content("*.php", r"<\?(php|=)"),), unless=_OTHERS),
            Way(0.64, (File("composer.json"),)),
            Way(0.5, (File("*/index.php"),)),
        ),
    ),
)
