"""How compiled languages read the environment."""

import re

from autodeploy.services.analyzer.variables.dialects.base import (
    EVERY,
    NO_DEFAULT,
    PLAIN,
    Dialect,
    Reader,
)

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
    has_comments=False,
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
    marks=("GetEnvironmentVariable", "DotNetEnv", "Env.GetString", "onfiguration["),
    readers={
        "Environment.GetEnvironmentVariable": NO_DEFAULT,
        "Configuration[": NO_DEFAULT,
        "configuration[": NO_DEFAULT,
        "_configuration[": NO_DEFAULT,
        "Env.GetString": PLAIN,
        "Env.GetInt": PLAIN,
        "Env.GetBool": PLAIN,
    },
    calls=(
        """(invocation_expression
             function: [(identifier) @method (member_access_expression name: (_) @method)]
             arguments: (_) @arguments) @read""",
        """(element_access_expression
             expression: [(identifier) @method (member_access_expression name: (_) @method)]
             subscript: (_) @arguments) @read""",
    ),
    # A key of the configuration in small letters is a variable only by a rule that maps names.
    given=re.compile(r"\w*[a-z]\w*"),
    functions=(
        "(method_declaration name: (_) @name parameters: (_) @parameters) @function",
        "(local_function_statement name: (_) @name parameters: (_) @parameters) @function",
    ),
    constants=("(variable_declarator name: (_) @name (string_literal) @value)",),
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
    has_comments=False,
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
