"""Ruby: Rails, apps of Rack under the server that the Gemfile brings, and scripts."""

import re
import shlex

from autodeploy.services.analyzer.entries import site
from autodeploy.services.analyzer.entries.base import Run
from autodeploy.services.analyzer.entries.front_end import with_front_end
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.matcher import (
    Condition,
    Content,
    Context,
    Dependency,
    File,
    FrameworkRecord,
    holds,
)
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.plan import AppKind, Command

# Scripts that people start an app with, likeliest first.
SCRIPTS = ("app.rb", "main.rb", "server.rb", "web.rb", "run.rb", "bot.rb", "index.rb")

# Servers of Rack by their gem, each as its documentation starts it.
_SERVERS = {
    "puma": "puma -b tcp://0.0.0.0:$PORT",
    "thin": "thin start -a 0.0.0.0 -p $PORT",
    "unicorn": "unicorn -o 0.0.0.0 -p $PORT",
    "passenger": "passenger start --address 0.0.0.0 --port $PORT",
    "falcon": "falcon serve --bind http://0.0.0.0:$PORT",
    "iodine": "iodine -b 0.0.0.0 -p $PORT",
}
_RACKUP = "rackup -o 0.0.0.0 -p $PORT"

# Any of these says that there are assets to compile; an API alone has none.
_ASSET_PIPELINE: tuple[Condition, ...] = (
    *(
        Dependency(gem)
        for gem in ("sprockets-rails", "propshaft", "webpacker", "shakapacker", "vite_rails")
    ),
    Content("Gemfile.lock", r"(?m)^    (sprockets|propshaft) \("),
)
_COMPILED = (File("public/assets/.sprockets-manifest-*.json"), File("public/assets/.manifest.json"),
             File("public/assets/manifest-*.json"))  # fmt: skip
# Gems that call a script of package.json when assets are compiled.
_BUNDLERS = ("jsbundling-rails", "cssbundling-rails", "webpacker", "shakapacker", "vite_rails")

_DATABASES = ("pg", "mysql2", "trilogy", "sqlite3", "activerecord-sqlserver-adapter")

# The environment is the owner's to change. Building needs no secret:
# https://guides.rubyonrails.org/asset_pipeline.html, 2026-11.
_RAILS = "RAILS_ENV=${RAILS_ENV:-production}"
_PRECOMPILE = f"{_RAILS} SECRET_KEY_BASE_DUMMY=1 bundle exec rake assets:precompile"

_DEFAULT_TASK = re.compile(r"(?m)^[ \t]*task[ (]+(:default|default:|['\"]default['\"])")


def run(files: SourceFiles, packages: Packages, record: FrameworkRecord, context: Context) -> Run:
    """How to run a Ruby app."""
    if record.kind is AppKind.STATIC:
        return site.run(files, packages, record)
    if record.slug == "rails":
        return _rails(files, packages, record, context)
    start = _start(files, packages, record)
    is_library = record.generic and start is None
    found = Run(
        kind=AppKind.LIBRARY if is_library else record.kind,
        install=packages.install,
        start=start,
        port=record.port,
        found=start is not None,
    )
    return with_front_end(found, files)


def _rails(
    files: SourceFiles, packages: Packages, record: FrameworkRecord, context: Context
) -> Run:
    has_assets = any(holds(one, "ruby", context) for one in _ASSET_PIPELINE)
    are_compiled = any(holds(one, "ruby", context) for one in _COMPILED)
    build = Command(command=_PRECOMPILE, reason="there is an asset pipeline")
    release = Command(
        command=f"{_RAILS} bundle exec rails db:migrate", reason="Rails with a database"
    )
    run = Run(
        kind=record.kind,
        install=packages.install,
        build=build if has_assets and not are_compiled else None,
        start=Command(
            command=f"{_RAILS} bundle exec rails server -b 0.0.0.0 -p $PORT",
            reason="Rails starts so",
        ),
        release=release if packages.has(*_DATABASES) or files.has("db/schema.rb") else None,
        port=record.port,
    )
    return with_front_end(run, files, builds_itself=packages.has(*_BUNDLERS))


def _start(files: SourceFiles, packages: Packages, record: FrameworkRecord) -> Command | None:
    """The Rack server that the Gemfile brings, else the script, else what Rake does by default."""
    configured = [path for path in ("config.ru", *files.glob("*.ru")) if files.has(path)]
    if configured and configured[0] != "config.ru" and record.generic:
        configured = []
    prefix = "bundle exec " if packages.manager == "bundler" else ""
    if configured:
        path = configured[0]
        gem = next((gem for gem in _SERVERS if packages.has(gem)), None)
        named = "" if path == "config.ru" else f" {shlex.quote(path)}"
        files.note(path, "configures the app for Rack")
        line = f"{prefix}{_SERVERS[gem] if gem else _RACKUP}{named}"
        return Command(command=line, reason=f"{path}, served by {gem or 'rackup'}")
    script = _script(files, record)
    if script:
        files.note(script, "is the script that is started")
        # Sinatra listens on $PORT by itself, and on all addresses only in production.
        environment = "APP_ENV=production " if record.slug == "sinatra" else ""
        return Command(
            command=f"{environment}{prefix}ruby {shlex.quote(script)}",
            reason=f"{script} is the entry point by its name",
        )
    rakefile = files.text("Rakefile") or "" if files.has("Rakefile") else ""
    if packages.has("rake") and not files.glob("*.gemspec") and _DEFAULT_TASK.search(rakefile):
        return Command(command=f"{prefix}rake", reason="the default task of the Rakefile")
    return None


def _script(files: SourceFiles, record: FrameworkRecord) -> str | None:
    present = [path for path in SCRIPTS if files.has(path)]
    others = [path for path in files.glob("*.rb") if path not in present and path != "gems.rb"]
    if not record.generic:
        importing = re.compile(rf"(?m)^[ \t]*require ['\"]{record.slug}\b")
        named = (*present, *sorted(others, key=len))
        return next((path for path in named if importing.search(files.text(path) or "")), None)
    if present or files.glob("*.gemspec"):
        return next(iter(present), None)
    return others[0] if len(others) == 1 else None
