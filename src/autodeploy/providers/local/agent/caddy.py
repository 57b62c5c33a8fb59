"""Caddy's configuration for the apps of this machine. Pure: a table of apps in, JSON out.

A release switches, and gets more or fewer replicas, without any change here: where requests go is
read from a small file at each request. So this changes only when an app comes, goes, turns from a
server into static files, or becomes private or public: a change closes connections, and a request
may be lost with one.
"""

import itertools
import socket
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from autodeploy.providers.local.agent.pages import Json, plain_page
from autodeploy.providers.local.agent.static_files import static_errors, static_routes
from autodeploy.providers.local.layout import Layout

# Requests to a server go to these in turn, whatever the number of its replicas. Of 1, 2, 3, 4, 6
# and 8 replicas each has as many places; of 5 and 7 some have one more than the others.
PLACES = 24


@dataclass(frozen=True)
class RoutedApp:
    """One app that the proxy knows: its host, its own port, and how it is served. At its host, a
    ``private`` one is not: nobody else gets that name, though, for when it is public again."""

    number: int
    host: str
    local_port: int
    kind: str
    spa_fallback: bool
    private: bool = False  # tables of earlier versions do not say it


def caddy_configuration(
    layout: Layout,
    proxy_port: int,
    apps: Iterable[RoutedApp],
    taken_ports: Container[int] = (),
) -> Json:
    """The whole configuration: one shared server by host name, and one listener an app, but for
    those whose port another program has taken."""
    ordered = sorted(apps, key=lambda app: app.number)
    public = [app for app in ordered if not app.private]
    shared = {
        "listen": _loopback(proxy_port),
        "routes": [
            *(_by_host(app, proxy_port, _routes(layout, app)) for app in public),
            _unknown_host(),
        ],
        "errors": {
            "routes": [
                *(_by_host(app, proxy_port, _errors(app)) for app in public),
                *_plain_errors(),
            ]
        },
        "automatic_https": {"disable": True},
    }
    servers: Json = {"proxy": shared}
    for app in ordered:
        if app.local_port in taken_ports:
            continue
        servers[f"app-{app.number}"] = {
            "listen": [f"127.0.0.1:{app.local_port}"],
            "routes": _routes(layout, app),
            "errors": {"routes": [*_errors(app), *_plain_errors()]},
            "automatic_https": {"disable": True},
        }
    return {
        "admin": {"listen": f"unix/{layout.caddy_admin}|0600", "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "WARN"}}},
        "apps": {
            "http": {"grace_period": "10s", "metrics": {"per_host": True}, "servers": servers}
        },
    }


def _loopback(port: int) -> list[str]:
    return [f"127.0.0.1:{port}", f"[::1]:{port}"] if _has_ipv6() else [f"127.0.0.1:{port}"]


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _by_host(app: RoutedApp, proxy_port: int, routes: list[Json]) -> Json:
    return {
        # The name alone is what is matched. Requests are counted by their whole ``Host``, though,
        # if a match has it, else as of nobody: that of the public URL has the port.
        "match": [{"host": [app.host, f"{app.host}:{proxy_port}"]}],
        "handle": [{"handler": "subroute", "routes": routes}],
        "terminal": True,
    }


def _routes(layout: Layout, app: RoutedApp) -> list[Json]:
    if app.kind == "static":
        root = f"{{file.{target_file(layout, app.number, 'static')}}}"
        return static_routes(root, spa_fallback=app.spa_fallback)
    places = range(1, PLACES + 1)
    names = [f"{{app_{app.number}_{place}}}" for place in places]
    return [
        {
            "handle": [
                {
                    # The file is read when a name is asked for: at each attempt anew.
                    "handler": "map",
                    "source": f"{{file.{target_file(layout, app.number, 'server')}}}",
                    "destinations": names,
                    "mappings": [
                        {
                            "input_regexp": " ".join([r"(\S+)"] * PLACES),
                            "outputs": [f"${{{place}}}" for place in places],
                        }
                    ],
                },
                {
                    "handler": "reverse_proxy",
                    "upstreams": [{"dial": name} for name in names],
                    # In turn, so that a request that could not connect goes to another one next.
                    "load_balancing": {
                        "selection_policy": {"policy": "round_robin"},
                        "try_duration": "5s",
                        "try_interval": "50ms",
                    },
                    "stream_close_delay": "1h",
                },
            ]
        }
    ]


def target_text(ports: Sequence[int]) -> str:
    """What the file of a server says: an address for each place, of the replicas in turn."""
    turns = itertools.islice(itertools.cycle(ports), PLACES)
    return " ".join(f"127.0.0.1:{port}" for port in turns)


def target_file(layout: Layout, number: int, kind: str) -> str:
    """The file that says where requests go: addresses, or for static files a folder."""
    return f"{layout.routes}/{number}" + (".root" if kind == "static" else "")


def _errors(app: RoutedApp) -> list[Json]:
    return static_errors() if app.kind == "static" else []


def _plain_errors() -> list[Json]:
    return [
        {
            "match": [{"expression": "{http.error.status_code} in [502, 503, 504]"}],
            "handle": [
                plain_page(
                    "{http.error.status_code}",
                    "The app does not answer",
                    "It may be starting, or it may have stopped. Its logs say more.",
                )
            ],
            "terminal": True,
        },
    ]


def _unknown_host() -> Json:
    text = "No app has this address. Check the name, or deploy the app first."
    return {"handle": [plain_page(404, "No such app", text)]}
