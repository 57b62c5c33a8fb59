"""Reads of environment variables in every language but Python and JavaScript."""

import time

import pytest

from autodeploy.services.analyzer.plan import VariableType
from autodeploy.services.analyzer.variables.languages import families_of
from autodeploy.services.analyzer.variables.reads import Read


def reads(texts: dict[str, str]) -> list[Read]:
    """What all families find in some files, by path."""
    families: dict[object, dict[str, str]] = {}
    for path, text in texts.items():
        for family in families_of(path):
            families.setdefault(family, {})[path] = text
    return [read for find, of_it in families.items() for read in find(of_it)]  # type: ignore[operator]


def described(found: list[Read]) -> set[str]:
    """`KEY!` is required, `KEY=x` has the default x, `KEY=` has one that is not shown."""
    return {
        f"{one.key}!" if one.required
        else f"{one.key}={one.default or ''}" if one.has_default
        else one.key
        for one in found
    }  # fmt: skip


TABLE = {
    "go: calls": (
        "main.go",
        """package main
        func main() {
            a := os.Getenv("A")
            b, ok := os.LookupEnv("B")
            // os.Getenv("IN_COMMENT")
            s := "os.Getenv(\\"IN_STRING\\")"
            c := os.Getenv("C")
            if c == "" { log.Fatal("no C") }
            d := os.Getenv("D"); e, ok := os.LookupEnv("E")
            if !ok { panic("no E") }
        }""",
        {"A", "B", "C!", "D", "E!"},
    ),
    "go: tags": (
        "config.go",
        """package config
        type Database struct {
            URL  string `env:"URL,required"`
            Port int    `env:"PORT" envDefault:"5432"`
        }
        type Config struct {
            Database Database `envPrefix:"DB_"`
            Name   string `envconfig:"NAME" default:"x"`
            Key    string `envconfig:"KEY" required:"true"`
            Wait   int    `env:"WAIT, default=4"`
            Token  string `help:"a" env:"TOKEN,OTHER_TOKEN" required:""`
            Level  string `env:"LEVEL" env-default:"info"`
            Plain  string `json:"plain"`
        }""",
        {
            "DB_URL!",
            "DB_PORT=5432",
            "NAME=x",
            "KEY!",
            "WAIT=4",
            "TOKEN!",
            "OTHER_TOKEN!",
            "LEVEL=info",
        },
    ),
    "go: command lines": (
        "flags.go",
        """package main
        var a = cli.StringFlag{Name: "a", EnvVars: []string{"A", "A_OLD"}}
        var b = cli.StringFlag{Sources: cli.EnvVars("B")}
        var c = kingpin.Flag("c", "").Envar("C").String()""",
        {"A", "A_OLD", "B", "C"},
    ),
    "go: viper": (
        "viper.go",
        """package main
        func main() {
            viper.SetEnvPrefix("app")
            viper.AutomaticEnv()
            viper.GetString("port") // set APP_PORT
            viper.BindEnv("db", "DATABASE_URL")
        }""",
        {"APP_PORT", "DATABASE_URL"},
    ),
    "go: a table of names": (
        "options.go",
        """package config
        var options = map[string]*option{
            "LISTEN_ADDR": {value: "x"},
        }
        func load() { parse(os.Environ()) }""",
        {"LISTEN_ADDR"},
    ),
    "go: envconfig": (
        "config.go",
        """package config
        type Config struct {
            JWT      Token
            Database *Database `envconfig:"DB"`
            SiteURL  string `split_words:"true" required:"true"`
            hidden   string
        }
        type Token struct { Secret string; Lifetime int `default:"60"` }
        type Database struct { Pool `ignored:"false"`; Url string `envconfig:"URL"` }
        type Pool struct { MaxConns int `split_words:"true"` }
        func Load(config *Config) error { return envconfig.Process("app", config) }""",
        {
            "APP_JWT_SECRET",
            "APP_JWT_LIFETIME=60",
            "APP_DB_URL",
            "URL",
            "APP_JWT",
            "APP_DB",
            "APP_DB_MAX_CONNS",
            "APP_SITE_URL!",
        },
    ),
    "rust: calls": (
        "main.rs",
        """
        const NAME: &str = "B";
        fn main() {
            let a = std::env::var("A").unwrap();
            let b = env::var(NAME).unwrap_or_else(|_| "x".to_string());
            let c = env::var("C").expect("C must be set");
            let d = env::var("D").ok();
            let e = env::var("E").unwrap_or("8080".into()).parse::<u16>();
            let f = option_env!("F");
            Command::new("ls").env("NOT_READ", "1");
            Arg::new("g").env("G");
            println!("{}", env!("CARGO_PKG_VERSION"));
        }""",
        {"A!", "B=x", "C!", "D", "E=8080", "F", "G"},
    ),
    "rust: clap": (
        "cli.rs",
        """
        #[derive(clap::Parser)]
        struct Config {
            /// Where the database is
            #[clap(long, env)]
            database_url: String,
            #[arg(long, env = "SERVER_PORT", default_value_t = 8080)]
            port: u16,
            #[arg(long, env)]
            sentry_dsn: Option<String>,
            #[arg(long)]
            no_variable: String,
        }""",
        {"DATABASE_URL!", "SERVER_PORT=8080", "SENTRY_DSN"},
    ),
    "rust: a settings macro": (
        "settings.rs",
        """
        macro_rules! settings {
            ($($name:ident : $ty:ident, $default:expr;)+) => {
                $( get_env(paste!(stringify!([<$name:upper>]))); )+
            };
        }
        settings! {
            /// Where data is kept
            data_folder: String, "data".to_owned();
            retries: u32, 15;
            cache: String, |c| join(&c.data_folder, "cache");
        }""",
        {"DATA_FOLDER=data", "RETRIES=15", "CACHE="},
    ),
    "rust: envy": (
        "envy.rs",
        """
        #[derive(Deserialize)]
        struct Config { #[serde(default)] port: u16, api_key: String, host: Option<String> }
        fn main() { let c = envy::prefixed("APP_").from_env::<Config>().unwrap(); }""",
        {"APP_PORT=", "APP_API_KEY!", "APP_HOST"},
    ),
    "java": (
        "App.java",
        """class App {
            static final String NAME = "B";
            @Value("${C:fallback}") String c;
            @Value("${D}") String d;
            @Value("${app.property}") String e;
            @ConfigProperty(name = "F", defaultValue = "f") String f;
            String a = System.getenv("A");
            String b = System.getenv(NAME);
            String g = System.getenv().getOrDefault("G", "g");
            String h = Optional.ofNullable(System.getenv("H")).orElse("h");
            String i = Optional.ofNullable(System.getenv("I")).orElseThrow();
        }""",
        {"A", "B", "C=fallback", "D", "F=f", "G=g", "H=h", "I!"},
    ),
    "kotlin": (
        "App.kt",
        """
        val a = System.getenv("A") ?: "a"
        val b = System.getenv("B") ?: error("no B")
        val c = System.getenv()["C"]!!
        val d = System.getenv("D")?.toInt() ?: 8080""",
        {"A=a", "B!", "C!", "D=8080"},
    ),
    "scala": (
        "App.scala",
        """object App {
            val a = sys.env("A")
            val b = sys.env.get("B")
            val c = sys.env.getOrElse("C", "c")
            val d = sys.env.get("D").getOrElse("d")
        }""",
        {"A!", "B", "C=c", "D=d"},
    ),
    "c#": (
        "App.cs",
        """class App {
            const string Name = "B";
            string a = Environment.GetEnvironmentVariable("A") ?? "a";
            string b = System.Environment.GetEnvironmentVariable(Name)
                ?? throw new InvalidOperationException();
            int c = int.Parse(Environment.GetEnvironmentVariable("C"));
            string d = builder.Configuration["D_KEY"];
            string e = builder.Configuration["Some:Setting"] + builder.Configuration["Plain"];
        }""",
        {"A=a", "B!", "C", "D_KEY"},
    ),
    "ruby": (
        "app.rb",
        """
        NAME = "I"
        a = ENV["A"]
        b = ENV.fetch("B")
        c = ENV.fetch("C", "c")
        d = ENV.fetch("D") { 5 }
        e = ENV["E"].presence || "e"
        f = ENV["F"] || raise("no F")
        g = ENV.key?("G")
        ENV["WRITTEN"] = "1"
        ENV["H"] ||= "h"
        i = ENV[NAME]
        # ENV["IN_COMMENT"]
        j = Integer(ENV.fetch("J", nil))""",
        {"A", "B!", "C=c", "D=5", "E=e", "F!", "G", "H=h", "I", "J="},
    ),
    "ruby in yaml": (
        "config/database.yml",
        """production:
  url: <%= ENV["A"] %>
  pool: <%= ENV.fetch("B") { 5 } %>
  # plain: ENV["IN_COMMENT"]""",
        {"A", "B=5"},
    ),
    "ruby in a page": ("app/views/page.html.erb", "<p><%= ENV['A'] %></p><%# ENV['NO'] %>", {"A"}),
    "rails": (
        "config/environments/production.rb",
        """
        # Ensures that a master key has been made available in ENV["RAILS_MASTER_KEY"]
        config.require_master_key = true
        config.log_level = ENV.fetch("RAILS_LOG_LEVEL", "info")""",
        {"RAILS_MASTER_KEY!", "RAILS_LOG_LEVEL=info"},
    ),
    "crystal": ("app.cr", 'port = ENV["A"]\nhost = ENV.fetch("B", "b")\n', {"A", "B=b"}),
    "php": (
        "config/x.php",
        """<?php
        return [
            'a' => env('A'),
            'b' => env('B', 'b'),
            'c' => (int) env('C', 3),
            'd' => getenv('D') ?: 'd',
            'e' => $_ENV['E'] ?? throw new Exception(),
            'f' => $_SERVER['F'] ?? null,
            'g' => $_SERVER['REQUEST_URI'],
            'h' => Env::get('H'),
            // env('IN_COMMENT')
            'i' => env("I_{$name}"),
        ];""",
        {"A", "B=b", "C=3", "D=d", "E!", "F=", "H"},
    ),
    "laravel": (
        "config/app.php",
        "<?php return ['key' => env('APP_KEY')];",
        {"APP_KEY!", "APP_KEY"},
    ),
    "blade": ("resources/views/a.blade.php", "<p>{{ env('A', 'a') }}</p>", {"A=a"}),
    "symfony": (
        "config/services.yaml",
        """parameters:
    env(C): 'c'
    a: '%env(A)%'
    b: '%env(int:default:d:B)%'
    # no: '%env(IN_COMMENT)%'""",
        {"A", "B", "C=c"},
    ),
    "symfony in php": ("src/A.php", "<?php #[Autowire(env: 'bool:A')] class B {}", {"A"}),
    "elixir": (
        "config/runtime.exs",
        """
        @name "G"
        a = System.get_env("A")
        b = System.get_env("B", "b")
        c = System.fetch_env!("C")
        d = System.get_env("D") || raise "no D"
        e = String.to_integer(System.get_env("E") || "4000")
        if config_env() == :prod do
          f = System.fetch_env!("F")
        end
        g = System.get_env(@name)
        # System.get_env("IN_COMMENT")""",
        {"A", "B=b", "C!", "D!", "E=4000", "F!", "G"},
    ),
    "swift": (
        "App.swift",
        """
        let a = ProcessInfo.processInfo.environment["A"] ?? "a"
        let b = Environment.get("B")!
        let c = Environment.get("C")""",
        {"A=a", "B!", "C"},
    ),
    "c++": (
        "main.cpp",
        """
        #define NAME "B"
        const char* a = std::getenv("A");
        const char* b = getenv(NAME);
        // getenv("IN_COMMENT")""",
        {"A", "B"},
    ),
    "dart": (
        "main.dart",
        """
        final a = Platform.environment['A'] ?? 'a';
        const b = String.fromEnvironment('B', defaultValue: 'b');
        // Platform.environment['IN_COMMENT']""",
        {"A=a", "B=b"},
    ),
    "clojure": (
        "core.clj",
        """
        (def a (System/getenv "A"))
        (def b (or (System/getenv "B") "b"))
        (def c (env :database-url))
        ; (System/getenv "IN_COMMENT")""",
        {"A", "B=b", "DATABASE_URL"},
    ),
    "gleam": ("app.gleam", 'let a = envoy.get("A")\n// envoy.get("B")', {"A"}),
    "haskell": ("Main.hs", 'a <- getEnv "A"\nb <- lookupEnv "B"\n-- getEnv "C"', {"A!", "B"}),
    "f#": (
        "App.fs",
        'let a = Environment.GetEnvironmentVariable "A"\n(* GetEnvironmentVariable "B" *)',
        {"A"},
    ),
    "zig": ("main.zig", 'const a = std.posix.getenv("A") orelse "x";', {"A"}),
    "prisma": ("schema.prisma", 'url = env("DATABASE_URL")\n// env("NO")', {"DATABASE_URL!"}),
    "spring": (
        "src/main/resources/application.yml",
        """
a: ${A:http://localhost:1}
b: ${B}
c: ${some.property:x}
# ${IN_COMMENT}""",
        {"A=http://localhost:1", "B!"},
    ),
    "hocon": ("conf/application.conf", 'a = "x"\na = ${?A}\nb = ${B}', {"A=", "B!"}),
    "shell": (
        "docker-entrypoint.sh",
        """#!/bin/sh
: "${A:?A is required}"
B=${B:-b}
C=1
echo $C $D
# $IN_COMMENT""",
        {"A!", "B=b", "D"},
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_code_that_reads_variables_gives_these_and_no_others(name: str) -> None:
    path, text, expected = TABLE[name]
    assert described(reads({path: text})) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({"env.go": "package env\nfunc Get(key, fallback string) string { return os.Getenv(key) }",
          "main.go": 'package main\nvar a = env.Get("HOST_NAME", "a")\nvar b = env.Get("low", "")'},
         {"HOST_NAME=a"}),
        ({"env.go": "package env\nfunc Must(key string) string {\n v := os.Getenv(key)\n"
                    ' if v == "" { panic(key) }\n return v\n}',
          "main.go": 'package main\nvar a = env.Must("API_KEY")'}, {"API_KEY!"}),
        ({"util.rs": "pub fn get_env(key: &str) -> Option<String> { panic_if_twice(key); "
                     "env::var(key).ok() }",
          "main.rs": 'fn main() { get_env("DATA_FOLDER").unwrap_or_else(|| "data".into()); }'},
         {"DATA_FOLDER=data"}),
        ({"a.rb": "def setting(name, default = nil)\n  ENV.fetch(name, default)\nend",
          "b.rb": 'setting("A_KEY", "a")'}, {"A_KEY=a"}),
        ({"a.ex": "defmodule A do\n  def get(name) do\n    System.get_env(name)\n  end\nend",
          "b.ex": 'A.get("A_KEY")'}, {"A_KEY"}),
        ({"a.php": "<?php function setting(string $key, $default = null)"
                   " { return getenv($key) ?: $default; }",
          "b.php": "<?php setting('A_KEY', 'a');"}, {"A_KEY=a"}),
        ({"A.java": "class A { static String get(String key) { return System.getenv(key); } }",
          "B.java": 'class B { String a = A.get("A_KEY"); }'}, {"A_KEY"}),
        ({"a.cs": "class A { static string Get(string key) => Outer(key);\n"
                  " static string Outer(string key) => Environment.GetEnvironmentVariable(key); }",
          "b.cs": 'class B { string a = A.Get("A_KEY"); }'}, {"A_KEY"}),
        ({"names.go": 'package names\nconst DatabaseKey = "DATABASE_URL"',
          "main.go": "package main\nvar a = os.Getenv(names.DatabaseKey)"}, {"DATABASE_URL"}),
        ({"a.go": 'package a\nconst Key = "ONE"', "b.go": 'package b\nconst Key = "OTHER"',
          "main.go": "package main\nvar a = os.Getenv(a.Key)"}, set()),
    ],
)  # fmt: skip
def test_wrappers_and_constants_of_other_files_are_followed(
    texts: dict[str, str], expected: set[str]
) -> None:
    assert described(reads(texts)) == expected


@pytest.mark.parametrize(
    "path",
    ["main_test.go", "spec/a_spec.rb", "src/test/java/A.java", "UserTest.php", "config/test.exs",
     "api.pb.go", "App.Tests/A.cs", ".devcontainer/start.sh"],
)  # fmt: skip
def test_tests_and_generated_code_are_left_out(path: str) -> None:
    assert families_of(path) == ()


def test_what_development_sets_does_not_make_a_variable_optional() -> None:
    found = reads(
        {"config/dev.exs": 'url = System.get_env("DATABASE_URL", "postgres://localhost")'}
    )
    assert described(found) == {"DATABASE_URL"}


def test_logging_by_the_environment_reads_its_variable_where_it_is_named() -> None:
    main = "fn main() { env_logger::init(); }"
    assert described(reads({"main.rs": main})) == set()
    assert described(reads({"main.rs": main + " // RUST_LOG=debug"})) == {"RUST_LOG"}


def test_a_read_that_one_case_makes_is_not_required() -> None:
    code = 'package a\nfunc f() { switch kind { case "s3": must("S3_BUCKET") } }\n'
    must = 'func must(key string) { if os.Getenv(key) == "" { panic(key) } }\n'
    assert described(reads({"a.go": code + must})) == {"S3_BUCKET"}


def test_conversions_and_defaults_give_the_type() -> None:
    found = reads(
        {
            "a.exs": 'String.to_integer(System.get_env("A"))\nSystem.get_env("B") == "true"',
            "a.php": "<?php env('C', 3); env('D', false);",
            "a.go": 'package a\ntype C struct {\n E int `env:"E"`\n F bool `env:"F"`\n}',
        }
    )
    assert {one.key: one.type for one in found} == {
        "A": VariableType.INTEGER, "B": VariableType.BOOLEAN, "C": VariableType.INTEGER,
        "D": VariableType.BOOLEAN, "E": VariableType.INTEGER, "F": VariableType.BOOLEAN,
    }  # fmt: skip


def test_the_line_in_a_template_is_told() -> None:
    found = reads({"config/a.yml": "a: 1\nb: <%= 1 %>\nc: <%= ENV['A'] %>\n"})
    assert [(one.key, one.line) for one in found] == [("A", 3)]


PATHS = sorted({path for path, _, _ in TABLE.values()})
HOSTILE = {
    "a line of a mebibyte": 'ENV["A"] os.Getenv("A") env(' + "a" * (1 << 20),
    "deep nesting": 'ENV[env("A"' + "os.Getenv(" * 20_000,
    "broken code": 'ENV[" os.Getenv( env(\'A env::var( System.get_env( ${ ${A:- %env( <%= `env:"',
    "replaced bytes": 'ENV["\ufffd"] os.Getenv("\ufffd\ufffd") env(\'\ufffd\') ${\ufffd}',
    "openings": '/* {- (* <% {{ #{ ${ """ \' ` env( ENV[ getenv ' * 2_000,
    "spaces": 'getenv ENV[ env( #or [ (or  os.Getenv("A")' + " " * 200_000 + "|| x",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_code_ends_soon_and_invents_nothing(name: str) -> None:
    started = time.monotonic()
    found = reads(dict.fromkeys(PATHS, HOSTILE[name]))
    assert {one.key for one in found} <= {"A"}
    assert time.monotonic() - started < len(PATHS)


def test_many_wrappers_and_names_end_soon() -> None:
    code = "package a\n" + "".join(
        f"func f{n}(key string) string {{ return os.Getenv(key) + os.Getenv(Name{n}) }}\n"
        for n in range(3_000)
    )
    started = time.monotonic()
    reads({"a.go": code, "b.go": code})
    assert time.monotonic() - started < 20
