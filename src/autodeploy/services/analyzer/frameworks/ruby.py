"""Frameworks of Ruby."""

from autodeploy.services.analyzer.frameworks.front_ends import FRONT_ENDS
from autodeploy.services.analyzer.matcher import Content, Dependency, File, FrameworkRecord, Way
from autodeploy.services.analyzer.plan import AppKind

_GEMFILES = (File("Gemfile"), File("gems.rb"))

# Apps for phones keep the tools of their releases in a Gemfile.
_PHONE_TOOLS = (Dependency("cocoapods"), Dependency("fastlane"))

RECORDS = (
    FrameworkRecord(
        slug="rails",
        name="Ruby on Rails",
        language="ruby",
        kind=AppKind.SERVER,
        source="https://guides.rubyonrails.org/command_line.html",
        ways=(
            Way(0.99, (Dependency("rails"), File("config/application.rb"))),
            Way(0.98, (Content("config/application.rb", r"\bRails::Application\b"),)),
            Way(0.85, (Dependency("rails"),), unless=(File("*.gemspec"),)),
        ),
        supersedes=FRONT_ENDS | {"sinatra", "rack"},
        port=3000,
    ),
    FrameworkRecord(
        slug="sinatra",
        name="Sinatra",
        language="ruby",
        kind=AppKind.SERVER,
        source="https://sinatrarb.com/intro.html",
        ways=(
            Way(0.98, (Dependency("sinatra"), File("config.ru"))),
            Way(0.98, (Dependency("sinatra"), Content("*.rb", r"(?i)\bsinatra\b"))),
            Way(0.9, (Dependency("sinatra"),), unless=(File("*.gemspec"),)),
            Way(0.85, (Content("*.rb", r"(?m)^[ \t]*require ['\"]sinatra\b"),)),
        ),
        supersedes=FRONT_ENDS | {"rack"},
        port=4567,
    ),
    FrameworkRecord(
        slug="rack",
        name="Rack",
        language="ruby",
        kind=AppKind.SERVER,
        source="https://github.com/rack/rack/blob/main/SPEC.rdoc",
        ways=(
            Way(0.93, (Dependency("rack"), File("config.ru"))),
            Way(0.9, (File("config.ru"),)),
            Way(0.88, (Dependency("rack"), File("*.ru"))),
        ),
        supersedes=FRONT_ENDS,
        port=9292,
    ),
    FrameworkRecord(
        slug="ruby",
        name="Ruby",
        language="ruby",
        kind=AppKind.SERVER,
        source="https://bundler.io/man/bundle-exec.1.html",
        generic=True,
        ways=(
            *(Way(0.82, (manifest, File("*.rb")), unless=_PHONE_TOOLS) for manifest in _GEMFILES),
            Way(0.7, (File("*.gemspec"),)),
            *(Way(0.62, (manifest,), unless=_PHONE_TOOLS) for manifest in _GEMFILES),
            Way(0.72, (File("app.rb"),)),
            Way(0.72, (File("main.rb"),)),
            Way(0.5, (File("*.rb"),)),
            Way(0.45, (File("Gemfile"),)),
        ),
    ),
)
