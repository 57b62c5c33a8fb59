"""Apps that nothing but their image starts: they go where one is built, and nowhere else."""

from dataclasses import replace

from tests.services.deployer.hosted import connected_cloud
from tests.services.deployer.platform import Platform, answering

from autodeploy.providers.images import ImageBuild

APP = {"main.zig": "", "Dockerfile": "FROM alpine\nEXPOSE 8000\nCMD /app/main\n"}


async def test_an_image_is_built_by_a_provider_that_builds_images(platform: Platform) -> None:
    project = await platform.project(APP, "zig")
    async with answering(platform):
        cloud = await connected_cloud(platform)
        cloud.manifest = replace(cloud.manifest, image_builds=True)
        view = await platform.deployed(project, provider="cloud")
    assert view.status == "ready", view.error
    [built] = cloud.apps.builds
    assert built.spec.image == ImageBuild("Dockerfile", port=8000)
    assert (built.spec.kind, built.spec.start_command) == ("server", None)


async def test_it_is_refused_by_all_others_before_anything_is_built(platform: Platform) -> None:
    project = await platform.project(APP, "zig")
    cloud = await connected_cloud(platform)
    refused = await platform.deployed(project)
    assert refused.error is not None
    assert (refused.status, refused.error.code) == ("error", "nothing_to_run")
    assert "A folder builds no images" in refused.error.message
    assert "`start` in autodeploy.toml" in (refused.error.remedy or "")
    cloud.manifest = replace(cloud.manifest, image_builds=True)
    refused = await platform.deployed(project)
    assert refused.error is not None
    assert "(--provider): cloud" in (refused.error.remedy or "")
    assert platform.provider.calls["build"] == 0
    assert cloud.apps.builds == []
