"""What operators see of a worker's jobs: spans, metrics and log fields."""

from __future__ import annotations

import httpx
import pytest
from bench import MODEL
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY

from muscgen import telemetry
from muscgen.errors import ConfigurationError
from muscgen.worker.meters import metered

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans():
    exporter = InMemorySpanExporter()
    telemetry.configure_tracing(None, "test", exporter=exporter)
    yield exporter.get_finished_spans
    telemetry.configure_tracing(None, "test")


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_a_song_is_one_trace_from_its_request_on(bench, spans):
    job_id = await bench.ask(trace=PARENT)
    async with bench.worker():
        await bench.ended(job_id)
    named = {span.name: span for span in spans()}
    assert {"muscgen.job", "muscgen.engine", "muscgen.finish"} <= set(named)
    assert {f"{span.context.trace_id:032x}" for span in named.values()} == {PARENT.split("-")[1]}
    assert named["muscgen.engine"].parent.span_id == named["muscgen.job"].context.span_id
    assert named["muscgen.engine"].attributes["muscgen.steps"] > 0
    assert named["muscgen.job"].attributes["muscgen.job"] == job_id


async def test_jobs_are_counted_once(bench):
    names = {
        "muscgen_jobs_finished_total": {"model": MODEL, "state": "succeeded"},
        "muscgen_attempts_total": {"model": MODEL, "attempt": "first"},
        "muscgen_queue_wait_seconds_count": {"model": MODEL},
        "muscgen_first_audio_seconds_count": {"model": MODEL},
    }
    before = {name: value(name, **labels) for name, labels in names.items()}
    finished = value("muscgen_finishing_seconds_count")
    job_id = await bench.ask()
    async with bench.worker():
        await bench.ended(job_id)
    assert {name: value(name, **labels) - before[name] for name, labels in names.items()} == dict.fromkeys(
        names, 1.0
    )
    assert value("muscgen_finishing_seconds_count") == finished + 1


async def test_estimates_are_judged_by_what_came(bench):
    before = value("muscgen_eta_ratio_count", model=MODEL)
    job_id = await bench.ask()
    await bench.queue.promise(job_id, 100.0)
    async with bench.worker():
        await bench.ended(job_id)
        await bench.queue.promise(job_id, 5.0)  # too late to promise anything
    assert value("muscgen_eta_ratio_count", model=MODEL) == before + 1


async def test_a_worker_serves_its_engines_counts(bench, unused_tcp_port):
    job_id = await bench.ask()
    async with bench.worker() as worker, httpx.AsyncClient() as http:
        await bench.ended(job_id)
        with metered(lambda: worker._roster.loaded, unused_tcp_port):
            text = (await http.get(f"http://127.0.0.1:{unused_tcp_port}/metrics")).text
            with pytest.raises(ConfigurationError, match="metrics"), metered(dict, unused_tcp_port):
                pass
    assert f'muscgen_engine_slots{{model="{MODEL}"}} 4.0' in text
    steps = next(line for line in text.splitlines() if line.startswith("muscgen_engine_steps_total"))
    assert float(steps.rsplit(" ", 1)[1]) > 0
    assert job_id not in text
