"""Whatever such files hold, the plan comes, soon, with a warning at most."""

import json
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.services.analyzer.trees import plan_of

from autodeploy.services.analyzer.declared.base import FILES, Source
from autodeploy.services.analyzer.declared.declarations import declarations
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.tree import FolderTree
from autodeploy.services.analyzer.yaml_text import MOST_CHARACTERS, load_yaml

OTHERS = [name for source, names in FILES.items() if source is not Source.APP_FILE
          for name in names]  # fmt: skip
BOMB = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
MERGED = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40)
)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00\xd8",
        b"\x80\x81",
        b"\0",
        b"[]",
        b"null",
        b"{",
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"- " * 100_000,
        b"a = " + b"[" * 100_000,
        BOMB.encode(),
        MERGED.encode(),
        b"a: &a [*a]",
        b"!!python/object/apply:os.system [x]",
        b"x: !!int '" + b"1:" * 50_000 + b"1'",
        b"FROM a\nCMD " + b"[" * 100_000,
        b"FROM a\nENV " + b"a=$a " * 100_000,
        b"ARG A=" + b"x" * 100_000 + b"\nFROM " + b"${A}" * 100_000,
        b"FROM a\n" + b"RUN a \\\n" * 100_000,
        b"FROM a AS a\n" * 50_000,
        b"FROM a\n" + b"ENV K=v\n" * 100_000,
        b"FROM a\nHEALTHCHECK CMD localhost:" + b"localhost:1" * 80_000,
        b"web: " + b"x " * 400_000,
        b'{"env": {' + b",".join(b'"K%d": "v"' % n for n in range(50_000)) + b"}}",
    ],
)
def test_content_that_is_broken_or_hostile_is_left_out_in_time(
    tmp_path: Path, content: bytes
) -> None:
    everywhere = {names[0]: content for names in FILES.values() if names[0] in OTHERS}
    started = time.process_time()
    plan = plan_of(tmp_path, {**everywhere, "index.html": ""})
    assert time.process_time() - started < 5
    assert plan.kind in ("static", "server", "worker")


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 70_000)
    | st.floats()
    | st.sampled_from(["", "...", ".", "..", "/", "-x", "a\nb", "\0", "$PORT", "cd .. && x", "web",
                       "static", "x" * 9_000, "postgres", "docker", "npm ci && x"])
)  # fmt: skip
KEYS = st.sampled_from(
    ["build", "deploy", "services", "env", "envVars", "environment", "processes", "http_service",
     "phases", "install", "setup", "cmds", "nixPkgs", "start", "cmd", "steps", "commands",
     "packages", "node", "variables", "secrets", "addons", "scripts", "dokku", "healthchecks",
     "web", "rewrites", "routes", "source", "destination", "redirects", "from", "to", "status",
     "base", "publish", "command", "buildCommand", "startCommand", "preDeployCommand", "type",
     "name", "key", "value", "fromService", "fromDatabase", "rootDir", "staticPublishPath",
     "runtime", "image", "ports", "target", "depends_on", "context", "dockerfile", "expose",
     "profiles", "outputDirectory", "internal_port", "checks", "http_checks", "path",
     "nixpacksPlan", "projects", "environments", "production", "plan", "plugins", "crons", ""]
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda part: st.lists(part, max_size=3) | st.dictionaries(KEYS, part, max_size=5)
)
TABLES = st.dictionaries(KEYS, VALUES, max_size=8)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=TABLES, name=st.sampled_from([one for one in OTHERS if one.endswith(
    (".json", ".yaml", ".yml"))]))  # fmt: skip
def test_values_of_any_type_anywhere_give_a_declaration(
    tmp_path: Path, values: dict[str, object], name: str
) -> None:
    for other in OTHERS:
        (tmp_path / other).unlink(missing_ok=True)
    dump = json.dumps if name.endswith("json") else yaml.safe_dump
    (tmp_path / name).write_text(dump(values))
    files = SourceFiles(FolderTree(tmp_path))
    declarations(files)
    for warning in files.warnings:
        assert "\0" not in warning


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    lines=st.lists(
        st.tuples(
            st.sampled_from(["FROM", "ARG", "ENV", "CMD", "ENTRYPOINT", "EXPOSE", "HEALTHCHECK",
                             "RUN", "cmd", "#", ""]),
            st.sampled_from(["node:20 AS a", "a", "A=b", "A", 'A="', "[", '["x", 1]', "[]", "{}",
                             "$A", "<<EOF", "EOF", "\\", "80", "http://localhost:1/x", '["a"'])
            | st.text(max_size=20),
        ),
        max_size=12,
    )
)  # fmt: skip
def test_dockerfile_of_any_lines_gives_a_declaration(
    tmp_path: Path, lines: list[tuple[str, str]]
) -> None:
    text = "\n".join(" ".join(line) for line in lines)
    (tmp_path / "Dockerfile").write_bytes(text.encode("utf-8", "replace"))
    declarations(SourceFiles(FolderTree(tmp_path)))


def test_yaml_scalars_stay_what_was_written() -> None:
    text = "a: 3.10\nb: 22:22\nc: yes\nd: ~\ne: 2020-01-01\nf: &x {g: 1}\nh: {<<: *x, i: 2}"
    assert load_yaml(text) == {
        "a": "3.10",
        "b": "22:22",
        "c": "yes",
        "d": None,
        "e": "2020-01-01",
        "f": {"g": "1"},
        "h": {"g": "1", "i": "2"},
    }


@pytest.mark.parametrize(
    "text",
    [BOMB, MERGED, "a: &a [*a]", "- " * 500, "[" * 500, "a: !!int 1", "a: !x 1", "a: b: c",
     "a: 1\n---\nb: 2", "? [a]\n: b", "x" * (MOST_CHARACTERS + 1), "\0"],
)  # fmt: skip
def test_yaml_that_is_dangerous_or_broken_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        load_yaml(text)


def test_command_with_control_characters_is_left_out(tmp_path: Path) -> None:
    text = json.dumps({"deploy": {"startCommand": "node\x1bx", "healthcheckPath": "/a\nb"}})
    plan = plan_of(tmp_path, {"railway.json": text})
    assert plan.start_command is None
    assert plan.health_path is None
    assert len([warning for warning in plan.warnings if "was left out" in warning]) == 2
