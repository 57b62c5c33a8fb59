"""Java, Kotlin and Scala: what the build makes and starts, frameworks, the Java version."""

from pathlib import Path

import pytest
from tests.services.analyzer.trees import build_of, plan_of, start_of

from autodeploy.services.analyzer.plan import AppKind


def pom(*inner: str) -> str:
    body = "".join(inner)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<project xmlns="http://maven.apache.org/POM/4.0.0">'
        f"<groupId>com.example</groupId><artifactId>hello</artifactId><version>1.2</version>{body}"
        "</project>"
    )


def plugin(artifact: str, inner: str = "", group: str = "org.apache.maven.plugins") -> str:
    return (
        f"<build><plugins><plugin><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
        f"{inner}</plugin></plugins></build>"
    )


def dependency(name: str, inner: str = "") -> str:
    group, artifact = name.split(":")
    return (
        f"<dependencies><dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
        f"{inner}</dependency></dependencies>"
    )


def properties(inner: str) -> str:
    return f"<properties>{inner}</properties>"


BOOT = plugin("spring-boot-maven-plugin", group="org.springframework.boot")
SPRING_PARENT = (
    "<parent><groupId>org.springframework.boot</groupId>"
    "<artifactId>spring-boot-starter-parent</artifactId><version>3.5.6</version></parent>"
)
MAIN_CLASS = (
    "<configuration><archive><manifest><mainClass>a.B</mainClass></manifest></archive>"
    "</configuration>"
)


@pytest.mark.parametrize(
    ("inner", "start"),
    [
        (BOOT, "java -jar target/hello-1.2.jar"),
        (f"<packaging>war</packaging>{BOOT}", "java -jar target/hello-1.2.war"),
        (plugin("maven-shade-plugin"), "java -jar target/hello-1.2.jar"),
        (plugin("maven-assembly-plugin"), "java -jar target/hello-1.2-jar-with-dependencies.jar"),
        (plugin("maven-jar-plugin", MAIN_CLASS), "java -jar target/hello-1.2.jar"),
        (plugin("exec-maven-plugin"), "mvn exec:java"),
        (
            "<properties><name>${project.artifactId}-app</name></properties>"
            + BOOT.replace("<plugins>", "<finalName>${name}</finalName><plugins>"),
            "java -jar target/hello-app.jar",
        ),
    ],
)
def test_archive_of_maven_is_named_by_the_pom(tmp_path: Path, inner: str, start: str) -> None:
    plan = plan_of(tmp_path, {"pom.xml": pom(inner)})
    assert (plan.package_manager, build_of(plan)) == ("maven", "mvn -B package -DskipTests")
    assert (start_of(plan) or "").removeprefix("SERVER_PORT=$PORT ") == start


@pytest.mark.parametrize(
    "inner", ["", plugin("maven-jar-plugin"), "<packaging>war</packaging>", MAIN_CLASS]
)
def test_archive_that_does_not_run_is_built_and_not_started(tmp_path: Path, inner: str) -> None:
    plan = plan_of(tmp_path, {"pom.xml": pom(inner)})
    assert (build_of(plan), start_of(plan)) == ("mvn -B package -DskipTests", None)
    assert (plan.kind, plan.abstained) == (AppKind.LIBRARY, True)


def test_wrappers_are_used_where_they_are(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "maven", {"pom.xml": pom(), "mvnw": ""})
    assert build_of(plan) == "./mvnw -B package -DskipTests"
    plan = plan_of(tmp_path / "gradle", {"build.gradle": "", "gradlew": ""})
    assert build_of(plan) == "./gradlew build -x test"


def test_module_that_runs_is_found_below_the_pom(tmp_path: Path) -> None:
    parent = pom(
        "<packaging>pom</packaging><modules><module>lib</module><module>web</module></modules>"
    )
    files = {
        "pom.xml": parent,
        "lib/pom.xml": pom().replace("hello", "lib"),
        "web/pom.xml": pom(BOOT, dependency("org.springframework.boot:spring-boot-starter-web")),
    }
    plan = plan_of(tmp_path, files)
    assert plan.framework is not None
    assert plan.framework.slug == "spring-boot"
    assert start_of(plan) == "SERVER_PORT=$PORT java -jar web/target/hello-1.2.jar"
    assert [member.path for member in plan.members] == ["lib", "web"]


@pytest.mark.parametrize(
    ("package", "slug"),
    [
        ("io.quarkus:quarkus-rest", "quarkus"),
        ("io.micronaut:micronaut-http-server-netty", "micronaut"),
        ("io.ktor:ktor-server-netty", "ktor"),
        ("com.sparkjava:spark-core", "spark-java"),
        ("io.vertx:vertx-web", "vertx"),
        ("org.eclipse.jetty:jetty-server", "jetty"),
        ("org.slf4j:slf4j-simple", None),
    ],
)
def test_framework_is_the_one_that_the_pom_depends_on(
    tmp_path: Path, package: str, slug: str | None
) -> None:
    plan = plan_of(tmp_path, {"pom.xml": pom(dependency(package, "<version>9.1</version>"))})
    assert (plan.framework.slug if plan.framework else None) == slug
    if plan.framework:
        assert plan.framework.version == "9.1"
        assert any(fact.line == 2 for fact in plan.evidence)


@pytest.mark.parametrize(
    ("plugins", "build", "start"),
    [
        ("id 'org.springframework.boot' version '3.5.6'", "bootJar",
         "SERVER_PORT=$PORT java -jar build/libs/shop-2.0.jar"),
        ("id 'io.quarkus'", "build -x test",
         "QUARKUS_HTTP_HOST=0.0.0.0 QUARKUS_HTTP_PORT=$PORT "
         "java -jar build/quarkus-app/quarkus-run.jar"),
        ("id 'application'", "installDist", "./build/install/shop/bin/shop"),
        ("    application\n", "installDist", "./build/install/shop/bin/shop"),
        ("// id 'application'\n", "build -x test", None),
        ("id 'java-library'", "build -x test", None),
    ],
)  # fmt: skip
def test_plugins_of_gradle_tell_what_is_started(
    tmp_path: Path, plugins: str, build: str, start: str | None
) -> None:
    files = {
        "settings.gradle": "rootProject.name = 'shop'\n",
        "build.gradle": f"plugins {{\n{plugins}\n}}\nversion = '2.0'\n",
    }
    plan = plan_of(tmp_path, files)
    assert (build_of(plan), start_of(plan)) == (f"gradle {build}", start)


def test_subproject_that_runs_is_built_by_its_path(tmp_path: Path) -> None:
    files = {
        "settings.gradle.kts": 'include("core", ":apps:web")\n',
        "gradlew": "",
        "core/build.gradle.kts": "plugins { `java-library` }\n",
        "apps/web/build.gradle.kts": "plugins {\n    application\n}\n",
        "apps/web/src/main/kotlin/Main.kt": "fun main() {}",
    }
    plan = plan_of(tmp_path, files)
    assert build_of(plan) == "./gradlew :apps:web:installDist"
    assert start_of(plan) == "./apps/web/build/install/web/bin/web"


def test_subproject_with_sources_is_the_app_whatever_the_root_applies(tmp_path: Path) -> None:
    boot = "plugins { id 'org.springframework.boot' version '3.5.6' }\n"
    files = {
        "settings.gradle": "include 'web'\n",
        "build.gradle": boot,
        "web/build.gradle": boot,
        "web/src/main/java/Main.java": "",
    }
    assert build_of(plan_of(tmp_path, files)) == "gradle :web:bootJar"


def test_kotlin_is_named_by_its_sources_and_read_through_the_version_catalog(
    tmp_path: Path,
) -> None:
    files = {
        "build.gradle.kts": "plugins { alias(libs.plugins.kt) }\n"
        "dependencies {\n    implementation(libs.ktor.server.netty)\n}\n",
        "gradle/libs.versions.toml": '[versions]\nk = "3.3.3"\n[libraries]\n'
        'ktor-server-netty = { module = "io.ktor:ktor-server-netty", version.ref = "k" }\n'
        'unused = "io.quarkus:quarkus-rest:1"\n[plugins]\nkt = "org.jetbrains.kotlin.jvm:2.2"\n',
        "src/main/kotlin/Main.kt": "fun main() {}",
    }
    plan = plan_of(tmp_path, files)
    assert (plan.language, plan.language_name) == ("java", "Kotlin")
    assert plan.framework is not None
    assert (plan.framework.slug, plan.framework.version) == ("ktor", "3.3.3")


@pytest.mark.parametrize(
    ("files", "version", "source"),
    [
        ({"pom.xml": pom(properties("<maven.compiler.target>1.8</maven.compiler.target>"))},
         "8", "pom.xml"),
        ({"pom.xml": pom(properties("<v>21</v><java.version>${v}</java.version>"))},
         "21", "pom.xml"),
        ({"pom.xml": pom(plugin("maven-compiler-plugin",
                                "<configuration><release>17</release></configuration>"))},
         "17", "pom.xml"),
        ({"build.gradle": "sourceCompatibility = JavaVersion.VERSION_1_8\n"}, "8", "build.gradle"),
        ({"build.gradle": "java { toolchain { languageVersion = JavaLanguageVersion.of(21) } }"},
         "21", "build.gradle"),
        ({"build.gradle.kts": "kotlin { jvmToolchain(17) }\n"}, "17", "build.gradle.kts"),
        ({"build.gradle": "", ".sdkmanrc": "java=21.0.4-tem\n"}, "21.0.4-tem", ".sdkmanrc"),
        ({"pom.xml": pom(properties("<java.version>21</java.version>")),
          "system.properties": "java.runtime.version=17\n"}, "17", "system.properties"),
        ({"build.sbt": 'name := "x"\n', ".tool-versions": "java temurin-21.0.4+7"},
         "temurin-21.0.4+7", ".tool-versions"),
    ],
)  # fmt: skip
def test_java_version_is_read_from_where_it_is_asked_for(
    tmp_path: Path, files: dict[str, str], version: str, source: str
) -> None:
    runtime = plan_of(tmp_path, files).runtime
    assert runtime is not None
    assert (runtime.name, runtime.version_request, runtime.source) == ("java", version, source)


def test_properties_that_name_each_other_end(tmp_path: Path) -> None:
    nested = "<a>${b}${b}</a><b>${a}${a}</b><java.version>${a}</java.version>"
    plan = plan_of(tmp_path, {"pom.xml": pom(properties(nested))})
    assert plan.runtime is not None
    assert plan.runtime.version_request is None


@pytest.mark.parametrize(
    ("files", "start"),
    [
        ({"Main.java": "class Main { public static void main(String[] a) {} }"}, "java Main.java"),
        ({"app.jar": b"PK"}, "java -jar app.jar"),
        ({"META-INF/MANIFEST.MF": "Main-Class: a.b.Main\n"}, "java -cp . a.b.Main"),
    ],
)
def test_what_needs_no_build_is_started_as_it_is(
    tmp_path: Path, files: dict[str, str | bytes], start: str
) -> None:
    plan = plan_of(tmp_path, files)
    assert (build_of(plan), start_of(plan)) == (None, start)


@pytest.mark.parametrize(
    ("files", "build", "start"),
    [
        ({"project/plugins.sbt": 'addSbtPlugin("com.github.sbt" % "sbt-native-packager" % "1.11")'},
         "sbt stage", "./target/universal/stage/bin/my-shop"),
        ({"project/plugins.sbt": 'addSbtPlugin("com.eed3si9n" % "sbt-assembly" % "2.3")'},
         "sbt assembly", "java -jar \"$(find target -name '*-assembly-*.jar')\""),
        ({}, "sbt compile", "sbt run"),
    ],
)  # fmt: skip
def test_scala_is_staged_by_the_packager_that_it_names(
    tmp_path: Path, files: dict[str, str], build: str, start: str
) -> None:
    plan = plan_of(tmp_path, {"build.sbt": 'name := "My Shop"\n', **files})
    assert (plan.language, plan.package_manager) == ("scala", "sbt")
    assert (build_of(plan), start_of(plan)) == (build, start)
