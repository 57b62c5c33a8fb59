"""Frameworks of Java, Kotlin and Scala."""

from autodeploy.services.analyzer.frameworks.front_ends import FRONT_ENDS
from autodeploy.services.analyzer.matcher import Content, Dependency, File, FrameworkRecord, Way
from autodeploy.services.analyzer.plan import AppKind

# Frameworks that stand on the others.
_LIBRARIES = frozenset({"jetty", "vertx"})


def _web(
    slug: str,
    name: str,
    source: str,
    *packages: str,
    versioned: str | None = None,
    variables: str = "",
    supersedes: frozenset[str] = frozenset(),
    ways: tuple[Way, ...] = (),
) -> FrameworkRecord:
    """A framework that any of ``packages`` shows; ``variables`` tell it the port.

    ``versioned`` are the packages whose version is its own, where that is not all of its group's.
    """
    return FrameworkRecord(
        slug=slug,
        name=name,
        language="java",
        kind=AppKind.SERVER,
        source=source,
        package=versioned or f"{packages[0].partition(':')[0]}*",
        ways=(*(Way(0.98, (Dependency(one),)) for one in packages), *ways),
        supersedes=FRONT_ENDS | {"java"} | supersedes,
        start_command=f"{variables} {{program}}".strip(),
        port=8080,
    )


RECORDS = (
    _web("spring-boot", "Spring Boot",
         "https://docs.spring.io/spring-boot/how-to/webserver.html",
         "org.springframework.boot:*", "org.springframework.boot",
         variables="SERVER_PORT=$PORT", supersedes=_LIBRARIES,
         ways=(Way(0.97, (Content("META-INF/MANIFEST.MF", "(?m)^Spring-Boot-Version"),)),)),
    _web("quarkus", "Quarkus", "https://quarkus.io/guides/http-reference",
         "io.quarkus:*", "io.quarkus", "io.quarkus.platform:*",
         variables="QUARKUS_HTTP_HOST=0.0.0.0 QUARKUS_HTTP_PORT=$PORT", supersedes=_LIBRARIES),
    _web("micronaut", "Micronaut", "https://docs.micronaut.io/latest/guide/#runningServer",
         "io.micronaut:*", "io.micronaut.application", "io.micronaut.platform:*",
         versioned="io.micronaut*:*", variables="MICRONAUT_SERVER_PORT=$PORT",
         supersedes=_LIBRARIES),
    _web("ktor", "Ktor", "https://ktor.io/docs/server-deployment.html",
         "io.ktor:ktor-server-*", "io.ktor.plugin", supersedes=_LIBRARIES),
    _web("spark-java", "Spark (Java)", "https://sparkjava.com/documentation",
         "com.sparkjava:*", supersedes=_LIBRARIES),
    _web("vertx", "Vert.x", "https://vertx.io/docs/vertx-web/java/", "io.vertx:*",
         supersedes=frozenset({"jetty"})),
    _web("jetty", "Jetty", "https://jetty.org/docs/jetty/12/programming-guide/server/http.html",
         "org.eclipse.jetty:jetty-server", "org.eclipse.jetty:jetty-servlet",
         "org.eclipse.jetty.ee*:*", "org.eclipse.jetty:jetty-webapp"),
    FrameworkRecord(
        slug="java",
        name="Java",
        language="java",
        kind=AppKind.SERVER,
        source="https://dev.java/learn/single-file-program/",
        generic=True,
        ways=(
            Way(0.92, (File("pom.xml"),)),
            Way(0.9, (File("build.gradle"),)),
            Way(0.9, (File("build.gradle.kts"),)),
            Way(0.88, (File("settings.gradle*"),)),
            Way(0.85, (File("pom.*"),)),
            Way(0.8, (Content("META-INF/MANIFEST.MF", r"(?m)^Main-Class"),)),
            Way(0.75, (File("*.java"),)),
            Way(0.7, (File("*.jar"),)),
            Way(0.65, (File("*.kt"),)),
            Way(0.65, (File("META-INF/MANIFEST.MF"),)),
        ),
        port=8080,
    ),
    FrameworkRecord(
        slug="scala",
        name="Scala",
        language="scala",
        kind=AppKind.SERVER,
        source="https://www.scala-sbt.org/1.x/docs/Running.html",
        generic=True,
        ways=(
            Way(0.92, (File("build.sbt"),)),
            Way(0.85, (File("project/build.properties"),)),
            Way(0.6, (File("*.scala"),)),
        ),
        port=8080,
    ),
)  # fmt: skip
