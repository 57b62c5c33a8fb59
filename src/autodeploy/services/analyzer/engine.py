"""The engine: source tree → evidence → candidates → plan.

Pure: it reads through the tree alone, runs nothing of the repository and keeps no state, so the
same tree always gives the same plan.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from autodeploy.services.analyzer.declared import override
from autodeploy.services.analyzer.declared.declarations import declarations, language_said
from autodeploy.services.analyzer.declared.precedence import OWNERS, Ranked
from autodeploy.services.analyzer.ecosystems import ECOSYSTEMS, possible_records, read_packages
from autodeploy.services.analyzer.entries import app_file, celery, front_end, javascript
from autodeploy.services.analyzer.entries.base import Run
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.frameworks import FRAMEWORKS
from autodeploy.services.analyzer.frameworks.javascript.families import BUNDLERS
from autodeploy.services.analyzer.matcher import (
    Context,
    FrameworkRecord,
    Match,
    Verdict,
    find_name,
    judge,
)
from autodeploy.services.analyzer.needs.find import find_needs, with_services
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.packages.members import has_shared_manifest
from autodeploy.services.analyzer.plan import (
    AppKind,
    Dependencies,
    EnvironmentVariable,
    Framework,
    Image,
    Plan,
    Runtime,
)
from autodeploy.services.analyzer.prices import Prices, default_prices
from autodeploy.services.analyzer.recommendation import recommend
from autodeploy.services.analyzer.tree import SourceTree
from autodeploy.services.analyzer.variables.build_inputs import reads_variables
from autodeploy.services.analyzer.variables.collect import find_variables
from autodeploy.services.analyzer.variables.loading import Commands

# Below this a plan says that it is not sure, and what would settle it.
SURE_ENOUGH = 0.5

# A workspace's members beyond this are not looked into.
MOST_MEMBERS = 50

# A member of a workspace is an app when its framework is at least as sure.
SURE_APP = 0.9

# How far a plan can be trusted whose entry point was not seen.
WITHOUT_ENTRY = 0.5

# How sure it is that there is no framework: where the language is known; where nothing is; and
# how much of a losing framework's confidence counts against it.
NONE = 0.98
NONE_OF_NOTHING = 0.8
OVERLOOKED = 0.3

# How far a plan can be trusted whose start command the user wrote.
DECLARED = 0.95


def analyze(
    tree: SourceTree,
    root_directory: str = "",
    *,
    with_variables: bool = True,
    providers: Sequence[str] = ("local",),
    prices: Prices | None = None,
) -> Plan:
    """Work out what a repository is, needs, and how to build and run it.

    ``root_directory`` is the folder of the app in a monorepo; lock files, package manager and
    runtime of the folders above it count. ``providers`` are those that are connected, to recommend
    from; ``prices`` are ours when left out. Broken or hostile files become warnings in the plan;
    nothing is raised for them but for the owner's own ``autodeploy.toml``:
    ``AutodeployTomlInvalid``.
    """
    files = SourceFiles(tree, root_directory)
    plan = _analyze(files, with_variables)
    apps = _apps(plan, files)
    meant = _meant(plan, apps, files)
    if meant:
        app = analyze(
            tree, meant, with_variables=with_variables, providers=providers, prices=prices
        )
        warnings = tuple(dict.fromkeys((*files.warnings, *app.warnings)))
        # What is said to be private for the whole is not served to all for want of a second word.
        private = app.private or plan.private
        found = app.model_copy(
            update={"members": plan.members, "warnings": warnings, "private": private}
        )
    else:
        warnings = tuple(dict.fromkeys((*plan.warnings, *files.warnings)))
        found = plan.model_copy(update={"apps": apps, "warnings": warnings})
    advice = recommend(found, providers, prices or default_prices())
    return found.model_copy(update={"recommendation": advice})


def _analyze(files: SourceFiles, with_variables: bool) -> Plan:
    """The plan of one folder, whatever lies below it."""
    files, said = app_file.enter(files)
    declared = declarations(files, said)
    found = read_packages(files)
    context = _context(files, found)
    verdict = judge(possible_records(found), context)
    language = _language(verdict, declared)
    packages = found.get(language.slug) or _no_manifest(language)
    run = celery.with_worker(_run(files, packages, verdict.winner, context), files, packages)
    run = override.run(run, declared, language.slug)
    variables = find_variables(files, _commands(run, packages)) if with_variables else ()
    variables = override.variables(variables, declared) if with_variables else ()
    variables = app_file.with_declared(variables, said, files)
    if said.replicas is not None and run.kind not in (AppKind.SERVER, AppKind.SSR):
        files.warn("`replicas` in autodeploy.toml is for servers: this app runs once.")
    private = override.private(run.kind, declared)
    if private and run.kind not in (AppKind.SERVER, AppKind.SSR, AppKind.LIBRARY):
        files.warn("`private` is for servers: this app is not deployed as long as it is said.")
    plan = _plan(files, language, packages, verdict, run, variables, declared)
    return plan.model_copy(
        update={
            "runtime": override.runtime(plan.runtime, declared, language.slug),
            "health_path": override.health_path(plan.kind, declared),
            "health_check": said.health_check,
            "replicas": said.replicas or 1,
            "private": private,
        }
    )


def _commands(run: Run, packages: Packages | None) -> Commands:
    parts = (run.install, run.build, run.release, run.start)
    lines = tuple(one.command for one in parts if one is not None)
    return Commands(lines, packages.scripts if packages else {})


def _apps(plan: Plan, files: SourceFiles) -> tuple[str, ...]:
    """The members of a workspace that can be deployed, where its root is no app itself."""
    if _is_root_app(plan) or plan.root_directory != files.root:
        return ()
    below = f"{files.root}/" if files.root else ""
    paths = [one.path for one in plan.members if one.path.startswith(below) and one.path != below]
    return tuple(path for path in paths[:MOST_MEMBERS] if _is_app(SourceFiles(files.tree, path)))


def _meant(plan: Plan, apps: tuple[str, ...], files: SourceFiles) -> str | None:
    """The folder of the app below this one: the only one there is, or the one a file names."""
    if len(apps) == 1:
        files.warn(f"{apps[0]} is the only app of this workspace, so it is the one.")
        return apps[0]
    is_app = plan.is_deployable or _is_root_app(plan)
    if (is_app and not apps) or plan.root_directory != files.root:
        return None
    said = declarations(files).after.root_directory
    if said is None:
        return None
    folder = files.at(said.value)
    if not files.entries(said.value):
        files.warn(f"{said.reason} is {said.value}, and there is no such folder.")
        return None
    files.warn(f"{folder} is the app, as {said.reason} has it.")
    return folder


def _is_root_app(plan: Plan) -> bool:
    """Whether the root of a workspace is what is deployed: some scripts only start its members."""
    start = plan.start_command
    if plan.framework and FRAMEWORKS[plan.framework.slug].kind is not AppKind.LIBRARY:
        return True
    if start is None:
        return False
    if plan.language != "node" or start.reason.startswith(OWNERS):
        return True
    return javascript.STARTS_ITSELF.match(start.reason) is not None


def _is_app(files: SourceFiles) -> bool:
    """Whether it is made to be served: a library has an ``index.js`` or a bundler too."""
    plan = _analyze(files, False)
    if not plan.is_deployable or plan.language != "node":
        return plan.is_deployable
    if plan.framework:
        is_bundled = plan.framework.slug in BUNDLERS
        return plan.framework.confidence >= SURE_APP and (not is_bundled or files.has("index.html"))
    return plan.start_command is not None and plan.start_command.reason.startswith(
        ("script ", *OWNERS)
    )


class _Language(NamedTuple):
    slug: str
    name: str | None


def _language(verdict: Verdict, declared: Ranked) -> _Language:
    """The language of the winner, else the one that the owner's start command is written for."""
    winner = verdict.winner
    slug = winner.record.language if winner else language_said(declared) or ""
    return _Language(slug, ECOSYSTEMS[slug].name if slug in ECOSYSTEMS else None)


def _no_manifest(language: _Language) -> Packages | None:
    """What is known of an app without a manifest: a lone script of the language."""
    if language.slug not in ECOSYSTEMS or language.slug == "static":
        return None
    name = language.name or language.slug
    return Packages(language.slug, name, runtime=Runtime(name=language.slug))


def _context(files: SourceFiles, found: Mapping[str, Packages]) -> Context:
    named = found
    if "node" in found and has_shared_manifest(files):
        named = {language: one for language, one in found.items() if language != "node"}
    return Context(
        files=files,
        production={language: packages.production for language, packages in named.items()},
        development={language: packages.development for language, packages in named.items()},
        manifests={language: packages.manifests for language, packages in found.items()},
        scripts=found["node"].scripts if "node" in found else {},
    )


def _run(
    files: SourceFiles, packages: Packages | None, winner: Match | None, context: Context
) -> Run:
    if winner is None:
        return Run(kind=AppKind.LIBRARY, found=False)
    for fact in winner.facts:
        files.note(fact.path, fact.text, fact.line)
    ecosystem = ECOSYSTEMS[winner.record.language]
    packages = packages or Packages(ecosystem.language, ecosystem.name)
    run = ecosystem.run(files, packages, winner.record, context)
    if ecosystem.language != "node":
        front_end.warn_of_front_end(run, files)
    return run


def _plan(
    files: SourceFiles,
    language: _Language,
    packages: Packages | None,
    verdict: Verdict,
    run: Run,
    variables: tuple[EnvironmentVariable, ...],
    declared: Ranked,
) -> Plan:
    needs = override.services(find_needs(files, packages, variables), declared, variables)
    image = override.image(run.kind, declared, files)
    confidence = _confidence(verdict, run)
    unsettled = (_what_would_settle_it(run, image),) if confidence < SURE_ENOUGH else ()
    return Plan(
        language=language.slug or None,
        language_name=packages.language_name if packages else language.name,
        framework=_framework(verdict.winner, packages),
        framework_confidence=_framework_confidence(verdict, language),
        package_manager=packages.manager if packages else None,
        package_manager_version=packages.manager_version if packages else None,
        runtime=packages.runtime if packages else None,
        install_command=run.install,
        build_command=run.build,
        build_reads_variables=reads_variables(
            run.build.command if run.build else None, packages.scripts if packages else {}
        ),
        start_command=run.start,
        release_command=run.release,
        worker_commands=dict(run.workers),
        cron_commands=dict(run.crons),
        output_directory=run.output_directory,
        kind=run.kind,
        root_directory=files.root,
        port=run.port,
        image=image,
        spa_fallback=run.spa_fallback,
        lock_files=(*(packages.lock_files if packages else ()), *run.lock_files),
        environment_variables=with_services(variables, needs),
        dependencies=packages.dependencies() if packages else Dependencies(),
        services=needs,
        members=packages.members if packages else (),
        evidence=tuple(files.facts),
        candidates=verdict.losers,
        warnings=(*files.warnings, *unsettled, *files.tree.warnings),
        confidence=confidence,
        abstained=confidence < SURE_ENOUGH,
    )


def _framework(winner: Match | None, packages: Packages | None) -> Framework | None:
    if winner is None or winner.record.generic:
        return None
    record: FrameworkRecord = winner.record
    versions = {**packages.development, **packages.production} if packages else {}
    package = find_name(winner.package, (name for name in versions if versions[name]))
    version = versions[package] if package else None
    return Framework(
        slug=record.slug,
        name=record.name,
        version=version[:50] if version else None,
        confidence=winner.confidence,
    )


def _framework_confidence(verdict: Verdict, language: _Language) -> float:
    """How sure the framework is; without one, how sure it is that no record was overlooked."""
    winner = verdict.winner
    if winner and not winner.record.generic:
        return winner.confidence
    if not language.slug:
        return NONE_OF_NOTHING
    overlooked = [one.confidence for one in verdict.losers if not FRAMEWORKS[one.slug].generic]
    return round(NONE - max(overlooked, default=0.0) * OVERLOOKED, 3)


def _confidence(verdict: Verdict, run: Run) -> float:
    """How sure the plan as a whole is: the framework, and whether there is a way to run it."""
    certainty = verdict.winner.confidence if verdict.winner else 0.0
    if run.declared:
        return max(certainty, DECLARED)
    return certainty if run.found else round(certainty * WITHOUT_ENTRY, 2)


def _what_would_settle_it(run: Run, image: Image | None) -> str:
    if run.start is None and image:
        return (
            "Nothing but its Dockerfile says how the app is started, for providers that build "
            "images: a Procfile with a `web:` line would settle it for all."
        )
    if run.start is None and run.kind is not AppKind.STATIC:
        return "No way to start the app was found: a Procfile with a `web:` line would settle it."
    return "The plan rests on little evidence: a Procfile with a `web:` line would settle it."
