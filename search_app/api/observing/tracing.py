"""Traces by OpenTelemetry: a span a request and one a stage, sent by OTLP over HTTP. Loaded only where it is on.

Where to, how often and as whom is told by the standard variables: `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_SAMPLER`,
`OTEL_SERVICE_NAME` and the others. Names of attributes are those of OpenTelemetry's semantic conventions for HTTP.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.types import Scope

from search_app import __version__
from search_app.api.observing.journal import Journal
from search_app.api.observing.lines import Ended
from search_app.api.observing.observing import TracedRequest
from search_app.errors import MissingDependency

try:
    from opentelemetry import trace
    from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, SpanKind, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError as error:
    raise MissingDependency(
        f"SEARCH_OTEL=on: a package is missing ({error.name}): pip install -r requirements-otel.txt"
    ) from None

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

_SERVICE = "image-search"
_PROPAGATOR = TraceContextTextMapPropagator()


def open_tracer() -> "OtelTracer":
    """What sends traces to where `OTEL_EXPORTER_OTLP_ENDPOINT` says, by default to a collector on this machine."""
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise MissingDependency(
            f"SEARCH_OTEL=on: a package is missing ({error.name}): pip install -r requirements-otel.txt"
        ) from None
    return OtelTracer(BatchSpanProcessor(OTLPSpanExporter()))


class OtelTracer:
    """Makes spans of requests; they go to `processor`."""

    def __init__(self, processor: "SpanProcessor") -> None:
        resource = Resource.create({SERVICE_NAME: _SERVICE}).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("search_app", __version__)

    @contextmanager
    def request(self, scope: Scope) -> Iterator[TracedRequest]:
        """A span for what is done inside, in the trace that the header `traceparent` names, or in a new one."""
        parent = _PROPAGATOR.extract(dict(Headers(scope=scope)))
        method = scope["method"]
        span = self._tracer.start_span(method, context=parent, kind=SpanKind.SERVER)
        # The span is ended in any case, also of a request that was broken off.
        with trace.use_span(span, end_on_exit=True, record_exception=True, set_status_on_exception=True):
            yield _OtelRequest(self._tracer, span, scope)

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


class _OtelRequest:
    """The span of one request."""

    def __init__(self, tracer: trace.Tracer, span: Span, scope: Scope) -> None:
        self._tracer, self._span = tracer, span
        self._id = scope.get("state", {}).get("request_id", "")
        self.trace_id = f"{span.get_span_context().trace_id:032x}"

    def end(self, ended: Ended, journal: Journal) -> None:
        """Give the span its name and what is known, and a span to each stage: their times were noted on the way."""
        if not self._span.is_recording():
            return
        self._span.update_name(f"{ended.method} {ended.route}")
        self._span.set_attributes(_attributes(ended, journal, self._id))
        if ended.status >= 500:
            self._span.set_status(StatusCode.ERROR)
        to_wall = time.time_ns() - time.perf_counter_ns()
        for stage, began, left in journal.all_laps():
            span = self._tracer.start_span(stage, start_time=int(began * 1e9) + to_wall)
            span.end(int(left * 1e9) + to_wall)


def _attributes(ended: Ended, journal: Journal, request_id: str) -> Mapping[str, str | int]:
    told: dict[str, str | int] = {
        "http.request.method": ended.method,
        "http.route": ended.route,
        "http.response.status_code": ended.status,
        "url.path": ended.path,
        "search.request_id": request_id,
        "search.memory": journal.memory,
        "search.refused": journal.refused,
    }
    if journal.seen:
        seen = journal.seen[-1]
        told |= {
            "search.collection": seen.collection,
            "search.model": seen.model,
            "search.kind": seen.kind,
            "search.outcome": seen.outcome,
            "search.queries": len(journal.seen),
        }
    return {name: value for name, value in told.items() if value != ""}
