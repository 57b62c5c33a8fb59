"""The one page of the project."""

from django.http import HttpRequest, HttpResponse
from django.urls import path


def index(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<h1>Hello from Django</h1>")


urlpatterns = [path("", index)]
