"""Metrics are rendered; tracing costs nothing until an endpoint is set."""

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from prometheus_client.parser import text_string_to_metric_families

from autodeploy.kernel import telemetry


def _samples() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(telemetry.render().decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_answered_request_is_counted_and_timed():
    labels = {"method": "GET", "route": "/projects/{id}"}
    count = ("autodeploy_http_requests_total", tuple(sorted({**labels, "status": "200"}.items())))
    seconds = ("autodeploy_http_request_seconds_sum", tuple(sorted(labels.items())))
    before = _samples()
    telemetry.observe_request("GET", "/projects/{id}", 200, 0.25)
    after = _samples()
    assert after[count] - before.get(count, 0) == 1
    assert after[seconds] - before.get(seconds, 0) == 0.25


def test_every_metric_is_described_and_named_for_the_product():
    families = list(text_string_to_metric_families(telemetry.render().decode()))
    assert len(families) >= 9
    for family in families:
        assert family.name.startswith("autodeploy_")
        assert family.documentation


def test_without_an_endpoint_opentelemetry_is_not_imported():
    script = (
        "import sys; from autodeploy.kernel.telemetry import configure_tracing;"
        "configure_tracing(None)();"
        "assert 'opentelemetry' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_with_an_endpoint_spans_are_sent():
    received: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    script = (
        "import sys; from autodeploy.kernel.telemetry import configure_tracing;"
        "stop = configure_tracing(sys.argv[1], service='autodeploy-test');"
        "from opentelemetry import trace;"
        "trace.get_tracer('t').start_span('the-span').end();"
        "stop()"
    )
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        # The tracer provider can be set once a process, so it is set in one of its own.
        subprocess.run([sys.executable, "-c", script, url], check=True, timeout=60)
    finally:
        server.shutdown()
        server.server_close()
    path, body = received[0]
    assert path == "/v1/traces"
    assert b"the-span" in body
    assert b"autodeploy-test" in body
