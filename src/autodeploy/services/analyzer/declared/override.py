"""What was declared, in the place of what the analyzer found."""

import re
from collections.abc import Mapping
from dataclasses import asdict, replace

from autodeploy.services.analyzer.declared.base import Declared, Said, SaidVariable, Source
from autodeploy.services.analyzer.declared.commands import serves_files
from autodeploy.services.analyzer.declared.precedence import Ranked
from autodeploy.services.analyzer.entries.base import Run
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.plan import (
    AppKind,
    Command,
    CronCommand,
    EnvironmentVariable,
    Image,
    Runtime,
    ServiceNeed,
)
from autodeploy.services.analyzer.variables.classify import (
    PLATFORM,
    is_built_in,
    is_secret,
    type_of,
)

# What tools, platforms and the system read, and no app.
TOOLS = re.compile(
    r"(?:LD_\w+|LANGUAGE|LC_\w+|(?:\w+_)?[UG]ID|ID|USER\w*|GROUP\w*|DEBIAN_FRONTEND|PYTHON\w*|PIP_?\w*|"
    r"POETRY_?\w*|UV_\w+|PDM_\w+|PIPENV_\w+|VENV\w*|NPM_\w+|npm_\w+|PNPM_\w+|YARN_\w+|BUN_\w+|"
    r"COREPACK_\w+|NODE_(?:VERSION|PATH|OPTIONS)|NVM_\w+|GO[A-Z]+|CGO_\w+|CARGO_\w+|"
    r"RUST(?:UP|FLAGS|_BACKTRACE)\w*|BUNDLE_?\w*|GEM_\w+|RUBY\w*|MIX_\w+|HEX_\w+|ERL_\w+|"
    r"JAVA_\w+|JDK_\w+|M2_\w+|MAVEN_\w+|GRADLE_\w+|COMPOSER_\w+|DOTNET_\w+|NUGET_\w+|"
    r"TARGET\w+|BUILD\w*|(?:\w+_)?(?:OS|ARCH|PLATFORM|TAG|DIGEST|SHA\d*)|"
    r"APP_?(?:HOME|DIR|PATH|ROOT)|WORKDIR|\w*_IMAGE|\w*BASE_?IMAGE\w*|IMAGE|VARIANT|"
    r"(?:HTTPS?|NO)_PROXY|https?_proxy|no_proxy|\w*TELEMETRY\w*|PRIMARY_REGION|FLY_\w+|"
    r"\w*(?<!APP)_VERSION|HEROKU_\w+|RAILWAY_\w+|RAILPACK_\w+|DOKKU_\w+|WEB_CONCURRENCY)"
)

_SERVERS = (AppKind.SERVER, AppKind.SSR)
_IN_THE_BACKGROUND = (AppKind.WORKER, AppKind.BOT)

# Hosts of pages: what they build of an app that is no page is its documentation.
_PAGES = (Source.VERCEL, Source.NETLIFY)


def run(run: Run, ranked: Ranked, language: str) -> Run:
    """The run with what the owner wrote in place of what was found in the code."""
    before, after = ranked.before, ranked.after
    if run.kind in _SERVERS and language not in ("node", "static"):
        before = _without_pages(before)
    run = replace(
        run,
        install=_command(before.install, run.install, after.install),
        build=_command(before.build, run.build, after.build),
        release=_command(before.release, run.release, after.release),
        workers=_workers(run, before),
        crons=_crons(before),
    )
    run = _started(run, before, after, language)
    if run.kind is AppKind.STATIC:
        spa = before.spa_fallback
        return replace(run, spa_fallback=spa.value if spa else run.spa_fallback)
    port = before.port.value if before.port and run.kind in _SERVERS else run.port
    return replace(run, port=port)


def _without_pages(declared: Declared) -> Declared:
    def kept(said: Said[str] | None) -> Said[str] | None:
        return None if said and said.source in _PAGES else said

    return replace(declared, install=kept(declared.install), build=kept(declared.build))


def _started(run: Run, before: Declared, after: Declared, language: str) -> Run:
    """The run as a server, a worker or a static site, by who says so first."""
    output, kind = before.output_directory, before.kind.value if before.kind else None
    if output and output.source is Source.APP_FILE:
        return _static(run, output.value)
    if before.start and _starts_server(run, before.start):
        listens = AppKind.SSR if run.kind is AppKind.SSR else AppKind.SERVER
        started = AppKind.WORKER if kind is AppKind.WORKER else listens
        return _served(run, before.start, started)
    if kind is AppKind.STATIC:
        return _static(run, output.value if output else run.output_directory or ".")
    if output and run.kind is AppKind.STATIC:
        return replace(run, output_directory=output.value)
    if kind is AppKind.WORKER and before.image and run.kind is not AppKind.STATIC:
        return _started_by_image(run, after)
    if before.workers and run.kind is not AppKind.STATIC and _is_alone(run):
        background = run.kind if run.kind in _IN_THE_BACKGROUND else AppKind.WORKER
        return _served(run, next(iter(before.workers.values())), background)
    if run.kind is AppKind.STATIC or run.start is not None:
        return run
    if after.start:
        started = AppKind.SERVER if run.kind is AppKind.LIBRARY else run.kind
        return replace(_served(run, after.start, started), declared=run.declared)
    if output and run.kind is AppKind.LIBRARY:
        # Beside code that no entry was found for, pages may be its documentation alone.
        is_all = language in ("", "node", "static")
        return replace(_static(run, output.value), found=is_all, declared=is_all)
    return run


def _started_by_image(run: Run, after: Declared) -> Run:
    """What is said to be a worker and has an image that starts by itself is one, whatever its code
    looks like."""
    kind = run.kind if run.kind in _IN_THE_BACKGROUND else AppKind.WORKER
    if run.start is None and after.start:
        return replace(_served(run, after.start, kind), declared=run.declared)
    return replace(run, kind=kind)


def _starts_server(run: Run, start: Said[str]) -> bool:
    """Whether a start command does more than serve the files that AutoDeploy serves itself."""
    is_platform = start.source not in (Source.APP_FILE, Source.PROCFILE)
    is_redundant = is_platform and run.kind is AppKind.STATIC and serves_files(start.value)
    return bool(start.value) and not is_redundant


def _is_alone(run: Run) -> bool:
    return run.start is None or run.kind in _IN_THE_BACKGROUND


def _static(run: Run, output: str) -> Run:
    return replace(run, kind=AppKind.STATIC, start=None, workers={}, crons={},
                   output_directory=output, found=True, declared=True,
                   spa_fallback=run.kind is AppKind.STATIC and run.spa_fallback)  # fmt: skip


def _served(run: Run, start: Said[str], kind: AppKind) -> Run:
    return replace(run, kind=kind, start=_command(start, None, None), output_directory=None,
                   spa_fallback=False, found=True, declared=True)  # fmt: skip


def _crons(before: Declared) -> Mapping[str, CronCommand]:
    return {
        name: CronCommand(command=line.command, reason=line.reason, schedule=said.schedule)
        for name, said in (before.crons or {}).items()
        if (line := _command(said.command, None, None)) is not None
    }


def _workers(run: Run, before: Declared) -> Mapping[str, Command]:
    """Those that are named are all there are, but for what ``autodeploy.toml`` adds."""
    workers = dict(run.workers) if before.workers is None else {}
    for name, said in {**(before.workers or {}), **(before.more_workers or {})}.items():
        line = _command(said, None, None)
        if line:
            workers[name] = line
    return workers


def _command(
    before: Said[str] | None, found: Command | None, after: Said[str] | None
) -> Command | None:
    said = before if before is not None else after if found is None else None
    if said is None:
        return found
    parts = [part.strip() for part in said.value.split(" && ")]
    if "..." in parts:  # what would be done anyway, as Nixpacks and Railpack write it
        usual = found.command if found else ""
        parts = [usual if part == "..." else part for part in parts]
    line = " && ".join(part for part in parts if part)
    return Command(command=line, reason=said.reason) if line else None


def runtime(found: Runtime | None, ranked: Ranked, language: str) -> Runtime | None:
    """The runtime in the version that is asked for: by a file before the code's, else after."""
    before, after = ranked.before.runtimes.get(language), ranked.after.runtimes.get(language)
    asked = before or (None if found and found.version_request else after)
    if asked is None:
        return found
    return Runtime(name=language, version_request=asked.value, source=asked.file)


def health_path(kind: AppKind, ranked: Ranked) -> str | None:
    """Where a server wants to be asked whether it is well; of a site only AutoDeploy's own file
    says."""
    said = ranked.before.health_path
    is_meant = said and (kind in _SERVERS or said.source is Source.APP_FILE)
    return said.value if said and is_meant else None


def private(kind: AppKind, ranked: Ranked) -> bool:
    """Whether other apps alone are to reach it. What a platform calls private and listens nowhere
    is a worker, whom nobody reaches anyway."""
    said = ranked.before.private
    if said is None or (kind in _IN_THE_BACKGROUND and said.source is not Source.APP_FILE):
        return False
    return said.value


def image(kind: AppKind, ranked: Ranked, files: SourceFiles) -> Image | None:
    """What a Dockerfile makes of the app, with the commands that its owner has declared.

    A start command that was written for another place than an image, such as a Procfile's, is not
    taken into it; a release command is, since a release without it may not work.
    """
    before, said = ranked.before, ranked.before.image or ranked.after.image
    if said is None or kind is AppKind.STATIC:
        if said and said.value.asked:
            files.warn(f"{said.reason}: this app is a static site, which is served without image.")
        return None
    made = asdict(said.value)
    if before.start and before.start.source is Source.APP_FILE:
        made["command"] = before.start.value.strip() or None
    if before.release and (
        before.release.source is Source.APP_FILE or made["release_command"] is None
    ):
        made["release_command"] = before.release.value
    return Image(**made, reason=said.reason)


def services(
    needs: tuple[ServiceNeed, ...], ranked: Ranked, variables: tuple[EnvironmentVariable, ...]
) -> tuple[ServiceNeed, ...]:
    """The services with those that a file names and the code does not show."""
    known, keys = {need.kind: need for need in needs}, {variable.key for variable in variables}
    for service in ranked.after.services:
        variable = service.variable if service.variable in keys else None
        reason = f"{service.said.reason} names it"
        need = ServiceNeed(kind=service.kind, reason=reason, variable=variable)
        known.setdefault(service.kind, need)
    return tuple(known.values())


def variables(
    variables: tuple[EnvironmentVariable, ...], ranked: Ranked
) -> tuple[EnvironmentVariable, ...]:
    """The variables with what files say of them, and those that the files alone name."""
    known = {variable.key: variable for variable in variables}
    for said in ranked.after.variables:
        if said.key in known:
            known[said.key] = _completed(known[said.key], said)
        elif said.key not in PLATFORM and not TOOLS.fullmatch(said.key):
            known[said.key] = _completed(_named(said), said)
    return tuple(known[key] for key in sorted(known))


def _named(said: SaidVariable) -> EnvironmentVariable:
    kind = type_of(said.key, said.default or said.example)
    return EnvironmentVariable(
        key=said.key,
        required=False,
        secret=is_secret(said.key, kind),
        type=kind,
        build_time=is_built_in(said.key),
        file=said.said.file,
        line=said.said.line or 0,
    )


def _completed(variable: EnvironmentVariable, said: SaidVariable) -> EnvironmentVariable:
    """The variable with what was not known of it.

    A value of another platform is no default where the code fails without one: it is not set here.
    """
    required = variable.required or bool(said.required)
    secret = variable.secret or bool(said.secret)
    default = variable.default
    if default is None and not required and not secret:
        default = said.default
    return variable.model_copy(
        update={
            "required": required,
            "secret": secret,
            "default": None if said.secret else default,
            "build_time": variable.build_time or bool(said.build),
            "description": variable.description or said.description,
        }
    )
