"""Spans by OpenTelemetry, from the HTTP request through the queue to the song and back.

Without an endpoint, or before `configure_tracing`, a span is nothing and costs next to nothing. The context
crosses the queue as a W3C `traceparent` in the job. Attributes are models, states, counts and ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from muscgen.errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

Attributes = Mapping[str, str | int | float]
_PARENT = "traceparent"
_tracer: Tracer | None = None


def configure_tracing(endpoint: str | None, service: str, *, exporter: SpanExporter | None = None) -> None:
    """Send spans to an OTLP endpoint (http, "http://collector:4318/v1/traces"); None sends none.

    Called by commands, never on import. exporter: in the endpoint's place, for tests. Raises
    ConfigurationError where the SDK is not installed.
    """
    global _tracer  # noqa: PLW0603  as the logging of a process, so its tracing
    if endpoint is None and exporter is None:
        _tracer = None
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
    except ImportError as error:
        raise ConfigurationError(
            "MUSCGEN_OTLP_ENDPOINT needs OpenTelemetry",
            param="otlp_endpoint",
            suggestion="pip install 'muscgen[otel]'",
        ) from error
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    if exporter is not None:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    else:
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    _tracer = provider.get_tracer("muscgen")


@contextmanager
def span(
    name: str, parent: str = "", *, kind: str = "internal", attributes: Attributes | None = None
) -> Iterator[Span | None]:
    """A stretch of work inside the current span, or inside that of a `traceparent` from elsewhere.

    kind: internal, server, producer or consumer. What is raised inside is recorded, not changed.
    """
    if _tracer is None:
        yield None
        return
    from opentelemetry.propagate import extract
    from opentelemetry.trace import SpanKind

    context = extract({_PARENT: parent}) if parent else None
    with _tracer.start_as_current_span(
        name, context, kind=SpanKind[kind.upper()], attributes=attributes
    ) as begun:
        yield begun


def here() -> str:
    """The current span as a `traceparent`, for a job or a call to carry; "" where there is none."""
    if _tracer is None:
        return ""
    from opentelemetry.propagate import inject

    carrier: dict[str, str] = {}
    inject(carrier)
    return carrier.get(_PARENT, "")


def exemplar() -> dict[str, str] | None:
    """What ties an observation of a histogram to the current trace."""
    parent = here()
    return {"trace_id": parent.split("-")[1]} if parent else None
