"""The engine: source tree → evidence → candidates → plan.

Pure: it reads through the tree alone, runs nothing of the repository and keeps no state, so the
same tree always gives the same plan.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from autodeploy.kernel.app_file import APP_FILE, AppFile
from autodeploy.services.analyzer.ecosystems import ECOSYSTEMS, read_packages
from autodeploy.services.analyzer.entries import app_file, celery, javascript, procfile
from autodeploy.services.analyzer.entries.base import Run
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.frameworks import FRAMEWORKS
from autodeploy.services.analyzer.frameworks.javascript.families import BUNDLERS
from autodeploy.services.analyzer.languages import find_unsupported
from autodeploy.services.analyzer.matcher import Context, FrameworkRecord, Match, Verdict, judge
from autodeploy.services.analyzer.needs import find_needs, with_required
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.plan import (
    AppKind,
    Dependencies,
    EnvironmentVariable,
    Framework,
    Plan,
    Runtime,
)
from autodeploy.services.analyzer.recommendation import recommend
from autodeploy.services.analyzer.tree import SourceTree
from autodeploy.services.analyzer.variables.build_inputs import reads_variables
from autodeploy.services.analyzer.variables.collect import find_variables

# Below this a plan says that it is not sure, and what would settle it.
SURE_ENOUGH = 0.5

# The files in which owners say how their app is started.
OWNERS = ("Procfile", APP_FILE)

# A workspace's members beyond this are not looked into.
MOST_MEMBERS = 50

# A member of a workspace is an app when its framework is at least as sure.
SURE_APP = 0.9

# How far a plan can be trusted whose entry point was not seen.
WITHOUT_ENTRY = 0.5

# How sure it is that there is no framework: where the language is known; where nothing is; and
# how much of a losing framework's confidence counts against it.
NONE = 0.97
NONE_OF_NOTHING = 0.8
OVERLOOKED = 0.3

# How far a plan can be trusted whose start command the user wrote.
DECLARED = 0.95

# Above this the signs of a plain app outweigh a manifest of another language.
FIRM = 0.75


def analyze(
    tree: SourceTree,
    root_directory: str = "",
    *,
    with_variables: bool = True,
    providers: Sequence[str] = ("local",),
) -> Plan:
    """Work out what a repository is, needs, and how to build and run it.

    ``root_directory`` is the folder of the app in a monorepo; lock files, package manager and
    runtime of the folders above it count. ``providers`` are those to recommend from. Broken or
    hostile files become warnings in the plan; nothing is raised for them but for the owner's own
    ``autodeploy.toml``: ``AutodeployTomlInvalid``.
    """
    files = SourceFiles(tree, root_directory)
    plan = _analyze(files, with_variables, providers)
    apps = _apps(plan, files)
    if len(apps) == 1:
        files.warn(f"{apps[0]} is the only app of this workspace, so it is the one.")
        app = analyze(tree, apps[0], with_variables=with_variables, providers=providers)
        warnings = tuple(dict.fromkeys((*files.warnings, *app.warnings)))
        return app.model_copy(update={"members": plan.members, "warnings": warnings})
    return plan.model_copy(update={"apps": apps})


def _analyze(files: SourceFiles, with_variables: bool, providers: Sequence[str]) -> Plan:
    """The plan of one folder, whatever lies below it."""
    files, said = app_file.enter(files)
    found = read_packages(files)
    context = _context(files, found)
    verdict, language = _decide(files, judge(FRAMEWORKS.values(), context), said)
    packages = found.get(language.slug) or _no_manifest(language)
    run = celery.with_worker(_run(files, packages, verdict.winner, context), files, packages)
    run = app_file.override(procfile.override(run, files), said)
    variables = find_variables(files) if with_variables else ()
    variables = app_file.with_declared(variables, said, files)
    plan = _plan(files, language, packages, verdict, run, variables, providers)
    return plan.model_copy(
        update={
            "runtime": app_file.runtime(said, language.slug, plan.runtime),
            "health_path": said.health,
        }
    )


def _apps(plan: Plan, files: SourceFiles) -> tuple[str, ...]:
    """The members of a workspace that can be deployed, where its root is no app itself."""
    framework = FRAMEWORKS[plan.framework.slug] if plan.framework else None
    is_app = framework is not None and framework.kind is not AppKind.LIBRARY
    start = plan.start_command
    declared = start and (
        start.reason.startswith(OWNERS) or javascript.STARTS_ITSELF.match(start.reason)
    )
    if is_app or declared or plan.root_directory != files.root:
        return ()
    below = f"{files.root}/" if files.root else ""
    paths = [one.path for one in plan.members if one.path.startswith(below) and one.path != below]
    return tuple(path for path in paths[:MOST_MEMBERS] if _is_app(SourceFiles(files.tree, path)))


def _is_app(files: SourceFiles) -> bool:
    """Whether it is made to be served: a library has an ``index.js`` or a bundler too."""
    plan = _analyze(files, False, ())
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


def _decide(files: SourceFiles, verdict: Verdict, said: AppFile) -> tuple[Verdict, _Language]:
    """The verdict with the language; weak signs of none lose to another language's manifest."""
    winner = verdict.winner
    if winner is None or _is_weak(winner):
        unsupported = find_unsupported(files)
        if unsupported:
            files.warn(f"{unsupported[1]} is recognised, but how to build it is not known yet.")
            return Verdict(None, verdict.losers), _Language(*unsupported)
    slug = winner.record.language if winner else procfile.language(files, said.start) or ""
    return verdict, _Language(slug, ECOSYSTEMS[slug].name if slug else None)


def _is_weak(winner: Match) -> bool:
    # Pages lie beside apps of every language.
    is_page = winner.record.language == "static"
    return winner.record.generic and (is_page or winner.confidence < FIRM)


def _no_manifest(language: _Language) -> Packages | None:
    """What is known of an app without a manifest: a lone script of the language."""
    if language.slug not in ECOSYSTEMS or language.slug == "static":
        return None
    name = language.name or language.slug
    return Packages(language.slug, name, runtime=Runtime(name=language.slug))


def _context(files: SourceFiles, found: Mapping[str, Packages]) -> Context:
    return Context(
        files=files,
        production={language: packages.production for language, packages in found.items()},
        development={language: packages.development for language, packages in found.items()},
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
    return ecosystem.run(files, packages, winner.record, context)


def _plan(
    files: SourceFiles,
    language: _Language,
    packages: Packages | None,
    verdict: Verdict,
    run: Run,
    variables: tuple[EnvironmentVariable, ...],
    providers: Sequence[str],
) -> Plan:
    record = verdict.winner.record if verdict.winner else None
    needs = find_needs(packages, variables)
    confidence = _confidence(verdict, run)
    if confidence < SURE_ENOUGH:
        files.warn(_what_would_settle_it(run))
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
        output_directory=run.output_directory,
        kind=run.kind,
        root_directory=files.root,
        port=run.port,
        spa_fallback=run.spa_fallback,
        lock_files=packages.lock_files if packages else (),
        environment_variables=with_required(variables, needs),
        dependencies=packages.dependencies() if packages else Dependencies(),
        services=needs,
        members=packages.members if packages else (),
        recommendation=recommend(run.kind, record, needs, providers),
        evidence=tuple(files.facts),
        candidates=verdict.losers,
        warnings=(*files.warnings, *files.tree.warnings),
        confidence=confidence,
        abstained=confidence < SURE_ENOUGH,
    )


def _framework(winner: Match | None, packages: Packages | None) -> Framework | None:
    if winner is None or winner.record.generic:
        return None
    record: FrameworkRecord = winner.record
    versions = {**packages.development, **packages.production} if packages else {}
    version = versions.get(winner.package)
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


def _what_would_settle_it(run: Run) -> str:
    if run.start is None and run.kind is not AppKind.STATIC:
        return "No way to start the app was found: a Procfile with a `web:` line would settle it."
    return "The plan rests on little evidence: a Procfile with a `web:` line would settle it."
