"""What package managers really printed, and what is made of it."""

import time
from pathlib import Path

import pytest

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.kernel.outputs import MOST_LINES
from autodeploy.providers.local.diagnosis import diagnose
from autodeploy.providers.local.errors import BuildFailed, InstallFailed

OUTPUTS = Path(__file__).parent / "outputs"

EXPECTED = {
    "berry-broken-lock": ("lock_file_broken", "yarn.lock", "YN0047"),
    "berry-no-version": ("package_not_found", "is-number@npm:^99.0.0", "No candidates found"),
    "berry-outdated": ("lock_file_outdated", "yarn.lock", "explicitly forbidden"),
    "bun-broken-lock": ("lock_file_broken", "bun.lock", "failed to parse lockfile"),
    "bun-no-version": ("package_not_found", "is-number@^99.0.0", "No version matching"),
    "bun-outdated": ("lock_file_outdated", "bun.lock", "is-odd was added"),
    "npm-broken-lock": ("lock_file_broken", "package-lock.json", "existing package-lock.json"),
    "npm-broken-manifest": ("manifest_unreadable", "not valid JSON", "Expected double-quoted"),
    "npm-conflict": ("dependency_conflict", 'peer react@"^18.3.1"', "Could not resolve"),
    "npm-missing-script": ("install_failed", "no script build", "Missing script"),
    "npm-no-package": ("package_not_found", "is-number-that-never-was-zz@^1.0.0", "E404"),
    "npm-no-version": ("package_not_found", "is-number@^99.0.0", "notarget"),
    "npm-outdated": ("lock_file_outdated", "package-lock.json", "Missing: is-odd@3.0.1"),
    "npm-unreachable": ("registry_unreachable", "did not answer", "ECONNREFUSED"),
    "pip-conflict": ("dependency_conflict", "no set of versions", "ResolutionImpossible"),
    "pip-no-version": ("package_not_found", "itsdangerous==99.0", "No matching distribution"),
    "pdm-broken-lock": ("lock_file_broken", "TOML", "TOMLDecodeError"),
    "pdm-no-lock": ("lock_file_outdated", "pdm.lock", "pdm lock"),
    "pdm-outdated": ("lock_file_outdated", "pdm.lock", "doesn't satisfy"),
    "pipenv-outdated": ("lock_file_outdated", "Pipfile.lock", "Your Pipfile.lock"),
    "pnpm-broken-lock": ("lock_file_broken", "pnpm-lock.yaml", "of 'lockfile'"),
    "pnpm-missing-script": ("install_failed", "no script build", "ERR_PNPM_NO_SCRIPT"),
    "pnpm-no-package": ("package_not_found", "is-number-that-never-was-zz", "FETCH_404"),
    "pnpm-no-version": ("package_not_found", "is-number@^99.0.0", "NO_MATCHING_VERSION"),
    "pnpm-outdated": ("lock_file_outdated", "pnpm-lock.yaml", "is-odd@^3.0.0"),
    "pnpm-unreachable": ("registry_unreachable", "did not answer", "META_FETCH_FAIL"),
    "poetry-broken-lock": ("lock_file_broken", "TOML", "at line 24, column 1"),
    "poetry-conflict": ("dependency_conflict", "no set of versions", "werkzeug (<2)"),
    "poetry-no-package": ("package_not_found", "that-never-was-zz-q (>=1)", "match any versions"),
    "poetry-no-version": ("package_not_found", "iniconfig (>=99)", "match any versions"),
    "poetry-outdated": ("lock_file_outdated", "poetry.lock", "poetry lock"),
    "uv-broken-lock": ("lock_file_broken", "TOML", "Failed to parse `uv.lock`"),
    "uv-conflict": ("dependency_conflict", "no set of versions", "unsatisfiable"),
    "uv-no-package": ("package_not_found", "never-was-zz-q", "not found"),
    "uv-outdated": ("lock_file_outdated", "uv.lock", "needs to be updated"),
    "yarn-broken-lock": ("lock_file_broken", "yarn.lock", "Merge conflict detected"),
    "yarn-missing-script": ("install_failed", "no script build", "not found"),
    "yarn-no-version": ("package_not_found", "is-number", "Couldn't find any versions"),
    "yarn-outdated": ("lock_file_outdated", "yarn.lock", "needs to be updated"),
}


# Of a build command: a part of the cause, and of a line that must be shown.
BUILDS = {
    "astro-missing": ("../components/Card.astro", "Could not resolve"),
    "astro-old-node": ("version of Node", ">=22.12.0"),
    "astro-render": ("The page /", "reading 'map'"),
    "esbuild-missing": ("./nowhere.js", "src/b.ts:1:24"),
    "nest-type-error": ("TypeScript", "src/wrong.ts:1:14"),
    "next-google-font": ("Geist from Google", "from Google Fonts"),
    "next-missing-file": ("../components/card", "./app/page.tsx:1:1"),
    "next-missing-variable": ("STRIPE_SECRET_KEY", "app/page.tsx:2:17"),
    "next-type-error": ("TypeScript", "app/page.tsx(2,9)"),
    "nuxt-missing-file": ("./components/Nothing.vue", 'from "app.vue"'),
    "nuxt-syntax": ("does not parse", "app.vue (1:17)"),
    "rollup-missing": ("./nowhere.mjs", "src/r.mjs"),
    "sveltekit-missing": ("src/lib/nowhere", "src/routes/+page.svelte:3:19"),
    "sveltekit-syntax": ("does not parse", "Expected whitespace"),
    "tsc-errors": ("./nowhere.js", "src/a.ts(1,14)"),
    "tsc-pretty": ("./nowhere.js", "src/a.ts:1:14"),
    "vite-case": ("upper and lower case", "src/main.jsx:2:17"),
    "vite-missing-package": ("framer-motion", "failed to resolve import"),
    "vite-syntax": ("does not parse", "src/main.jsx:2:50"),
    "webpack-missing": ("lodash-es", "./src/w.mjs 1:0-19"),
}


def _error(name: str, failure: type[DeploymentFailed] = InstallFailed) -> DeploymentFailed:
    lines = (OUTPUTS / f"{name}.txt").read_text().splitlines()
    return diagnose(lines, failure).error("It ended with exit code 1.")


def test_every_recorded_output_is_expected() -> None:
    assert {path.stem for path in OUTPUTS.glob("*.txt")} == set(EXPECTED)
    assert {path.stem for path in OUTPUTS.glob("build/*.txt")} == set(BUILDS)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recorded_output_gets_its_code_cause_and_lines(name: str) -> None:
    code, cause, line = EXPECTED[name]

    error = _error(name)

    assert error.code == code
    assert cause in (error.cause or "")
    assert error.remedy
    assert any(line in said for said in error.log_tail), error.log_tail
    assert len(error.log_tail) <= MOST_LINES
    noise = ("--omit", "_logs/", "tarball, folder")
    assert not any(word in said for said in error.log_tail for word in noise)


@pytest.mark.parametrize("name", BUILDS)
def test_the_output_of_a_compiler_gets_its_cause_and_place(name: str) -> None:
    cause, line = BUILDS[name]

    error = _error(f"build/{name}", BuildFailed)

    assert error.code == "build_failed"
    assert cause in (error.cause or "")
    assert error.remedy
    assert any(line in said for said in error.log_tail), error.log_tail
    assert len(error.log_tail) <= MOST_LINES
    assert not any("/node_modules/" in said and " at " in said for said in error.log_tail)


def test_a_service_that_refuses_a_build_is_no_registry() -> None:
    error = diagnose(["Error: connect ECONNREFUSED 127.0.0.1:5432"], BuildFailed).error("Failed.")

    assert error.code == "build_failed"


@pytest.mark.parametrize("line", ["a" * 4000, "a." * 2000, "/node_modules/" * 300, "\x1b[" * 2000])
def test_hostile_output_is_diagnosed_in_linear_time(line: str) -> None:
    started = time.process_time()
    diagnose([line] * 200, InstallFailed)

    assert time.process_time() - started < 0.4


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("OSError: [Errno 28] No space left on device", "disk_full"),
        ("sh: 1: Cannot fork", "process_limit"),
        ("FATAL ERROR: Ineffective mark-compacts: JavaScript heap out of memory", "out_of_memory"),
    ],
)
def test_what_the_machine_refuses_is_told_apart(line: str, code: str) -> None:
    assert diagnose(["building", line], BuildFailed).error("Failed.").code == code


def test_an_unknown_failure_keeps_its_kind_and_says_no_cause() -> None:
    error = diagnose(["odd", "words"], BuildFailed).error("It ended with exit code 3.")

    assert (error.code, error.cause, error.log_tail) == ("build_failed", None, ["odd", "words"])
