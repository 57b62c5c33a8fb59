"""What the output of package managers, compilers and bundlers means, by kind of failure.

The patterns are texts of npm 10 and 11, pnpm 7 to 10, yarn 1 and 4, bun 1, pip, uv, poetry and pdm,
as those programs printed them in November 2026.
"""

from autodeploy.kernel.outputs import Explanation

_LOCK_REMEDY = "Run `{install}` on your machine and commit {lock}."

LOCK_OUTDATED = (
    Explanation(
        r"npm (error|ERR!) (code EUSAGE|`npm ci` can only install packages when)",
        "package.json was changed without package-lock.json, or the lock file was written by "
        "another version of npm.",
        _LOCK_REMEDY.replace("{install}", "npm install").replace("{lock}", "package-lock.json"),
    ),
    Explanation(
        r"ERR_PNPM_(OUTDATED_LOCKFILE|LOCKFILE_CONFIG_MISMATCH|NO_LOCKFILE)",
        "package.json or the settings of pnpm were changed without pnpm-lock.yaml.",
        _LOCK_REMEDY.replace("{install}", "pnpm install").replace("{lock}", "pnpm-lock.yaml"),
    ),
    Explanation(
        r"Your lockfile needs to be updated|YN0028:.*The lockfile would have been",
        "package.json was changed without yarn.lock, or the lock file was written by another "
        "version of yarn.",
        _LOCK_REMEDY.replace("{install}", "yarn install").replace("{lock}", "yarn.lock"),
    ),
    Explanation(
        r"lockfile had changes, but lockfile is frozen",
        "package.json was changed without bun.lock.",
        _LOCK_REMEDY.replace("{install}", "bun install").replace("{lock}", "bun.lock"),
    ),
    Explanation(
        r"pyproject\.toml changed significantly since poetry\.lock was last generated"
        r"|poetry\.lock is not up to date",
        "pyproject.toml was changed without poetry.lock.",
        _LOCK_REMEDY.replace("{install}", "poetry lock").replace("{lock}", "poetry.lock"),
    ),
    Explanation(
        r"The lockfile at `uv\.lock` needs to be updated",
        "pyproject.toml was changed without uv.lock.",
        _LOCK_REMEDY.replace("{install}", "uv lock").replace("{lock}", "uv.lock"),
    ),
    Explanation(
        r"Lock file hash doesn't match|Lock ?file (does not|doesn't) (exist|match|satisfy)"
        r"|Lockfile is not up.to.date",
        "pyproject.toml was changed without pdm.lock.",
        _LOCK_REMEDY.replace("{install}", "pdm lock").replace("{lock}", "pdm.lock"),
    ),
    Explanation(
        r"Pipfile\.lock\s+\(\S+\)\s+(is\s+)?out\s+of\s+date",
        "Pipfile was changed without Pipfile.lock.",
        _LOCK_REMEDY.replace("{install}", "pipenv lock").replace("{lock}", "Pipfile.lock"),
    ),
)

LOCK_BROKEN = (
    Explanation(
        r"npm (error|ERR!) The `npm ci` command can only install with an existing package-lock",
        "package-lock.json is no whole JSON file of npm; often conflict markers of a merge are "
        "left in it.",
        "Delete package-lock.json, run `npm install`, and commit the new one.",
    ),
    Explanation(
        r"ERR_PNPM_BROKEN_LOCKFILE|The lockfile at .* is broken|at (async )?_?readWantedLockfile",
        "pnpm-lock.yaml is no whole YAML file; often conflict markers of a merge are left in it.",
        "Run `pnpm install` on your machine, which mends it, and commit pnpm-lock.yaml.",
    ),
    Explanation(
        r"YN0047|Merge conflict detected in yarn\.lock"
        r"|(Unknown token|Invalid value type).*yarn\.lock",
        "yarn.lock cannot be read; conflict markers of a merge are left in it.",
        "Run `yarn install` on your machine, which mends it, and commit yarn.lock.",
    ),
    Explanation(
        r"failed to parse lockfile: 'bun\.lock|Invalid lockfile|InvalidLockfile",
        "bun.lock cannot be read; often conflict markers of a merge are left in it.",
        "Delete bun.lock, run `bun install`, and commit the new one.",
    ),
    Explanation(
        r"Failed to parse `uv\.lock`|\(at line \d+, column \d+\)"
        r"|Unable to read the lock file|poetry\.lock.* not compatible",
        "The lock file is no whole TOML file; often conflict markers of a merge are left in it.",
        "Delete the lock file, lock anew (`uv lock`, `poetry lock`), and commit it.",
    ),
)

# What resolvers call a conflict, and is none.
UNKNOWN = (
    Explanation(
        r"(?<!\S)(?P<uv>\S+) was not found in the package registry"
        r"|depends on (?P<poetry>[^\n]{1,200}?) which doesn't match any versions, version solving",
        "The index has no {uv}{poetry}.",
        "Check its name and version, or name the index that has it.",
    ),
)

CONFLICTS = (
    Explanation(
        r"npm (error|ERR!) code ERESOLVE[^\0]{0,2000}?npm (error|ERR!) +"
        r"(?P<peer>peer [^\n]+ from \S+)",
        "Two packages ask for versions of a third that exclude each other: {peer}, for one.",
        "Align their versions in package.json; `npm ls` shows who asks for what. As a stopgap "
        "put `legacy-peer-deps=true` into .npmrc.",
    ),
    Explanation(
        r"code ERESOLVE|ERR_PNPM_PEER_DEP_ISSUES",
        "Packages ask for versions of a peer that exclude each other.",
        "Align their versions in package.json; `npm ls` or `pnpm why` shows who asks for what.",
    ),
    Explanation(
        r"ResolutionImpossible|No solution found when resolving|version solving failed"
        r"|Unable to find a resolution",
        "Packages ask for versions of each other that no set of versions can meet.",
        "Loosen the versions that the output names, and lock again.",
    ),
)

PACKAGES_MISSING = (
    Explanation(
        r"npm (error|ERR!) notarget No matching version found for (?P<package>\S+[^.\s])"
        r"|npm (error|ERR!) 404 +The requested resource '(?P<name>[^'\n]+)'",
        "The registry has no {package}{name}, or not for whom it does not know.",
        "Check name and version in package.json. A private package needs a token: "
        "`autodeploy env set NPM_TOKEN`, and the line for it in .npmrc.",
    ),
    Explanation(
        r"ERR_PNPM_NO_MATCHING_VERSION\s+No matching version found for (?P<package>\S+)"
        r"|ERR_PNPM_FETCH_404\s+GET \S+/(?P<name>[^\s/:]+):",
        "The registry has no {package}{name}, or not for whom it does not know.",
        "Check name and version in package.json. A private package needs a token in .npmrc.",
    ),
    Explanation(
        r"YN0082: │ (?P<berry>\S+): No candidates found"
        r"|Couldn't find (any versions for|package) \"(?P<classic>[^\"\n]+)\""
        r"|error: (?P<bun>\S+) failed to resolve|error: GET \S+/(?P<name>[^\s/]+) - 404",
        "The registry has no {berry}{classic}{bun}{name} as package.json asks for it.",
        "Check name and version in package.json.",
    ),
    Explanation(
        r"No matching distribution found for (?P<package>\S+)"
        r"|Could not find a matching version of package (?P<poetry>\S+)",
        "The index has no {package}{poetry} that fits what is asked for and this Python.",
        "Check its name and version, and that it supports this version of Python.",
    ),
)

REGISTRY_UNREACHABLE = (
    Explanation(
        r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT"
        r"|ERR_PNPM_META_FETCH_FAIL|Temporary failure in name resolution|Failed to establish a new"
        r" connection|Connection refused|Failed to fetch: `|ConnectTimeout|ConnectionRefused"
        r"|dns error|error sending request",
        "A package registry did not answer: this machine's network, its proxy settings, or the "
        "registry itself.",
        "Try `autodeploy doctor`, and deploy again when the registry answers.",
    ),
)

DISK_FULL = (
    Explanation(
        r"ENOSPC|No space left on device|OSError: \[Errno 28\]|EDQUOT|Disk quota exceeded",
        "The disk of this machine has no room left for the build.",
        "Remove what is not needed, or add space: `autodeploy doctor` shows how much there is.",
    ),
)

TOO_LARGE = (
    Explanation(
        r"EFBIG|File too large|File size limit exceeded",
        "The build wrote a file larger than a build may.",
        "Find what writes it: a log, a core dump, or data that belongs outside the repository.",
    ),
)

PROCESSES = (
    Explanation(
        r"fork: (retry: )?Resource temporarily unavailable|Cannot fork|spawn \S+ EAGAIN"
        r"|can't start new thread|pthread_create.*(EAGAIN|Resource temporarily)"
        r"|uv_thread_create|BlockingIOError: \[Errno 11\]",
        "The command started more processes or threads than a build may.",
        "Have it do less at once: fewer workers, no script that starts itself again.",
    ),
)

MEMORY = (
    Explanation(
        r"heap out of memory|JavaScript heap|MemoryError|memory exhausted|signal SIGKILL|ENOMEM"
        r"|Cannot allocate memory",
        "The command needed more memory than it was given.",
        "Have it do less at once, or give Node more: `autodeploy env set "
        "NODE_OPTIONS=--max-old-space-size=3072`.",
    ),
)

MANIFEST = (
    Explanation(
        r"code EJSONPARSE|JSONParseError|ERR_PNPM_JSON_PARSE|SyntaxError: \S*package\.json",
        "package.json, or another JSON file, is not valid JSON.",
        "Correct the place that the output names; a trailing comma is the most common mistake.",
    ),
    Explanation(
        r"Invalid requirement: '(?P<requirement>[^'\n]+)'",
        "The list of requirements holds {requirement}, which pip does not understand.",
        "Write one requirement a line, such as flask==3.1.0; comments begin with #.",
    ),
)

OTHERS = (
    Explanation(
        r"Failed to fetch `?(?P<font>[^\n`]{1,80}?)`? from Google Fonts",
        "next/font/google fetches {font} from Google while it builds, and that did not answer.",
        "Put the font into the repository and use next/font/local, or build where Google answers.",
    ),
    Explanation(
        r"(Missing script:|Script not found) \"?(?P<script>[^\"\n]+)\"?"
        r"|error Command \"(?P<yarn>[^\"\n]+)\" not found"
        r"|find a script named \"(?P<berry>[^\"\n]+)\"",
        "package.json has no script {script}{yarn}{berry}.",
        "Add it to package.json, or set another command in autodeploy.toml.",
    ),
    Explanation(
        r"Cannot find (module|package) '(?P<module>[^'\n]+)'",
        "{module} is imported and is not there: it is missing in "
        "package.json, or its file is not in the repository (mind upper and lower case).",
        "Add the package to package.json and the lock file, or commit the file.",
    ),
    Explanation(
        r"(ModuleNotFoundError|ImportError): (No module named )?'?(?P<module>[^'\n]+)'?",
        "The Python module {module} is imported and not installed.",
        "Add its package to the app's dependencies and lock again.",
    ),
    Explanation(
        r"EBADENGINE|The engine \"node\" is incompatible|ERR_PNPM_UNSUPPORTED_ENGINE|requires a "
        r"different Python|requires-python|Current Python version .* is not allowed",
        "A package does not run on the interpreter that was chosen.",
        "Ask for another version in `engines` or .nvmrc, `requires-python` or .python-version.",
    ),
    Explanation(
        r"EINTEGRITY|THESE PACKAGES DO NOT MATCH THE HASHES|ERR_PNPM_TARBALL_INTEGRITY|YN0018|"
        r"Hash mismatch",
        "A package is not the one that the lock file was made with.",
        "Lock again and look at what changed before you commit it.",
    ),
    Explanation(
        r"(E401|E403|ERR_PNPM_FETCH_40[13]|401 Unauthorized|403 Forbidden)",
        "A registry refuses the credentials, or asks for some.",
        "Set the token that .npmrc or pip's configuration names: `autodeploy env set NPM_TOKEN`.",
    ),
    Explanation(
        r"(gcc|cc|g\+\+|make|cargo|rustc|pg_config|mysql_config|cmake): (command )?not found"
        r"|Failed to build|failed-wheel-build|error: command '\S+' failed|gyp ERR!",
        "A package has no ready-made build for this machine and could not be compiled here.",
        "Use a version that has one (such as psycopg[binary] for psycopg2), or install its "
        "compiler and headers on this machine.",
    ),
    Explanation(
        r"(?<![\w.@/-])(?P<program>[\w.@/-]+): (command )?not found"
        r"|sh: \d+: (?P<other>\S+): not found",
        "The command runs the program {program}{other}, which is not installed.",
        "Add it to the app's dependencies, install it on this machine (as for every language but "
        "Node and Python), or set another command in autodeploy.toml.",
    ),
)
