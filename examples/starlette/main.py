"""A Starlette app."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def home(request: Request) -> PlainTextResponse:
    return PlainTextResponse("Hello from Starlette")


app = Starlette(routes=[Route("/", home)])
