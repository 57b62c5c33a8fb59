"""Reading ``autodeploy.toml``: every refusal names the line and the key."""

import pytest

from autodeploy.kernel.app_file import AutodeployTomlInvalid, parse_app_file


@pytest.mark.parametrize(
    ("text", "said", "remedy"),
    [
        ('\nstrat = "x"', "autodeploy.toml line 2: there is no key `strat`.", "`start`"),
        ("start = 3", "line 1: `start`: is not text; write it in quotes", ""),
        ("python = 3.10", "`python`: is not text", ""),
        ('start = ""', "`start`: is empty", ""),
        ("[variables.KEY]\nrequird = true", "line 2: there is no key `requird`", "`required`"),
        ('[variables.KEY]\nrequired = "yes"', "line 2: `variables.KEY.required`: is neither", ""),
        ("[variables]\n1KEY = {}", "`variables.1KEY`: is not the name of a variable", ""),
        ('[workers]\nweb = "x"', "`workers.web`: cannot be the name of a process", ""),
        ('workers = "x"', "`workers`: is not a table", ""),
        (
            '[cron]\nnightly = { schedule = "0 25 * * *", command = "x" }',
            "line 2: `cron.nightly.schedule`: the hour `25` is not from 0 to 23",
            "",
        ),
        ('[cron.nightly]\ncommand = "x"', "`cron.nightly.schedule`: is missing", ""),
        (
            '[cron.nightly]\nschedule = "0 3 * * *"\ncomand = "x"',
            "`cron.nightly.command`: is missing",
            "",
        ),
        (
            'output = "x"\n[cron.nightly]\nschedule = "0 3 * * *"\ncommand = "x"',
            "`cron` runs beside a server",
            "",
        ),
        (
            '[workers]\na = "x"\n[cron.a]\nschedule = "0 3 * * *"\ncommand = "x"',
            "`a` is the name of a worker and of a cron command",
            "",
        ),
        ('\n\nstart = "a', "line 3 is not TOML: Unterminated string.", "quotes"),
        ('start = "a"\nstart = "b"', "is not TOML: Cannot overwrite a value", ""),
        ("a = " + "[" * 100_000, "is not TOML: It nests too deep", ""),
        ('root = "../up"', "`root`: is not a folder inside the repository", ""),
        ('root = "/etc"', "`root`: is not a folder inside the repository", ""),
        ('output = "-x"', "`output`: is not a folder inside the repository", ""),
        ('health = "healthz"', "`health`: is not a path that begins with /", "autodeploy-toml"),
        ('[health_check]\nstatus = "2xx"', "`health_check.status`: is not a status or a range", ""),
        ('[health_check]\nstatus = "299-200"', "`health_check.status`: is not a status", ""),
        ("[health_check]\n\ntimeout = 0", "line 3: `health_check.timeout`: ", "autodeploy-toml"),
        ("[health_check]\ntimeout = 1.5", "`health_check.timeout`: ", ""),
        ("[health_check]\ninterval = 0", "`health_check.interval`: ", ""),
        ("[health_check]\npth = 1", "there is no key `pth`", "timeout"),
        ("\nreplicas = 0", "line 2: `replicas`: greater than or equal to 1", "autodeploy-toml"),
        ("replicas = 9", "`replicas`: less than or equal to 8", ""),
        ("replicas = 1.5", "`replicas`: ", ""),
        ("replicas = true", "`replicas`: ", ""),
        ('output = "x"\nreplicas = 2', "`replicas` are of a server", ""),
        ('output = "x"\nprivate = true', "`private` is of a server, and `output` is", ""),
        ('output = "x"\n[docker]', "`docker` builds a server or worker, and `output` is", ""),
        ('[docker]\nfile = "../Dockerfile"', "`docker.file`: is not a folder inside", ""),
        ('[docker]\nfile = ""', "`docker.file`: is empty", ""),
        ('[docker]\ncontext = "/srv"', "`docker.context`: is not a folder relative to", ""),
        ('[docker]\ndockerfile = "x"', "there is no key `dockerfile`", "file, context"),
        ('\nprivate = "yes"', "line 2: `private`: is neither true nor false", ""),
        ('environment = "Prod!"', "`environment`: is not 2 to 20", ""),
        ('start = "a\\nb"', "`start`: holds a line break", ""),
        ('start = "a"\noutput = "b"', "name one", ""),
        ('start = "a"\nspa = true', "`spa` is for static sites", ""),
        ("node = 22\nspa = 1", "(1 more after it)", ""),
    ],
)
def test_wrong_file_is_refused_with_line_key_and_remedy(text: str, said: str, remedy: str) -> None:
    with pytest.raises(AutodeployTomlInvalid) as refused:
        parse_app_file(text)
    assert said in refused.value.message
    assert refused.value.remedy
    assert remedy in refused.value.remedy
    assert "\n" not in refused.value.message


def test_path_is_named_as_the_caller_calls_it() -> None:
    with pytest.raises(AutodeployTomlInvalid, match=r"apps/web/autodeploy\.toml line 1"):
        parse_app_file("x = 1", "apps/web/autodeploy.toml")


def test_empty_file_says_nothing() -> None:
    assert parse_app_file("# nothing\n").model_fields_set == set()
