"""Generators of static sites, but those that npm installs."""

from autodeploy.services.analyzer.frameworks.manifests import MANIFESTS
from autodeploy.services.analyzer.matcher import (
    Condition,
    Content,
    Dependency,
    File,
    FrameworkRecord,
    Way,
)
from autodeploy.services.analyzer.plan import AppKind

# Hugo takes its keys in any case: https://gohugo.io/configuration/introduction/.
_HUGO_SETTINGS: tuple[Condition, ...] = (
    Content("config.[ty]*ml", r"(?mi)^[ \t]*[\"']?baseurl[\"']?[ \t]*[:=]"),
    Content("config.json", r"(?i)[\"']baseurl[\"'][ \t]*:"),
)
_HUGO_FOLDERS = tuple(
    File(path)
    for path in ("archetypes/*", "content/*", "content/*/*", "layouts/*", "themes/*/theme.toml")
)
_HUGO_OUTPUT = r"(?mi)^[ \t]*[\"']?publishdir[\"']?[ \t]*[:=][ \t]*[\"']?([\w./-]+)"

_PACKAGE = (Content("pyproject.toml", r"(?m)^\[build-system\]"), File("setup.py"))

RECORDS = (
    FrameworkRecord(
        slug="hugo",
        name="Hugo",
        language="static",
        kind=AppKind.STATIC,
        source="https://gohugo.io/commands/hugo/",
        ways=(
            *(Way(0.985, (File(f"hugo.{kind}"),)) for kind in ("toml", "yaml", "yml", "json")),
            Way(0.985, (File("config/_default/hugo.*"),)),
            *(
                Way(0.975, (settings, folder))
                for settings in (*_HUGO_SETTINGS, File("config/_default/config.*"))
                for folder in _HUGO_FOLDERS
            ),
            *(Way(0.72, (settings,)) for settings in _HUGO_SETTINGS),
        ),
        build_command="hugo --gc --minify",
        output_directory="public",
        output_setting=Content("[hc]*.[ty]*ml", _HUGO_OUTPUT),
    ),
    FrameworkRecord(
        slug="zola",
        name="Zola",
        language="static",
        kind=AppKind.STATIC,
        source="https://www.getzola.org/documentation/getting-started/configuration/",
        ways=(
            *(
                Way(0.98, (Content("config.toml", r"(?m)^[ \t]*base_url[ \t]*="), File(folder)))
                for folder in ("content/*", "content/*/*", "templates/*", "themes/*/theme.toml")
            ),
            Way(0.9, (Content("config.toml", r"(?m)^[ \t]*base_url[ \t]*="),)),
            Way(0.98, (Content("zola.toml", r"(?m)^[ \t]*base_url[ \t]*="),)),
        ),
        build_command="zola build",
        output_directory="public",
        output_setting=Content(
            "config.toml", r"(?m)^[ \t]*output_dir[ \t]*=[ \t]*[\"']([\w./-]+)[\"']"
        ),
    ),
    FrameworkRecord(
        slug="jekyll",
        name="Jekyll",
        language="ruby",
        kind=AppKind.STATIC,
        source="https://jekyllrb.com/docs/usage/",
        ways=(
            Way(0.985, (Dependency("jekyll"), File("_config.y*ml"))),
            Way(0.985, (Dependency("github-pages"), File("_config.y*ml"))),
            Way(0.9, (File("_config.y*ml"),), unless=(*MANIFESTS, File("_toc.yml"))),
            Way(0.85, (Dependency("jekyll", production_only=True), File("_*/*"))),
            Way(0.78, (File("_config.y*ml"), File("_layouts/*"))),
            Way(0.78, (File("_config.y*ml"), File("_posts/*"))),
        ),
        # Its pages may be plain HTML.
        supersedes=frozenset({"ruby", "static"}),
        build_command="jekyll build",
        output_directory="_site",
        output_setting=Content(
            "_config.y*ml", r"(?m)^destination[ \t]*:[ \t]*[\"']?([\w./-]+)"
        ),
    ),
    FrameworkRecord(
        slug="middleman",
        name="Middleman",
        language="ruby",
        kind=AppKind.STATIC,
        source="https://middlemanapp.com/basics/build-and-deploy/",
        ways=(
            Way(0.985, (Dependency("middleman"), File("config.rb"))),
            Way(0.93, (Dependency("middleman", production_only=True),)),
            Way(0.8, (File("config.rb"), File("source/*.erb"))),
            Way(
                0.6,
                (File("config.rb"),),
                unless=(*MANIFESTS, File("index.html")),
            ),
        ),
        supersedes=frozenset({"ruby"}),
        build_command="middleman build",
        output_directory="build",
        output_setting=Content(
            "config.rb", r"(?m)^[ \t]*set[ (]+:build_dir,[ \t]*[\"']([\w./-]+)[\"']"
        ),
    ),
    FrameworkRecord(
        slug="mkdocs",
        name="MkDocs",
        language="python",
        kind=AppKind.STATIC,
        source="https://www.mkdocs.org/user-guide/deploying-your-docs/",
        ways=(
            Way(0.98, (File("mkdocs.y*ml"), Dependency("mkdocs", production_only=True))),
            Way(0.98, (File("mkdocs.y*ml"), Dependency("mkdocs-material", production_only=True))),
            Way(
                0.93,
                (File("mkdocs.y*ml"),),
                unless=(*MANIFESTS, File("index.html")),
            ),
            # A manual beside what can be run or installed is that one's.
            Way(0.68, (File("mkdocs.y*ml"), File("docs/index.md")), unless=_PACKAGE),
            Way(0.6, (File("mkdocs.y*ml"),), unless=_PACKAGE),
        ),
        build_command="mkdocs build",
        output_directory="site",
        output_setting=Content("mkdocs.y*ml", r"(?m)^site_dir[ \t]*:[ \t]*[\"']?([\w./-]+)"),
    ),
    FrameworkRecord(
        slug="pelican",
        name="Pelican",
        language="python",
        kind=AppKind.STATIC,
        source="https://docs.getpelican.com/en/latest/publish.html",
        ways=(
            Way(0.985, (File("pelicanconf.py"), Dependency("pelican"))),
            Way(0.98, (File("pelicanconf.py"),)),
            Way(0.85, (Dependency("pelican", production_only=True),)),
        ),
        build_command="pelican content",
        output_directory="output",
        output_setting=Content("pelicanconf.py", r"(?m)^OUTPUT_PATH[ \t]*=[ \t]*['\"]([\w./-]+)"),
    ),
)  # fmt: skip
