"""Reads in JavaScript: every spelling, and nothing from comments, strings or patterns."""

import pytest

from autodeploy.services.analyzer.variables.javascript import find_reads


@pytest.mark.parametrize(
    "code",
    [
        "use(process.env.KEY)",
        "process.env['KEY']",
        'process.env["KEY"]',
        "process.env?.KEY",
        "process?.env?.['KEY']",
        "const { KEY } = process.env;",
        "const { KEY: renamed } = process.env",
        "const text = `a ${ process.env.KEY } b`",
        "const text = `a ${ `${process.env.KEY}` } {`",
        "const x = 4 / 2 / process.env.KEY",
        "globalThis.process.env.KEY",
        "/* note */ process.env./* here */KEY",
    ],
)
def test_read_is_found(code: str) -> None:
    (found,) = find_reads(code, "app.ts")
    assert (found.key, found.required, found.build_time) == ("KEY", False, False)


@pytest.mark.parametrize(
    "code",
    [
        "// process.env.KEY",
        "/* process.env.KEY */",
        "'process.env.KEY'",
        '"process.env.KEY"',
        "`process.env.KEY`",
        r"const s = 'it\'s process.env.KEY'",
        "const r = /process.env.KEY/",
        r"s.replace(/['\"`/]/g, ''); // process.env.KEY",
        "process.env.KEY = 'x'",
        "delete process.env.KEY",
        "process.env[name]",
        "my.env.KEY; process.env",
        "other.process_env.KEY // process.env",
    ],
)
def test_what_is_no_read_is_not_found(code: str) -> None:
    assert find_reads(code, "app.ts") == []


@pytest.mark.parametrize(
    ("code", "default"),
    [
        ("process.env.KEY || 'x'", "x"),
        ("process.env.KEY ?? 3000", "3000"),
        ("process.env.KEY ?? other", None),
        ("const { KEY = 'x' } = process.env", None),
    ],
)
def test_default_is_read(code: str, default: str | None) -> None:
    (found,) = find_reads(code, "app.ts")
    assert found.has_default
    assert found.default == default


@pytest.mark.parametrize(
    "code", ["connect(process.env.KEY!)", "if (!process.env.KEY) { throw new Error('KEY') }"]
)
def test_read_that_the_code_insists_on_is_required(code: str) -> None:
    assert find_reads(code, "app.ts")[0].required


def test_comparison_does_not_make_a_read_required() -> None:
    assert not find_reads("process.env.KEY !== 'x'", "app.ts")[0].required


def test_import_meta_is_read_at_build_time_and_its_own_names_do_not_count() -> None:
    found = find_reads("import.meta.env.VITE_KEY; import.meta.env.MODE", "app.ts")
    assert [(one.key, one.build_time) for one in found] == [("VITE_KEY", True)]


def test_component_file_is_read_in_its_scripts_alone_with_its_own_lines() -> None:
    code = "<template>\n it's {{ process.env.NO }}\n</template>\n<script setup>\nprocess.env.KEY\n"
    found = find_reads(code + "</script>\n", "App.vue")
    assert [(one.key, one.line) for one in found] == [("KEY", 5)]


@pytest.mark.parametrize("code", ["`${", "'", "/* process.env.KEY", "process.env[", "}}}", "`${{`"])
def test_broken_code_gives_no_error(code: str) -> None:
    assert find_reads(code + " process.env", "app.js") == []
