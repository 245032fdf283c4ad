"""Models come and go under a running service; what operators have workers do with them."""

from __future__ import annotations

import shutil

import httpx
import pytest
from tiny import MUSCGEN_TINY

from muscgen.api import create_app, lookout
from muscgen.jobs import Coming
from muscgen.jobs.apikeys import SCOPES, ApiKeys
from muscgen.models.registry import Registry
from muscgen.models.terms import shipped
from muscgen.rights import Acceptances, licensed

from .conftest import MODEL, assert_problem

SMALL = "facebook/musicgen-small"


def accept(home, model=SMALL):
    terms = licensed(shipped()[model])
    Acceptances(home / "licences" / "accepted.jsonl").add(model, terms.license, terms.text, person="Ada")


def put(home, model):
    folder = shutil.copytree(MUSCGEN_TINY, home / "models" / model.replace("/", "--"))
    card = (folder / "card.toml").read_text("utf-8").replace('"muscgen-tiny"', f'"{model}"')
    (folder / "card.toml").write_text(card, "utf-8")
    return folder


@pytest.fixture
def here(tmp_path, service, monkeypatch):
    """A service over the models of its home."""
    monkeypatch.setattr(lookout, "LOOK_S", 0.0)
    settings, registry = service.app.state.house.settings, Registry(tmp_path / "models")
    app = create_app(settings, queue=service.queue, store=service.store, registry=registry)
    service.http._transport = httpx.ASGITransport(app)
    return service


@pytest.fixture
async def operator(service):
    stored = ApiKeys(service.queue.redis, service.queue.prefix)
    _, text = await stored.create("ops", scopes=SCOPES)
    service.http.headers["Authorization"] = f"Bearer {text}"
    yield service.http
    names = [name async for name in service.queue.redis.scan_iter(f"{service.queue.prefix}:*")]
    await service.queue.redis.delete(*names)


async def live(service, model, holds):
    await service.queue.heartbeat("w1", [model], slots=0, free=0, holds=holds)


async def state(service, model):
    return (await service.http.get(f"/v1/models/{model}")).json()["state"]


async def test_the_list_tells_what_is_here_and_what_is_known_beside_it(service):
    listed = (await service.http.get("/v1/models")).json()
    assert [(model["id"], model["state"]) for model in listed["data"]] == [(MODEL, "here")]
    assert {model["state"] for model in listed["known"]} == {"absent"}
    assert SMALL in {model["id"] for model in listed["known"]}


async def test_a_model_s_state_is_told_in_one_word(service):
    assert await state(service, SMALL) == "absent"
    await live(service, SMALL, "absent")
    assert await state(service, SMALL) == "on_use"
    await service.queue.announce(SMALL, Coming("w1", "fetching", 5, 10))
    shown = (await service.http.get(f"/v1/models/{SMALL}")).json()
    assert (shown["state"], shown["coming"]["done"], shown["workers"][0]["id"]) == ("fetching", 5, "w1")
    await service.queue.arrived(SMALL)
    await live(service, SMALL, "loaded")
    assert await state(service, SMALL) == "loaded"


async def test_a_model_that_comes_and_goes_is_noticed(here, tmp_path):
    folder = put(tmp_path, "ours/second")
    assert (await here.post(model="ours/second")).status_code == 202
    assert "ours/second" in (await here.http.get("/readyz")).json()["models"]
    shutil.rmtree(folder)
    assert_problem(await here.post(model="ours/second"), 422, "unknown_model", "model")


async def test_a_default_model_whose_folder_goes_is_told_by_readyz(here, tmp_path):
    folder = put(tmp_path, "ours/second")
    settings = here.app.state.house.settings.model_copy(update={"default_model": "ours/second"})
    app = create_app(settings, queue=here.queue, store=here.store, registry=Registry(tmp_path / "models"))
    await here.queue.heartbeat("w1", [MODEL, "ours/second"], slots=4, free=4)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://muscgen") as http:
        assert (await http.get("/readyz")).json()["status"] == "ready"
        shutil.rmtree(folder)
        await here.queue.goodbye("w1", ["ours/second"])
        told = (await http.get("/readyz")).json()
    assert (told["status"], told["why"]) == (
        "degraded",
        ["ours/second is not here, and no worker has it"],
    )


async def test_a_job_for_a_model_that_is_not_here_says_what_to_do_or_waits_for_it(service, tmp_path):
    refused = assert_problem(await service.post(model=SMALL), 403, "licence_refused", "model")
    assert f"muscgen models accept {SMALL}" in refused["suggestion"]
    accept(tmp_path)
    refused = assert_problem(await service.post(model=SMALL), 409, "model_not_fetched", "model")
    assert f"POST /v1/models/{SMALL}/pull" in refused["suggestion"]
    await live(service, SMALL, "absent")
    job = await service.job(model=SMALL)
    assert (job["status"], job["model"]["license"]) == ("queued", "CC-BY-NC-4.0")
    await service.queue.announce(SMALL, Coming("w1", "fetching"))
    told = (await service.http.get(f"/jobs/{job['id']}")).json()
    assert (told["status"], told["progress"]["stage"]) == ("loading", "fetching")


async def test_a_mode_that_it_will_not_have_is_refused_before_it_is_here(service, tmp_path):
    accept(tmp_path)
    await live(service, SMALL, "absent")
    wish = {"mode": "melody", "conditioning": {"melody": {"artifact_id": "0" * 64}}}
    assert_problem(await service.post(model=SMALL, **wish), 422, "invalid_request", "mode")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"/v1/models/{MODEL}/pull"),
        ("POST", f"/v1/models/{MODEL}/load"),
        ("POST", f"/v1/models/{MODEL}/unload"),
        ("DELETE", f"/v1/models/{MODEL}"),
        ("GET", "/admin/model-tasks"),
    ],
)
async def test_only_operators_have_things_done_with_models(service, method, path):
    assert_problem(await service.http.request(method, path), 403, "forbidden", "Authorization")


async def test_a_pull_is_a_task_that_can_be_followed(service, operator, tmp_path):
    path = f"/v1/models/{SMALL}/pull"
    assert_problem(await operator.post(path), 403, "licence_refused", "model")
    accept(tmp_path)
    assert_problem(await operator.post(path), 503, "no_worker")
    await service.queue.beat("w1", "disk")
    made = await operator.post(path, json={"revision": "main"})
    assert made.status_code == 202
    task = made.json()
    assert made.headers["location"] == task["url"] == f"/admin/model-tasks/{task['id']}"
    assert (task["kind"], task["model"], task["state"]) == ("pull", SMALL, "queued")
    assert (await operator.post(path, json={"revision": "main"})).json()["id"] == task["id"]

    claim = await service.queue.take_task("w1", "disk")
    assert (claim.model, claim.wish) == (SMALL, {"revision": "main"})
    await service.queue.report_task(claim, {"stage": "fetching", "bytes_done": 3, "bytes_total": 4})
    told = (await operator.get(task["url"])).json()
    assert (told["state"], told["fraction"], told["parts"][0]["worker"]) == ("running", 0.75, "w1")
    await service.queue.end_task(claim, "succeeded")
    told = (await operator.get(task["url"])).json()
    assert (told["state"], told["fraction"], told["error"]) == ("succeeded", 1.0, None)
    assert [one["id"] for one in (await operator.get("/admin/model-tasks")).json()["tasks"]] == [task["id"]]


async def test_a_model_that_a_manifest_speaks_of_is_left_to_the_workers_who_read_it(service, operator):
    settings = service.app.state.house.settings.model_copy(update={"models_from": "https://host/models"})
    registry = Registry(settings.models_path)
    app = create_app(settings, queue=service.queue, store=service.store, registry=registry)
    service.http._transport = httpx.ASGITransport(app)
    await service.queue.beat("w1", "disk")
    assert (await operator.post("/v1/models/ours/unknown/pull")).status_code == 202
    assert_problem(await operator.post(f"/v1/models/{SMALL}/pull"), 403, "licence_refused", "model")


async def test_a_task_that_failed_tells_why_as_a_problem(service, operator):
    await service.queue.beat("w1", "disk")
    task = (await operator.post(f"/v1/models/{MODEL}/load")).json()
    claim = await service.queue.take_task("w1", "disk")
    error = {
        "code": "source_refused",
        "detail": "gated",
        "param": None,
        "suggestion": "HF_TOKEN",
        "retryable": False,
    }
    await service.queue.end_task(claim, "failed", error)
    told = (await operator.get(task["url"])).json()
    assert (told["state"], told["error"]["code"]) == ("failed", "source_refused")
    assert told["error"]["suggestion"] == "HF_TOKEN"


async def test_a_task_can_be_cancelled(service, operator):
    await service.queue.beat("w1", "disk")
    task = (await operator.post(f"/v1/models/{MODEL}/unload")).json()
    cancelled = await operator.post(f"{task['url']}/cancel")
    assert cancelled.json()["cancel_requested"]
    assert await service.queue.take_task("w1", "disk") is None
    assert (await operator.get(task["url"])).json()["state"] == "cancelled"
    assert_problem(await operator.get("/admin/model-tasks/none"), 404, "not_found", "id")


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "param"),
    [
        ("ours/unknown/pull", {}, 404, "model_not_found", "license"),
        ("ours/unknown/pull", {"license": "Nice-1.0"}, 403, "licence_refused", "model"),
        (f"{SMALL}/pull", {"license": "MIT"}, 422, "invalid_request", "license"),
        (f"{SMALL}/pull", {"from": "http://10.0.0.1/"}, 422, "invalid_request", "from"),
        (f"{SMALL}/pull", {"revision": ""}, 422, "invalid_request", "revision"),
        ("a--b/pull", {}, 422, "invalid_request", "model"),
        ("ours/unknown/load", None, 404, "model_not_found", "model"),
        (f"{SMALL}/load", None, 403, "licence_refused", "model"),
        ("ours/unknown/unload", None, 404, "model_not_found", "model"),
    ],
)
async def test_what_makes_no_sense_is_refused_at_once(service, operator, path, body, status, code, param):
    assert_problem(await operator.post(f"/v1/models/{path}", json=body), status, code, param)


async def test_a_wish_that_is_no_json_or_has_an_unknown_field_is_told_as_that(operator):
    path, json = f"/v1/models/{SMALL}/pull", {"Content-Type": "application/json"}
    broken = await operator.post(path, content=b"{", headers=json)
    assert_problem(broken, 400, "malformed_body", None)
    assert broken.json()["detail"].startswith("the body is not JSON: ")
    unknown = (await operator.post(path, json={"revison": "v2"})).json()
    assert (unknown["detail"], unknown["param"]) == ("revison is no field of this request", "revison")


async def test_a_model_is_not_removed_under_jobs_and_the_shipped_one_never(service, operator, tmp_path):
    assert_problem(await operator.delete(f"/v1/models/{MODEL}"), 422, "invalid_request", "model")
    assert_problem(await operator.delete("/v1/models/ours/unknown"), 404, "model_not_found", "model")
    await service.queue.beat("w1", "disk")
    assert (await operator.delete(f"/v1/models/{SMALL}")).status_code == 202
    accept(tmp_path)
    await live(service, SMALL, "here")
    await service.job(model=SMALL)
    assert_problem(await operator.delete(f"/v1/models/{SMALL}"), 409, "model_in_use", "model")
