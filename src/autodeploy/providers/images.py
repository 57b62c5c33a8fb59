"""How an app is built as an image, for the providers that build one."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageBuild:
    """The image that a Dockerfile of the repository makes of an app.

    ``dockerfile`` and ``context`` are paths relative to the repository, the latter ``.`` for all of
    it. ``command`` and ``release_command`` are those that the owner has declared: what the image
    does by itself is its own, and what is worked out from the code is for a build of the code.
    ``port`` is the one that the image exposes. ``asked`` is whether the owner wants the app built
    so; else it is a way where there is no other.
    """

    dockerfile: str
    context: str = "."
    command: str | None = None
    release_command: str | None = None
    port: int | None = None
    asked: bool = False
