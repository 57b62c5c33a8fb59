"""A Pyramid app."""

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response


def hello_world(request: Request) -> Response:
    return Response("Hello from Pyramid")


def main():
    with Configurator() as config:
        config.add_route("hello", "/")
        config.add_view(hello_world, route_name="hello")
        return config.make_wsgi_app()


app = main()
