"""Reads of the environment in JavaScript: every spelling, and what only looks like one."""

# ruff: noqa: E501 - code is quoted as people write it
import pytest

from autodeploy.services.analyzer.variables.javascript import find_reads
from autodeploy.services.analyzer.variables.reads import Read


def reads_of(code: str, path: str = "app.ts") -> list[Read]:
    return find_reads({path: code})


def keys_of(code: str, path: str = "app.ts") -> list[str]:
    return [read.key for read in reads_of(code, path)]


@pytest.mark.parametrize(
    "code",
    [
        "use(process.env.KEY)",
        "process.env['KEY']",
        'process.env["KEY"]',
        "process.env[`KEY`]",
        "process.env?.KEY",
        "process?.env?.['KEY']",
        "const { KEY } = process.env;",
        "const { KEY: renamed } = process.env",
        "const { A, ...rest } = other; const { ...env } = process.env; env.KEY",
        "const text = `a ${ process.env.KEY } b`",
        "const text = `a ${ `${process.env.KEY}` } {`",
        "const x = 4 / 2 / process.env.KEY",
        "globalThis.process.env.KEY",
        "/* note */ process.env./* here */KEY",
        "(process.env as any).KEY",
        "const env = process.env; env.KEY",
        "const env = process.env; const { KEY } = env",
        "let env; env = process.env; env.KEY",
        "const env = { ...process.env }; env.KEY",
        "const env = typeof process === 'undefined' ? {} : process.env; env.KEY",
        "function f(env = process.env) { return env.KEY }",
        "function f({ KEY } = process.env) { return KEY }",
        "function f(env: any) { return env.KEY }; f(process.env)",
        "import { env } from 'node:process'; env.KEY",
        "import process from 'node:process'; process.env.KEY",
        "const { env } = require('process'); env.KEY",
        "import { env } from '$env/dynamic/private'; env.KEY",
        "import * as env from '$env/static/private'; env.KEY",
        "import { KEY } from '$env/static/private'",
        "import { KEY } from 'astro:env/server'",
        "import { getSecret } from 'astro:env/server'; getSecret('KEY')",
        "Deno.env.get('KEY')",
        "Deno.env.toObject().KEY",
        "const env = Deno.env.toObject(); env.KEY",
        "Bun.env.KEY",
        "'KEY' in process.env",
        "const NAME = 'KEY'; process.env[NAME]",
        "for (const name of ['KEY']) process.env[name]",
        "['KEY'].forEach((name) => process.env[name])",
        "const names = ['KEY']; names.filter((name) => !process.env[name])",
        "const names = ['KEY'] as const; for (const name of names) use(process.env[name])",
        "const NAMES = { one: 'KEY' }; f = (kind) => process.env[NAMES[kind]]",
        "const all = [{ flag: 'KEY' }]; all.map((one) => process.env[one.flag])",
        "const get = (name) => process.env[name]; get('KEY')",
        "function get(name) { return process.env[name] }; get('KEY')",
        "const config = { get: (name) => process.env[name] }; config.get('KEY')",
        "class C { get(name) { return process.env[name] } m() { this.get('KEY') } }",
        "const read = (name) => process.env[name]; const int = (name) => +read(name); int('KEY')",
    ],
)
def test_read_is_found_once(code: str) -> None:
    assert keys_of(code) == ["KEY"]


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
        "process.env[`${name}_KEY`]",
        "my.env.KEY; process.env",
        "other.process_env.KEY // process.env",
        "Object.keys(process.env)",
        "const env = process.env; function f(env) { }; other.env.KEY",
        "{ const env = process.env } env.KEY",
        "type E = typeof process.env; let x: E",
        "import.meta.env.MODE",
        "const result = schema.safeParse(process.env); result.success",
    ],
)
def test_what_is_no_read_is_not_found(code: str) -> None:
    assert keys_of(code) == []


@pytest.mark.parametrize(
    ("code", "default"),
    [
        ("process.env.KEY || 'x'", "x"),
        ("process.env.KEY ?? 3000", "3000"),
        ("Number(process.env.KEY) || 3000", "3000"),
        ("parseInt(process.env.KEY || '8', 10)", "8"),
        ("process.env.KEY ?? other", None),
        ("process.env.KEY ??= 'x'", "x"),
        ("const { KEY = 'x' } = process.env", "x"),
        ("const get = (name, fallback) => process.env[name] ?? fallback; get('KEY', 'x')", "x"),
    ],
)
def test_default_makes_a_read_optional(code: str, default: str | None) -> None:
    (read,) = reads_of(code)
    assert (read.required, read.has_default, read.default) == (False, True, default)
    assert read.reason == "has a default"


@pytest.mark.parametrize(
    "code",
    [
        "connect(process.env.KEY!)",
        "if (!process.env.KEY) { throw new Error('KEY') }",
        "if (!process.env.KEY) throw new Error('KEY')",
        "if (process.env.KEY === undefined) { process.exit(1) }",
        "if (!process.env.KEY) { console.error('no KEY'); process.exit(1) }",
        "const key = process.env.KEY; if (!key) throw new Error()",
        "const { KEY } = process.env; if (!KEY || !other) { throw new Error() }",
        "invariant(process.env.KEY, 'KEY is required')",
        "const key = process.env.KEY ?? raise('KEY')",
        "const must = (name) => { const v = process.env[name]; if (!v) throw x; return v }; must('KEY')",
        "for (const name of ['KEY']) { if (!process.env[name]) throw new Error(name) }",
        "const gone = ['KEY'].filter((n) => !process.env[n]); if (gone.length) { throw new Error() }",
    ],
)
def test_read_that_the_code_insists_on_is_required_and_says_why(code: str) -> None:
    required = [read for read in reads_of(code) if read.required]
    assert [read.key for read in required] == ["KEY"]
    assert "fails without" in (required[0].reason or "")


@pytest.mark.parametrize(
    "code",
    ["process.env.KEY !== 'x'", "if (!process.env.KEY) { warn() }", "use(process.env.KEY)",
     "if (!process.env.KEY && strict) throw x"],
)  # fmt: skip
def test_read_that_nothing_insists_on_is_optional(code: str) -> None:
    assert not any(read.required for read in reads_of(code))


def test_import_meta_is_read_at_build_time_and_its_own_names_do_not_count() -> None:
    found = reads_of("import.meta.env.VITE_KEY; import.meta.env.MODE; import.meta.env.DEV")
    assert [(one.key, one.build_time) for one in found] == [("VITE_KEY", True)]


def test_read_in_a_build_configuration_is_at_build_time() -> None:
    (read,) = reads_of("export default { base: process.env.KEY }", "vite.config.ts")
    assert read.build_time


@pytest.mark.parametrize(
    "code",
    ["// The key of it\nconst key = process.env.KEY", "const key = process.env.KEY // The key of it",
     "const a = {\n  /** The key of it */\n  key: process.env.KEY,\n}"],
)  # fmt: skip
def test_comment_above_or_behind_a_read_describes_it(code: str) -> None:
    assert reads_of(code)[0].description == "The key of it"


@pytest.mark.parametrize("comment", ["eslint-disable-next-line", "TODO: x", "const old = 1;"])
def test_comment_that_is_for_a_tool_or_code_describes_nothing(comment: str) -> None:
    assert reads_of(f"// {comment}\nconst key = process.env.KEY")[0].description is None


def test_component_file_is_read_in_its_scripts_alone_with_its_own_lines() -> None:
    code = "<template>\n it's {{ process.env.NO }}\n</template>\n<script setup>\nprocess.env.KEY\n"
    found = reads_of(code + "</script>\n", "App.vue")
    assert [(one.key, one.line) for one in found] == [("KEY", 5)]


def test_code_fence_of_astro_is_read() -> None:
    assert keys_of(
        "---\nconst a = import.meta.env.KEY\n---\n<p>import.meta.env.NO</p>", "a.astro"
    ) == ["KEY"]


@pytest.mark.parametrize("code", ["`${", "'", "/* process.env.KEY", "process.env[", "}}}", "`${{`"])
def test_broken_code_gives_no_error(code: str) -> None:
    assert keys_of(code + " process.env", "app.js") == []


def test_reader_of_another_file_is_followed_where_it_is_imported() -> None:
    files = {
        "lib/env.ts": "export function need(name: string, otherwise?: string) {"
        " const v = process.env[name] ?? otherwise; if (!v) throw new Error(name); return v }",
        "app.ts": "import { need } from '@/lib/env'\nneed('KEY'); need('OTHER', 'x'); need('lower')",
        "else.ts": "need('UNRELATED')",
    }
    found = {read.key: read for read in find_reads(files)}
    assert set(found) == {"KEY", "OTHER"}
    assert found["KEY"].required
    assert (found["OTHER"].default, found["OTHER"].required) == ("x", False)


def test_object_of_another_file_that_is_the_environment_is_followed() -> None:
    files = {
        "lib/config.ts": "class C { get(key: string) { return process.env[key] } }\n"
        "export const config = new Proxy(new C(), { get: (c, p: string) => c.get(p) }) as any",
        "app.ts": "import { config } from './lib/config'\nconfig.KEY; config.method(); config.get('TWO')",
    }
    assert sorted({read.key for read in find_reads(files)}) == ["KEY", "TWO"]


def test_names_that_next_is_configured_to_put_in_do_not_count() -> None:
    files = {
        "next.config.js": "module.exports = { env: { version: '1', KEY: process.env.KEY } }",
        "app.ts": "process.env.version; process.env.KEY",
    }
    assert {read.key for read in find_reads(files)} == {"KEY"}


@pytest.mark.parametrize(
    ("path", "markup"),
    [
        ("a.astro", "<a href={import.meta.env.KEY}>it's</a>"),
        (
            "a.svelte",
            "<script>import { env } from '$env/dynamic/public'</script>\n{#if env.KEY}x{/if}",
        ),
        ("a.svelte", "<p>{import.meta.env.KEY} {'}'}</p>"),
    ],
)
def test_expression_in_markup_is_read(path: str, markup: str) -> None:
    assert keys_of(markup, path) == ["KEY"]
