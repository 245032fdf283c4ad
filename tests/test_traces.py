"""Traces: from the request through the queue to the song, in spans that a collector gets."""

from __future__ import annotations

import sys

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from muscgen import telemetry
from muscgen.errors import ConfigurationError

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans():
    """Every span that ended."""
    exporter = InMemorySpanExporter()
    telemetry.configure_tracing(None, "test", exporter=exporter)
    yield exporter.get_finished_spans
    telemetry.configure_tracing(None, "test")


def test_without_an_endpoint_a_span_is_nothing():
    telemetry.configure_tracing(None, "test")
    with telemetry.span("muscgen.job", PARENT) as span:
        assert span is None
        assert telemetry.here() == ""
        assert telemetry.exemplar() is None


def test_a_span_goes_on_from_a_parent_elsewhere(spans):
    with telemetry.span("muscgen.job", PARENT, kind="consumer", attributes={"muscgen.attempt": 2}):
        carried = telemetry.here()
    [span] = spans()
    assert f"{span.context.trace_id:032x}" == PARENT.split("-")[1]
    assert f"{span.parent.span_id:016x}" == PARENT.split("-")[2]
    assert carried.split("-")[2] == f"{span.context.span_id:016x}"
    assert span.attributes == {"muscgen.attempt": 2}


@pytest.mark.parametrize("parent", ["", "nonsense", "00-zz-zz-zz"])
def test_a_parent_that_is_none_begins_a_trace(spans, parent):
    with telemetry.span("muscgen.job", parent):
        pass
    assert spans()[0].parent is None


def test_spans_are_nested_and_an_observation_names_its_trace(spans):
    with telemetry.span("outer"), telemetry.span("inner"):
        exemplar = telemetry.exemplar()
    inner, outer = spans()
    assert inner.parent.span_id == outer.context.span_id
    assert exemplar == {"trace_id": f"{inner.context.trace_id:032x}"}


def test_what_is_raised_inside_is_recorded_and_goes_on(spans):
    with pytest.raises(RuntimeError), telemetry.span("muscgen.finish"):
        raise RuntimeError("boom")
    assert spans()[0].status.is_ok is False


def test_an_endpoint_without_the_sdk_is_a_clear_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    with pytest.raises(ConfigurationError, match="OpenTelemetry") as refused:
        telemetry.configure_tracing("http://collector:4318/v1/traces", "test")
    assert "muscgen[otel]" in refused.value.suggestion
