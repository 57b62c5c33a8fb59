"""Which variables a build may read."""

import pytest

from autodeploy.services.analyzer.variables.build_inputs import reads_variables

SCRIPTS = {
    "build": "npm run clean && tsc -p tsconfig.build.json",
    "clean": "rimraf dist",
    "site": "vite build",
    "prelate": "node prepare.js",
    "late": "tsc",
    "round": "npm run round",
}


@pytest.mark.parametrize(
    "line", [None, "npm run build", "nest build", "npx tsc && cp -r views dist", "yarn build"]
)
def test_build_that_only_translates_reads_no_variable(line: str | None) -> None:
    assert not reads_variables(line, SCRIPTS)


@pytest.mark.parametrize(
    "line",
    [
        "npm run site",
        "npm run build && npm run site",
        "npm run late",
        "npm run nowhere",
        "npm run round",
        "next build",
        "cp $SECRET_FILE dist",
        "tsc `cat options`",
        "API=1 tsc",
        "tsc; ./make",
        "npm run build --workspaces",
    ],
)
def test_build_of_which_it_is_not_known_may_read_any(line: str) -> None:
    assert reads_variables(line, SCRIPTS)
