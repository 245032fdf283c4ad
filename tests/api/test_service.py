"""Keys, health, models, documents, and what happens when things break."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import subprocess
import sys
import threading

import httpx
import pytest

from muscgen.api import create_app
from muscgen.api.readiness import START_GRACE_S, Readiness
from muscgen.artifacts import DirectoryStore
from muscgen.errors import CheckpointInvalid, StoreUnavailable
from muscgen.jobs import Queue, connect
from muscgen.settings import Settings

from .conftest import MODEL, assert_problem

GUARDED = [
    ("POST", "/generate"),
    ("GET", "/jobs"),
    ("GET", "/jobs/x"),
    ("GET", "/artifacts/x"),
    ("GET", "/v1/models"),
]


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic a2V5", "Bearer", "key-one", "Bearer \xe9"])
async def test_without_a_key_it_is_401(make_service, method, path, header):
    service = make_service(api_keys=("key-one", "key-two"))
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    answer = await service.http.request(method, path, headers=headers)
    assert_problem(answer, 401, "unauthorized", "Authorization")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["Bearer key-one", "bearer key-two"])
async def test_any_key_opens(make_service, header):
    service = make_service(api_keys=("key-one", "key-two"))
    assert (await service.post({"Authorization": header})).status_code == 202
    assert (await service.http.get("/v1/models", headers={"Authorization": header})).status_code == 200


async def test_the_body_of_a_stranger_is_not_read(make_service):
    service = make_service(api_keys=("key",))

    async def body():
        raise AssertionError("it was read")
        yield b""

    answer = await service.http.post(
        "/generate", content=body(), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 401


async def test_two_keys_do_not_share_idempotency(make_service):
    service = make_service(api_keys=("a", "b"))
    answers = [
        await service.post({"Authorization": f"Bearer {key}", "Idempotency-Key": "k"}) for key in ("a", "b")
    ]
    assert answers[0].json()["id"] != answers[1].json()["id"]


async def test_health_is_open_and_keys_are_nowhere(make_service, caplog):
    caplog.set_level("DEBUG")
    service = make_service(api_keys=("key-one",))
    await service.post({"Authorization": "Bearer key-one"})
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"):
        assert "key-one" not in (await service.http.get(path)).text
    assert "key-one" not in caplog.text
    assert all("key-one" not in str(getattr(record, "fields", "")) for record in caplog.records)


@pytest.mark.parametrize("path", ["/nope", "/jobs/x/nope", "/generate/", "/docs/x.js", "/v1/models/nope/x"])
async def test_an_unknown_route_is_a_problem(service, path):
    answer = await service.http.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("method", "path"), [("GET", "/generate"), ("PUT", "/jobs/x"), ("POST", "/healthz")])
async def test_a_wrong_method_is_405_with_the_right_ones(service, method, path):
    answer = await service.http.request(method, path)
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"]


async def test_a_request_id_is_kept_if_it_is_plain(service):
    kept = await service.http.get("/healthz", headers={"X-Request-Id": "abc-1"})
    assert kept.headers["x-request-id"] == "abc-1"
    drawn = await service.http.get("/healthz", headers={"X-Request-Id": "a b\t<script>"})
    assert drawn.headers["x-request-id"].startswith("req_")


async def test_the_unforeseen_is_a_500_that_tells_nothing(service, monkeypatch, caplog):
    async def broken(*_args, **_kwargs):
        raise RuntimeError("secret prompt")

    monkeypatch.setattr(Queue, "enqueue", broken)
    answer = await service.post()
    assert_problem(answer, 500, "internal_error")
    assert "secret" not in answer.text + caplog.text
    (record,) = [record for record in caplog.records if record.message == "http.failed"]
    assert record.fields["request"] == answer.headers["x-request-id"]
    assert record.fields["kind"] == "RuntimeError"
    assert "secret" not in str(record.fields)


async def test_a_fault_of_ours_with_a_name_tells_no_more(service, monkeypatch, caplog):
    async def broken(*_args, **_kwargs):
        raise CheckpointInvalid("/srv/models/secret lacks a tensor")

    monkeypatch.setattr(Queue, "get", broken)
    answer = await service.http.get("/jobs/job_c3069653158e_01AA/events")
    assert_problem(answer, 500, "internal_error")
    assert "secret" not in answer.text
    assert [record.message for record in caplog.records].count("http.failed") == 1


async def test_without_redis_it_is_503(tmp_path, registry):
    client = connect(f"unix://{tmp_path}/nobody.sock")
    store = DirectoryStore(tmp_path)
    app = create_app(Settings(home=tmp_path), queue=Queue(client), store=store, registry=registry)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://muscgen") as http:
        answers = [
            await http.post("/generate", json={"prompt": "a"}),
            await http.get("/jobs"),
            await http.post("/jobs/job_c3069653158e_01AA/cancel"),
        ]
        for answer in answers:
            assert_problem(answer, 503, "queue_unavailable")
            assert int(answer.headers["retry-after"]) >= 1
        ready = await http.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "failed")
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/metrics")).status_code == 200
        # Whether keys were made, and the models are not for everybody, only Redis knows.
        assert_problem(await http.get("/v1/models"), 503, "queue_unavailable")
    app = create_app(
        Settings(home=tmp_path, api_keys=("k",)), queue=Queue(client), store=store, registry=registry
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://muscgen") as http:
        answer = await http.get("/v1/models", headers={"Authorization": "Bearer k"})
        assert answer.status_code == 200
    await client.aclose()


async def test_readiness_goes_from_starting_to_ready_to_degraded(service):
    async def look():
        answer = await service.http.get("/readyz")
        return answer.status_code, answer.json()["status"], answer.json()["why"]

    why = [f"no worker serves {MODEL}"]
    assert await look() == (503, "starting", why)
    await service.queue.heartbeat("w1", [MODEL], slots=4, free=4)
    assert await look() == (200, "ready", [])
    await service.queue.goodbye("w1", [MODEL])
    assert await look() == (200, "degraded", why)


async def test_starting_ends_even_if_nobody_comes(service):
    now = 0.0
    readiness = Readiness(service.queue, service.store, lambda: [MODEL], clock=lambda: now)
    assert (await readiness.report()).status == "starting"
    now = START_GRACE_S
    assert (await readiness.report()).status == "degraded"


async def test_a_model_that_the_settings_name_and_nobody_has_is_told(service):
    readiness = Readiness(service.queue, service.store, lambda: [MODEL], wanted=(MODEL, "ours"))
    await service.queue.heartbeat("w1", [MODEL], slots=4, free=4)
    report = await readiness.report()
    assert (report.http_status, report.status) == (200, "degraded")
    assert report.why == ["ours is not here, and no worker has it"]
    await service.queue.heartbeat("w2", ["ours"], slots=4, free=4)
    assert (await readiness.report()).status == "ready"


async def test_a_full_disk_is_told_as_such(service, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    await service.queue.heartbeat("w1", [MODEL], slots=4, free=4)
    monkeypatch.setattr("muscgen.artifacts.directory.tempfile.TemporaryFile", full)
    answer = (await service.http.get("/readyz")).json()
    assert (answer["status"], answer["store"]) == ("degraded", False)
    assert answer["why"] == ["no space is left for files"]


async def test_a_store_that_is_away_degrades_the_service_until_it_is_back(service):
    now, ready = 0.0, threading.Event()

    class Store:
        asked = 0

        def check(self):
            self.asked += 1
            if self.asked == 2:
                raise StoreUnavailable("the store of files does not answer")
            if self.asked == 3:
                ready.wait(30)

    store = Store()
    await service.queue.heartbeat("w1", [MODEL], slots=4, free=4)
    readiness = Readiness(service.queue, store, lambda: [MODEL], clock=lambda: now)
    for now, status in (  # noqa: B007  the clock's
        (0.0, "ready"), (4.0, "ready"), (5.0, "degraded"), (9.0, "degraded"), (10.0, "degraded"),
    ):  # fmt: skip
        assert (await readiness.report()).status == status
    ready.set()
    await asyncio.sleep(0.1)
    assert (await readiness.report()).status == "ready"
    assert store.asked == 3


async def test_a_queued_job_has_an_eta_when_a_worker_is_there(service):
    await service.queue.heartbeat("w1", [MODEL], slots=4, free=4, audio_s_per_s=2.0)
    job = await service.job()
    assert job["queue"]["eta_seconds"] > 0


async def test_models_say_what_can_be_asked_of_them(service):
    listed = (await service.http.get("/v1/models")).json()
    model = (await service.http.get(f"/v1/models/{MODEL}")).json()
    assert model in listed["data"]
    assert listed["default"] == MODEL
    assert (model["limits"]["max_duration"], model["limits"]["window"]) == (600.0, 30.0)
    assert model["parameters"]["properties"]["duration"]["maximum"] == 600.0
    assert model["parameters"]["properties"]["mode"]["enum"] == ["text", "unconditional", "continuation"]
    assert model["parameters"]["$defs"]["SamplingWish"]["properties"]["top_k"]["default"] == 250
    assert "path" not in model
    assert_problem(await service.http.get("/v1/models/a/b"), 404, "model_not_found", "model")


async def test_metrics_count_by_route_and_never_by_id(service):
    job = await service.job()
    await service.http.get(job["urls"]["self"])
    text = (await service.http.get("/metrics")).text
    assert 'route="/jobs/{job_id}"' in text
    assert job["id"] not in text
    assert f'muscgen_queue_depth{{model="{MODEL}",priority="normal"}} 1.0' in text
    assert f'muscgen_queue_oldest_seconds{{model="{MODEL}",priority="batch"}} 0.0' in text
    assert "muscgen_jobs_accepted_total" in text


async def test_every_reference_of_the_schema_leads_somewhere(service):
    schema = (await service.http.get("/openapi.json")).json()
    known = {f"#/components/schemas/{name}" for name in schema["components"]["schemas"]}
    assert set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(schema))) <= known
    assert {"/generate", "/jobs/{job_id}/events", "/artifacts/{artifact_id}"} <= set(schema["paths"])


async def test_the_docs_load_nothing_from_elsewhere(service):
    page = await service.http.get("/docs")
    assert "script-src 'self';" in page.headers["content-security-policy"]
    assert "http" not in page.text
    assert not re.search(r"<script(?! src)", page.text)
    for link in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert (await service.http.get(f"/{link}")).status_code == 200


def test_the_api_loads_no_engine():
    code = (
        "import sys, muscgen.api; "
        "print(sorted({'onnx', 'onnxruntime', 'torch', 'transformers', 'soundfile'} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
