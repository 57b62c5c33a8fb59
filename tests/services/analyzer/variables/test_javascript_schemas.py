"""Schemas and libraries through which JavaScript reads the environment."""

# ruff: noqa: E501 - code is quoted as people write it
import pytest

from autodeploy.services.analyzer.variables.javascript import find_reads
from autodeploy.services.analyzer.variables.reads import Read


def by_key(code: str, path: str = "env.ts") -> dict[str, Read]:
    return {read.key: read for read in find_reads({path: code})}


SCHEMAS = {
    "zod": """
        import { z } from 'zod'
        const schema = z.object({ NEED: z.string().url().describe('where it is'),
          COUNT: z.coerce.number().default(3), MAY: z.string().optional() })
        export const env = schema.parse(process.env)""",
    "zod chain": """
        export const env = z.object({ NEED: z.string().url().describe('where it is') })
          .extend({ COUNT: z.coerce.number().default(3) }).merge(z.object({ MAY: z.string().optional() }))
          .safeParse(process.env)""",
    "zod parts": """
        const one = z.object({ NEED: z.string().url().describe('where it is') })
        const shape = { COUNT: z.coerce.number().default(3), MAY: z.string().optional() }
        z.object({ ...one.shape, ...shape }).parse(process.env)""",
    "valibot": """
        const Schema = v.object({ NEED: v.pipe(v.string(), v.url(), v.description('where it is')),
          COUNT: v.optional(v.pipe(v.string(), v.transform(Number), v.number()), '3'), MAY: v.optional(v.string()) })
        v.parse(Schema, process.env)""",
    "joi": """
        const { value } = Joi.object().keys({ NEED: Joi.string().uri().required().description('where it is'),
          COUNT: Joi.number().default(3), MAY: Joi.string() }).unknown()
          .prefs({ errors: { label: 'key' } }).validate(process.env)""",
    "yup": """
        const schema = yup.object({ NEED: yup.string().url().required().label('where it is'),
          COUNT: yup.number().default(3), MAY: yup.string() })
        schema.validateSync(process.env)""",
    "envalid": """
        import { cleanEnv, str, num, url } from 'envalid'
        cleanEnv(process.env, { NEED: url({ desc: 'where it is' }), COUNT: num({ default: 3 }),
          MAY: str({ default: undefined }) })""",
    "t3-env": """
        import { createEnv } from '@t3-oss/env-nextjs'
        export const env = createEnv({
          server: { NEED: z.string().url().describe('where it is'), COUNT: z.coerce.number().default(3) },
          client: { MAY: z.string().optional() }, experimental__runtimeEnv: {} })""",
    "env-schema": """
        import envSchema from 'env-schema'
        const schema = { type: 'object', required: ['NEED'], properties: {
          NEED: { type: 'string', format: 'url', description: 'where it is' }, COUNT: { type: 'number', default: 3 },
          MAY: { type: 'string' } } }
        envSchema({ schema, dotenv: true })""",
    "nestjs": """
        import { ConfigModule } from '@nestjs/config'
        ConfigModule.forRoot({ validationSchema: Joi.object({
          NEED: Joi.string().uri().required().description('where it is'),
          COUNT: Joi.number().default(3), MAY: Joi.string() }) })""",
    "class-validator": """
        import { IsUrl, IsOptional } from 'class-validator'
        export class EnvironmentVariables {
          /** where it is */
          @IsUrl() NEED: string
          COUNT: number = 3
          @IsOptional() MAY: string
        }""",
    "astro": """
        import { defineConfig, envField } from 'astro/config'
        export default defineConfig({ env: { schema: {
          // where it is
          NEED: envField.string({ context: 'server', access: 'secret', url: true }),
          COUNT: envField.number({ context: 'server', access: 'secret', default: 3 }),
          MAY: envField.string({ context: 'server', access: 'secret', optional: true }) } } })""",
}


@pytest.mark.parametrize("layer", SCHEMAS)
def test_schema_names_its_variables_with_what_it_says_of_them(layer: str) -> None:
    found = by_key(SCHEMAS[layer])
    assert set(found) == {"NEED", "COUNT", "MAY"}
    assert [found[key].required for key in ("NEED", "COUNT", "MAY")] == [True, False, False]
    assert found["NEED"].reason == "required by its schema"
    assert found["NEED"].description == "where it is"
    assert (found["NEED"].type, found["COUNT"].type) == ("url", "integer")
    if layer != "class-validator":
        assert found["COUNT"].has_default


def test_schema_of_another_file_is_followed_to_where_it_is_declared() -> None:
    files = {
        "env/schema.ts": "export const schema = z.object({ KEY: z.string() })",
        "env/index.ts": "import { schema } from './schema'\nexport const env = schema.parse(process.env)",
    }
    assert [(read.key, read.file) for read in find_reads(files)] == [("KEY", "env/schema.ts")]


def test_schema_of_something_else_is_none_of_the_environment() -> None:
    code = "z.object({ NAME: z.string() }).parse(body); use(process.env.KEY)"
    assert set(by_key(code)) == {"KEY"}


def test_convict_names_its_variables() -> None:
    code = """
        const convict = require('convict')
        convict({ port: { doc: 'where it listens', format: 'port', default: 80, env: 'PORT_NUMBER' },
                  key: { format: String, default: null, env: 'KEY', sensitive: true } })"""
    found = by_key(code)
    assert set(found) == {"PORT_NUMBER", "KEY"}
    assert (found["PORT_NUMBER"].default, found["PORT_NUMBER"].description) == (
        "80",
        "where it listens",
    )


@pytest.mark.parametrize(
    ("call", "required", "default"),
    [
        ("this.configService.get<string>('KEY')", False, None),
        ("this.configService.getOrThrow('KEY')", True, None),
        ("config.get('KEY', 'x')", False, "x"),
    ],
)
def test_configuration_service_of_nestjs_reads(
    call: str, required: bool, default: str | None
) -> None:
    code = f"import {{ ConfigService }} from '@nestjs/config'\n{call}; cache.get('NO'); config.get('a.b')"
    (read,) = find_reads({"a.service.ts": code})
    assert (read.key, read.required, read.default) == ("KEY", required, default)


def test_env_var_reads() -> None:
    code = """import env from 'env-var'
        env.get('PORT_NUMBER').default('80').asPortNumber(); env.get('KEY').required().asString()"""
    found = by_key(code)
    assert (found["PORT_NUMBER"].default, found["KEY"].required) == ("80", True)


def test_types_of_the_environment_name_variables() -> None:
    code = """declare namespace NodeJS { interface ProcessEnv {
        /** The key of it */
        KEY: string } }
        interface ImportMetaEnv { readonly VITE_KEY: string }"""
    found = by_key(code, "env.d.ts")
    assert set(found) == {"KEY", "VITE_KEY"}
    assert (found["KEY"].description, found["VITE_KEY"].build_time) == ("The key of it", True)


@pytest.mark.parametrize(
    "code",
    [
        "const nconf = require('nconf'); nconf.env(); nconf.get('KEY'); nconf.get('a:b')",
        "import getenv from 'getenv'; getenv('KEY'); getenv.int('KEY', 3)",
        "import Env from '@ioc:Adonis/Core/Env'; Env.get('KEY')",
        "module.exports = ({ env }) => ({ host: env('KEY'), port: env.int('KEY', 1337) })",
        "export default ({ env }) => ({ host: env('KEY', 'x') })",
        "import { Hono } from 'hono'; app.get('/', (c) => c.text(c.env.KEY))",
    ],
)
def test_reader_that_a_library_gives_reads(code: str) -> None:
    assert set(by_key(code)) == {"KEY"}
