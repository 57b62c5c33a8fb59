"""What the last words of an app, or of its release command, say about why it ended."""

from collections.abc import Iterable

from autodeploy.kernel.outputs import Explanation, explain

_SERVICES = "5432|3306|6379|27017|5672|9092|9200"

MISSING_VARIABLE = (
    Explanation(
        r"File \"[^\"\n]*os\.py\", line \d+, in __getitem__[^\0]{0,300}?KeyError: '(?P<name>\w+)'"
        r"|KeyError: '(?P<key>[A-Z][A-Z0-9_]+)'"
        r"|(?i:missing|required|undefined|unset|not set)[^\n]{0,60}"
        r"\b(?!ERR_|MODULE_)(?P<said>[A-Z][A-Z0-9]*_[A-Z0-9_]+)\b"
        r"|\b(?P<before>[A-Z][A-Z0-9]*_[A-Z0-9_]+)\b[^\n]{0,40}"
        r"(must be set|is required|is not set|not defined|is missing|must not be empty|undefined)",
        "The app needs the environment variable {name}{key}{said}{before}, which is not set.",
        "Set it: `autodeploy env set {name}{key}{said}{before}`, then deploy again.",
    ),
)

EXPLANATIONS = (
    *MISSING_VARIABLE,
    Explanation(
        r"ModuleNotFoundError: No module named '(?P<module>[^'\n]+)'",
        "The Python module {module} is not there: its package is not installed, or the start "
        "command names a file that is not in the repository.",
        "Add its package to the app's dependencies and lock again, or correct the start command.",
    ),
    Explanation(
        r"Cannot find module '(?P<file>/[^'\n]+)'|can't open file '(?P<script>[^'\n]+)'",
        "The file {file}{script} is not there: the build does not make it, or it is not in the "
        "repository (mind upper and lower case).",
        "Correct the start or the build command, or commit the file.",
    ),
    Explanation(
        r"Cannot find (module|package) '(?P<module>[^'\n]+)'",
        "{module} is imported and not there: a package missing in dependencies (not only in "
        "devDependencies), or a file that the build does not make.",
        "Add the package, or correct the start command if it names a file of the build.",
    ),
    Explanation(
        r"Could not find a production build|ENOENT[^\n]*\.(next|output|svelte-kit)|"
        r"Could not find the build",
        "The start command serves a build that was not made.",
        "Set a build command (autodeploy.toml: `build`), such as `npm run build`.",
    ),
    Explanation(
        r"EADDRINUSE|Address already in use|address already in use|Errno 98",
        "The port that the app wants is in use: it listens on a fixed one, or twice.",
        "Listen on the port in the environment variable PORT, once.",
    ),
    Explanation(
        r"password authentication failed|Access denied for user|NOAUTH|WRONGPASS",
        "A database refuses the name or password that the app was given.",
        "Check the connection URL among the variables: `autodeploy env list`.",
    ),
    Explanation(
        r"(relation|table) \"?[\w.]+\"? does not exist|no such table|UndefinedTable|P2021",
        "The database has no such table: its migrations have not run.",
        "Have the release command run the migrations: a `release:` line in the Procfile, or "
        "`release` in autodeploy.toml.",
    ),
    Explanation(
        rf"(?i:connection refused|ECONNREFUSED|could not connect|can't connect)"
        rf"[^\n]*\b({_SERVICES})\b"
        rf"|\b({_SERVICES})\b[^\n]{{0,40}}[Cc]onnection refused"
        r"|OperationalError|MongoServerSelectionError|P1001",
        "A database or another service that the app needs does not answer where it looks.",
        "Check the URL that it uses (`autodeploy env list` shows what is set): what runs on your "
        "machine does not run on the platform's.",
    ),
    Explanation(
        r"EROFS|Read-only file system|EACCES: permission denied|PermissionError: \[Errno 13\]",
        "The app writes or reads where it may not: it may write below its own folder and /tmp.",
        "Keep files below the app's folder or /tmp, and lasting data in a database.",
    ),
    Explanation(
        r"sh: \d+: (?P<program>\S+): not found|(?<!\S)(?P<other>\S+): command not found",
        "The command runs the program {program}{other}, which is not installed.",
        "Add its package to the dependencies (not only those for development).",
    ),
    Explanation(
        r"ImproperlyConfigured: (?P<what>[^\n]+)",
        "Django's settings are not complete: {what}",
        "Set what they read from the environment: `autodeploy env set …`.",
    ),
    Explanation(
        r"heap out of memory|MemoryError|Cannot allocate memory",
        "The app needed more memory than it may have.",
        "Have it hold less at once, or start fewer workers.",
    ),
    Explanation(
        r"Cannot use import statement outside a module|require is not defined in ES module"
        r"|ERR_REQUIRE_ESM",
        "The code mixes the two kinds of modules: `import` (ES modules) and `require` (CommonJS).",
        'Put `"type": "module"` into package.json for the first kind, or name the file .mjs or '
        ".cjs.",
    ),
    Explanation(
        r"IntegrityError|violates (unique|foreign key|not-null|check) constraint"
        r"|duplicate key value",
        "The data in the database does not fit the change: a value that is there twice, missing "
        "or not allowed.",
        "Correct the data first, or write the migration so that it does.",
    ),
    Explanation(
        r"Can't locate revision identified by '(?P<revision>[^'\n]+)'",
        "The database is at the migration {revision}, which the repository does not have.",
        "Deploy the branch that has it, or bring the database to a migration that is here.",
    ),
    Explanation(
        r"Nest can't resolve dependencies of the (?P<provider>\S+)",
        "Nest cannot make {provider}: a module does not provide or import what it takes.",
        "Add the missing provider to the module that the message names.",
    ),
    Explanation(
        r"SyntaxError|IndentationError|error TS\d+",
        "The code does not parse: the interpreter may be older than it expects.",
        "Correct the place that the output names, or ask for another version of the interpreter.",
    ),
)


def explain_crash(lines: Iterable[str]) -> Explanation | None:
    """Why the app ended, where its output tells."""
    return explain(lines, EXPLANATIONS)
