"""``autodeploy providers`` and the choice of a plan and region, against a served platform."""

from tests.cli.user.conftest import Person


async def test_providers_are_listed_with_what_they_have(ada: Person) -> None:
    told = await ada.run("providers")
    assert told.returncode == 0, told.stderr
    rows = {line.split()[0]: line for line in told.stdout.splitlines()}
    assert "apps, databases" in rows["local"]
    listed = await ada.json("providers")
    assert [each["name"] for each in listed["items"]] == ["cloud", "local"]


async def test_one_is_shown_with_its_regions_and_dated_prices(ada: Person) -> None:
    told = await ada.run("providers", "local")
    assert told.returncode == 0, told.stderr
    for part in ("This machine", "here", "free", "0.00", "2026-11-01", "example.com/pricing"):
        assert part in told.stdout
    [one] = (await ada.json("providers", "local"))["items"]
    assert one["regions"] == [{"id": "here", "name": "This machine"}]
    assert [(each["plan"], each["monthlyCents"]) for each in one["pricing"]] == [("free", 0)]


async def test_one_that_is_not_there_is_refused_with_those_that_are(ada: Person) -> None:
    assert "cloud, local" in await ada.refused("providers", "nowhere")


async def test_plan_and_region_that_are_not_there_are_refused_by_name(ada: Person) -> None:
    (ada.folder / "index.html").write_text("<h1>hi</h1>")
    assert "'huge'" in await ada.refused("deploy", "--plan", "huge")
    assert "no regions to choose from" in await ada.refused("deploy", "--region", "north")
