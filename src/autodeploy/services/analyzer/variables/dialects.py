"""How each language reads the environment: data that ``reading`` interprets.

A *call* is a query whose captures are ``@read`` (the whole expression), ``@method`` (the name that
decides whether it is looked at) and ``@arguments`` or, in brackets, ``@key``. What is written from
the start of a read to its first argument is the name of a *reader*: ``os.Getenv``, ``ENV[``.
Sources: the references of the languages and libraries named (2026-11).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from autodeploy.services.analyzer.variables.syntax import Grammar


@dataclass(frozen=True)
class Reader:
    """A function that reads the variable that one of its arguments names.

    ``key`` and ``default`` are positions; ``required``: it fails by itself when there is neither
    value nor default; ``every``: all arguments name variables; ``arity``: with another number of
    arguments it is something else.
    """

    key: int = 0
    default: int | None = 1
    required: bool = False
    every: bool = False
    arity: int | None = None
    build_time: bool = False


@dataclass(frozen=True)
class Dialect:
    """A language: where it reads, declares constants and defines functions.

    A file without any of ``marks`` reads nothing by itself; parsing is what costs. ``given`` are
    the names that its own tools or servers set, and nobody else.
    """

    grammar: Grammar
    marks: tuple[str, ...]
    readers: Mapping[str, Reader]
    calls: tuple[str, ...]
    functions: tuple[str, ...]
    constants: tuple[str, ...] = ()
    given: re.Pattern[str] = re.compile(r"(?!)")


PLAIN = Reader()
NO_DEFAULT = Reader(default=None)
FAILS = Reader(required=True)
EVERY = Reader(default=None, every=True)

GO = Dialect(
    grammar="go",
    marks=("os.Getenv", "os.LookupEnv", "syscall.Getenv", "EnvVars", "Envar(", "BindEnv"),
    readers={
        "os.Getenv": NO_DEFAULT,
        "os.LookupEnv": NO_DEFAULT,
        "syscall.Getenv": NO_DEFAULT,
        "cli.EnvVars": EVERY,
        "EnvVars:[]string{": EVERY,
        ".Envar": NO_DEFAULT,
        ".OverrideDefaultFromEnvar": NO_DEFAULT,
        "viper.BindEnv": Reader(key=1, default=None),
    },
    calls=(
        """(call_expression
             function: [(identifier) @method (selector_expression field: (_) @method)]
             arguments: (_) @arguments) @read""",
        """(keyed_element (literal_element (identifier) @method)
             (literal_element (composite_literal body: (literal_value) @arguments))) @read""",
    ),
    functions=(
        "(function_declaration name: (_) @name parameters: (_) @parameters) @function",
        "(method_declaration name: (_) @name parameters: (_) @parameters) @function",
    ),
    constants=(
        "(const_spec name: (_) @name value: (expression_list . (_) @value .))",
        "(var_spec name: (_) @name value: (expression_list . (_) @value .))",
    ),
)

RUST = Dialect(
    grammar="rust",
    marks=("env::var", "var_os", "env!", "dotenv!", "dotenvy::var", "dotenv::var", ".env("),
    readers={
        "env::var": NO_DEFAULT,
        "env::var_os": NO_DEFAULT,
        "dotenvy::var": NO_DEFAULT,
        "dotenv::var": NO_DEFAULT,
        "env!": Reader(default=None, required=True, build_time=True),
        "option_env!": Reader(default=None, build_time=True),
        "dotenv!": Reader(default=None, required=True, build_time=True),
        ".env": Reader(default=None, arity=1),  # clap's Arg; std's Command takes two
    },
    calls=(
        """(call_expression
             function: [(scoped_identifier name: (_) @method) (identifier) @method
                        (field_expression field: (_) @method)
                        (generic_function function: [
                          (scoped_identifier name: (_) @method) (identifier) @method
                          (field_expression field: (_) @method)])]
             arguments: (_) @arguments) @read""",
        "(macro_invocation macro: (_) @method (token_tree) @arguments) @read",
    ),
    functions=("(function_item name: (_) @name parameters: (_) @parameters) @function",),
    constants=(
        "(const_item name: (_) @name value: (_) @value)",
        "(static_item name: (_) @name value: (_) @value)",
    ),
    # https://doc.rust-lang.org/cargo/reference/environment-variables.html (2026-11)
    given=re.compile(
        r"CARGO(_\w+)?|OUT_DIR|TARGET|HOST|PROFILE|OPT_LEVEL|NUM_JOBS|RUSTC\w*|DEP_\w+"
    ),
)

_JVM_READERS = {
    "System.getenv": NO_DEFAULT,
    "System.getenv().get": NO_DEFAULT,
    "System.getenv().getOrDefault": PLAIN,
    "System.getenv().containsKey": NO_DEFAULT,
    "System.getenv()[": NO_DEFAULT,
    "dotenv.get": PLAIN,
    "dotenv[": NO_DEFAULT,
}

JAVA = Dialect(
    grammar="java",
    marks=("getenv", "dotenv"),
    readers=_JVM_READERS,
    calls=("(method_invocation name: (_) @method arguments: (_) @arguments) @read",),
    functions=("(method_declaration name: (_) @name parameters: (_) @parameters) @function",),
    constants=("(variable_declarator name: (_) @name value: (string_literal) @value)",),
)

KOTLIN = Dialect(
    grammar="kotlin",
    marks=("getenv", "dotenv"),
    readers=_JVM_READERS,
    calls=(
        """(call_expression
             [(identifier) @method (navigation_expression (identifier) @method .)]
             (value_arguments) @arguments) @read""",
        "(index_expression . [(identifier) @method (call_expression (navigation_expression "
        "(identifier) @method .))] (_) @key .) @read",
    ),
    functions=(
        "(function_declaration name: (_) @name (function_value_parameters) @parameters) @function",
    ),
    constants=("(property_declaration (variable_declaration (_) @name) (string_literal) @value)",),
)

SCALA = Dialect(
    grammar="scala",
    marks=("sys.env", "getenv", "sys.props"),
    readers={
        **_JVM_READERS,
        "sys.env": Reader(default=None, required=True),
        "sys.env.get": NO_DEFAULT,
        "sys.env.getOrElse": PLAIN,
        "sys.env.contains": NO_DEFAULT,
        "scala.util.Properties.envOrElse": PLAIN,
        "Properties.envOrElse": PLAIN,
        "Properties.envOrNone": NO_DEFAULT,
    },
    calls=(
        """(call_expression function: [(identifier) @method (field_expression field: (_) @method)]
             arguments: (_) @arguments) @read""",
    ),
    functions=("(function_definition name: (_) @name parameters: (_) @parameters) @function",),
    constants=("(val_definition pattern: (identifier) @name value: (string) @value)",),
)

C_SHARP = Dialect(
    grammar="c_sharp",
    marks=("GetEnvironmentVariable", "DotNetEnv", "Env.GetString"),
    readers={
        "Environment.GetEnvironmentVariable": NO_DEFAULT,
        "Env.GetString": PLAIN,
        "Env.GetInt": PLAIN,
        "Env.GetBool": PLAIN,
    },
    calls=(
        """(invocation_expression
             function: [(identifier) @method (member_access_expression name: (_) @method)]
             arguments: (_) @arguments) @read""",
    ),
    functions=(
        "(method_declaration name: (_) @name parameters: (_) @parameters) @function",
        "(local_function_statement name: (_) @name parameters: (_) @parameters) @function",
    ),
    constants=("(variable_declarator name: (_) @name (string_literal) @value)",),
)

RUBY = Dialect(
    grammar="ruby",
    marks=("ENV[", "ENV.", "ENV ["),
    readers={
        "ENV[": NO_DEFAULT,
        "ENV.fetch": FAILS,
        "ENV.key?": NO_DEFAULT,
        "ENV.has_key?": NO_DEFAULT,
        "ENV.include?": NO_DEFAULT,
        "ENV.dig": NO_DEFAULT,
        "ENV.values_at": EVERY,
        "ENV.slice": EVERY,
    },
    calls=(
        "(element_reference object: (_) @method . (_) @key) @read",
        "(call receiver: (_) method: (_) @method arguments: (_) @arguments) @read",
        "(call !receiver method: (_) @method arguments: (_) @arguments) @read",
    ),
    functions=(
        "(method name: (_) @name parameters: (_) @parameters) @function",
        "(singleton_method name: (_) @name parameters: (_) @parameters) @function",
    ),
    constants=("(assignment left: (constant) @name right: (string) @value)",),
)

PHP = Dialect(
    grammar="php",
    marks=("env(", "$_ENV[", "$_SERVER[", "Env::get", "$context['APP_"),
    readers={
        "env": PLAIN,
        "getenv": NO_DEFAULT,
        "$_ENV[": NO_DEFAULT,
        "$_SERVER[": NO_DEFAULT,
        "$context[": NO_DEFAULT,  # Symfony's runtime
        "Env::get": PLAIN,
        "Env::getOrFail": Reader(default=None, required=True),
        "App::env": PLAIN,  # Craft CMS
    },
    calls=(
        "(function_call_expression function: (_) @method arguments: (_) @arguments) @read",
        "(scoped_call_expression name: (_) @method arguments: (_) @arguments) @read",
        "(member_call_expression name: (_) @method arguments: (_) @arguments) @read",
        "(subscript_expression . (variable_name) @method (_) @key) @read",
    ),
    functions=(
        "(function_definition name: (_) @name parameters: (_) @parameters) @function",
        "(method_declaration name: (_) @name parameters: (_) @parameters) @function",
    ),
    constants=(
        "(const_element (name) @name (string) @value)",
        "(const_element (name) @name (encapsed_string) @value)",
    ),
    # Of a request, not of the process: RFC 3875, and PHP's own.
    given=re.compile(
        r"(HTTP|REQUEST|SERVER|SCRIPT|REMOTE|PATH|CONTENT|PHP|ORIG|REDIRECT|SSL)_\w+|DOCUMENT_ROOT|"
        r"QUERY_STRING|HTTPS|AUTH_TYPE|GATEWAY_INTERFACE|arg[cv]|[a-z]\w*"
    ),
)

ELIXIR = Dialect(
    grammar="elixir",
    marks=("get_env(", "get_env ", "fetch_env", "Dotenvy", "env!("),
    readers={
        "System.get_env": PLAIN,
        "System.fetch_env!": FAILS,
        "System.fetch_env": NO_DEFAULT,
        "env!": Reader(default=2, required=True),  # Dotenvy: name, type, default
    },
    calls=(
        """(call target: [(identifier) @method (dot right: (_) @method)]
             (arguments) @arguments) @read""",
    ),
    functions=(
        """(call target: (identifier) @_def (#any-of? @_def "def" "defp" "defmacro")
             (arguments . [(call target: (identifier) @name (arguments) @parameters)
               (binary_operator left: (call target: (identifier) @name (arguments) @parameters))])
           ) @function""",
    ),
    constants=(
        """(unary_operator operand: (call target: (identifier) @name
             (arguments . (string) @value .)))""",
    ),
)

SWIFT = Dialect(
    grammar="swift",
    marks=("environment", "Environment.", "getenv"),
    readers={
        "ProcessInfo.processInfo.environment[": NO_DEFAULT,
        "Environment.get": NO_DEFAULT,
        "getenv": NO_DEFAULT,
    },
    calls=(
        """(call_expression
             [(simple_identifier) @method
              (navigation_expression suffix: (navigation_suffix suffix: (_) @method))]
             (call_suffix (value_arguments) @arguments)) @read""",
    ),
    functions=("(function_declaration name: (simple_identifier) @name) @function @parameters",),
    constants=("(property_declaration name: (pattern) @name value: (line_string_literal) @value)",),
)

CPP = Dialect(
    grammar="cpp",
    marks=("getenv", "environmentVariable"),
    readers={
        "getenv": NO_DEFAULT,
        "std::getenv": NO_DEFAULT,
        "secure_getenv": NO_DEFAULT,
        "qgetenv": NO_DEFAULT,
        "qEnvironmentVariable": PLAIN,
    },
    calls=(
        """(call_expression
             function: [(identifier) @method (qualified_identifier name: (_) @method)
                        (field_expression field: (_) @method)]
             arguments: (_) @arguments) @read""",
    ),
    functions=(
        """(function_definition declarator: [
             (function_declarator declarator: (_) @name parameters: (_) @parameters)
             (pointer_declarator (function_declarator
               declarator: (_) @name parameters: (_) @parameters))]) @function""",
    ),
    constants=(
        "(preproc_def name: (_) @name value: (_) @value)",
        """(init_declarator declarator: [(identifier) @name
             (pointer_declarator (identifier) @name) (array_declarator (identifier) @name)]
             value: (string_literal) @value)""",
    ),
)

DIALECTS: Mapping[str, Dialect] = {
    "go": GO,
    "rs": RUST,
    "java": JAVA,
    **dict.fromkeys(("kt", "kts"), KOTLIN),
    **dict.fromkeys(("scala", "sc", "sbt"), SCALA),
    "cs": C_SHARP,
    # Crystal is close enough to Ruby for the reads of a file to be found.
    **dict.fromkeys(("rb", "rake", "ru", "erb", "cr"), RUBY),
    "php": PHP,
    **dict.fromkeys(("ex", "exs"), ELIXIR),
    "swift": SWIFT,
    **dict.fromkeys(("c", "cc", "cpp", "cxx", "h", "hpp"), CPP),
}
