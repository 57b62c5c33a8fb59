"""Frameworks of Go."""

from autodeploy.services.analyzer.frameworks.front_ends import FRONT_ENDS
from autodeploy.services.analyzer.matcher import Content, Dependency, File, FrameworkRecord, Way
from autodeploy.services.analyzer.plan import AppKind

_MAIN = r"(?m)^func main\(\)"


def _web(slug: str, name: str, module: str, source: str, *above: str) -> FrameworkRecord:
    """A framework that is imported as ``module``; its port is the one that the code names."""
    return FrameworkRecord(
        slug=slug,
        name=name,
        language="go",
        kind=AppKind.SERVER,
        source=source,
        package=module,
        ways=(
            Way(0.98, (Dependency(module), Content("*.go", module))),
            Way(0.98, (Dependency(module), Content("cmd/*/*.go", module))),
            Way(0.97, (Dependency(module),)),
            Way(0.9, (Content("*.go", rf'"{module}["/]'),)),
        ),
        supersedes=FRONT_ENDS | {"go"} | frozenset(above),
        port=8080,
    )


RECORDS = (
    _web("gin", "Gin", "github.com/gin-gonic/gin", "https://gin-gonic.com/en/docs/quickstart/",
         "gorilla-mux", "chi"),
    _web("echo", "Echo", "github.com/labstack/echo", "https://echo.labstack.com/docs/quick-start",
         "gorilla-mux", "chi"),
    _web("fiber", "Fiber", "github.com/gofiber/fiber", "https://docs.gofiber.io/",
         "gorilla-mux", "chi"),
    _web("chi", "chi", "github.com/go-chi/chi", "https://go-chi.io/#/pages/getting_started",
         "gorilla-mux"),
    _web("gorilla-mux", "gorilla/mux", "github.com/gorilla/mux", "https://gorilla.github.io/"),
    FrameworkRecord(
        slug="go",
        name="Go",
        language="go",
        kind=AppKind.SERVER,
        source="https://go.dev/doc/tutorial/compile-install",
        generic=True,
        ways=(
            # As sure as a front end beside it, which the program serves.
            Way(0.975, (File("go.mod"), Content("*.go", _MAIN))),
            Way(0.975, (File("go.mod"), Content("cmd/*.go", _MAIN))),
            Way(0.975, (File("go.mod"), Content("cmd/*/*.go", _MAIN))),
            Way(0.9, (File("go.work"),)),
            Way(0.85, (File("go.mod"),)),
            Way(0.85, (File("main.go"),)),
            Way(0.8, (Content("*.go", _MAIN),)),
            Way(0.6, (File("*.go"),)),
            Way(0.6, (File("cmd/*/*.go"),)),
            Way(0.55, (File("api/*.go"),)),
            Way(0.35, (File("*/*.go"),)),
        ),
        port=8080,
    ),
)  # fmt: skip
