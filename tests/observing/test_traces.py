"""Traces: a span a request and one a stage, in the caller's trace; sent by OTLP; not loaded where they are off."""

import gzip
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from search_app.api.app import create_app
from search_app.api.observing.observing import Observing
from search_app.api.observing.tracing import OtelTracer
from search_app.errors import MissingDependency
from search_app.settings import load_settings
from search_app.wiring_http import open_observing
from tests.conftest import ROOT
from tests.search.colours import open_colours

CALLER = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{CALLER}-00f067aa0ba902b7-01"


def spans_of(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


@pytest.fixture
def kept() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def client(tmp_path: Path, kept: InMemorySpanExporter) -> Iterator[TestClient]:
    tracer = OtelTracer(SimpleSpanProcessor(kept))
    app = create_app(lambda: open_colours(tmp_path / "pictures")[0], open_observing=lambda: Observing(tracer=tracer))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def test_a_request_and_its_stages_are_spans_of_the_callers_trace(
    client: TestClient, kept: InMemorySpanExporter
) -> None:
    answer = client.post(
        "/search", json={"query": "a red thing"}, headers={"traceparent": PARENT, "x-request-id": "one"}
    )
    assert answer.status_code == 200
    spans = spans_of(kept)
    request = spans.pop("POST /search")
    assert f"{request.context.trace_id:032x}" == CALLER
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == "00f067aa0ba902b7"
    told = dict(request.attributes or {})
    assert told["http.response.status_code"] == 200
    assert (told["http.route"], told["search.request_id"], told["search.kind"]) == ("/search", "one", "words")
    assert "red" not in str(told)  # what was asked is not told
    assert set(spans) == {"wait", "encode", "search", "fuse", "arrange", "fetch", "serialise"}
    for span in spans.values():
        assert span.parent is not None
        assert span.parent.span_id == request.context.span_id
        assert request.start_time - 10**6 <= span.start_time <= span.end_time <= request.end_time + 10**6


def test_a_refused_request_and_one_that_fails_are_told(client: TestClient, kept: InMemorySpanExporter) -> None:
    client.get("/search")
    assert dict(spans_of(kept)["GET /search"].attributes or {})["http.response.status_code"] == 422
    kept.clear()
    client.app.state.exposition = None  # breaks the route
    client.get("/metrics")
    span = spans_of(kept)["GET /metrics"]
    assert dict(span.attributes or {})["http.response.status_code"] == 500
    assert not span.status.is_ok
    assert any(event.name == "exception" for event in span.events)


class Collector(BaseHTTPRequestHandler):
    """Takes what is sent by OTLP over HTTP."""

    received: list[ExportTraceServiceRequest]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        assert self.path == "/v1/traces"
        self.received.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_traces_are_sent_by_otlp_to_where_the_standard_variables_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[ExportTraceServiceRequest] = []
    server = HTTPServer(("127.0.0.1", 0), type("Here", (Collector,), {"received": received}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "pictures")
    settings = load_settings(otel="on", model="stub")
    app = create_app(
        lambda: open_colours(tmp_path / "pictures")[0],
        open_observing=lambda: Observing(tracer=open_observing(settings).tracer),
    )
    try:
        with TestClient(app) as client:  # what is left is sent at the end
            client.get("/search?query=red")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    [resource] = [each for request in received for each in request.resource_spans]
    facts = {fact.key: fact.value.string_value for fact in resource.resource.attributes}
    assert facts["service.name"] == "pictures"
    names = {span.name for scope in resource.scope_spans for span in scope.spans}
    assert names == {"GET /search", "wait", "encode", "search", "serialise"}


def test_nothing_of_it_is_loaded_where_it_is_off(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from fastapi.testclient import TestClient\n"
        "from search_app.api.app import create_app\n"
        "from search_app.settings import load_settings\n"
        "from search_app.wiring_http import open_observing\n"
        "from tests.search.colours import open_colours\n"
        "from pathlib import Path\n"
        "app = create_app(lambda: open_colours(Path(sys.argv[1]))[0], open_observing=lambda: open_observing("
        "load_settings()))\n"
        "with TestClient(app) as client: assert client.get('/search?query=red').status_code == 200\n"
        # FastAPI loads the interfaces by itself; what does the work is ours to load
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))])\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "pictures")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


def test_without_the_package_the_start_stops_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "search_app.api.observing.tracing")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    app = create_app(lambda: pytest.fail("too late"), open_observing=lambda: open_observing(load_settings(otel="on")))
    with (
        pytest.raises(MissingDependency, match=r"SEARCH_OTEL=on.*pip install -r requirements-otel\.txt"),
        TestClient(app),
    ):
        pass
