"""Sites that are plain files."""

from autodeploy.services.analyzer.frameworks.manifests import MANIFESTS
from autodeploy.services.analyzer.matcher import File, FrameworkRecord, Way
from autodeploy.services.analyzer.plan import AppKind

_SERVERS = (File("httpd.conf"), File("nginx.conf"), File("Caddyfile"), File("Staticfile"))

# Folders that hold the pages where the root does not, likeliest first.
FOLDERS = (
    "public",
    "htdocs",
    "www",
    "public_html",
    "html",
    "site",
    "web",
    "dist",
    "build",
    "_site",
    "out",
)

RECORDS = (
    FrameworkRecord(
        slug="static",
        name="Static site",
        language="static",
        kind=AppKind.STATIC,
        source="https://developer.mozilla.org/en-US/docs/Learn_web_development",
        generic=True,
        ways=(
            Way(0.94, (File("Staticfile"),), unless=MANIFESTS),
            Way(0.92, (File("index.html"),), unless=MANIFESTS),
            *(
                Way(0.92, (File(f"{folder}/index.html"), server), unless=MANIFESTS)
                for folder in FOLDERS
                for server in _SERVERS
            ),
            Way(0.9, (File("public/index.html"),), unless=MANIFESTS),
            *(
                Way(0.8, (File(f"{folder}/index.html"),), unless=MANIFESTS)
                for folder in FOLDERS[1:]
            ),
            Way(0.6, (File("index.html"),)),
            Way(0.58, (File("public/index.html"),)),
        ),
    ),
)  # fmt: skip
