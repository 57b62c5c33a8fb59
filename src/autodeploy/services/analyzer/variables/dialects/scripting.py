"""How scripting languages, and Elixir, read the environment."""

import re

from autodeploy.services.analyzer.variables.dialects.base import (
    EVERY,
    FAILS,
    NO_DEFAULT,
    PLAIN,
    Dialect,
    Reader,
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
