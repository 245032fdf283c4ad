"""What clients are told of a model's rights."""

from __future__ import annotations

import shutil

import httpx
from tiny import MUSCGEN_TINY

from muscgen.api import create_app
from muscgen.models.registry import Registry
from muscgen.rights import Acceptances, licensed

SMALL = "facebook/musicgen-small"


async def test_the_service_says_of_each_model_whether_it_may_be_used(make_service):
    [model] = (await make_service().http.get("/v1/models")).json()["data"]
    assert (model["rights"]["policy"], model["rights"]["usable"]) == ("allow", True)


async def test_a_request_for_a_use_that_the_licence_forbids_is_answered_403(
    tmp_path, make_service, monkeypatch
):
    folder = shutil.copytree(MUSCGEN_TINY, tmp_path / "models" / "small")
    card = (folder / "card.toml").read_text("utf-8").replace('"muscgen-tiny"', f'"{SMALL}"')
    (folder / "card.toml").write_text(card.replace("Apache-2.0", "CC-BY-NC-4.0"), "utf-8")
    service = make_service()
    object.__setattr__(service.app.state.house, "registry", Registry(tmp_path / "models"))
    refused = await service.post(model=SMALL)
    assert (refused.status_code, refused.json()["code"]) == (403, "licence_refused")
    card = licensed(Registry(tmp_path / "models").get(SMALL))
    Acceptances(tmp_path / "licences" / "accepted.jsonl").add(SMALL, card.license, card.text, person="Ada")
    assert (await service.post(model=SMALL)).status_code == 202
    refused = await service.post(model=SMALL, rights={"intended_use": "commercial"})
    assert refused.json()["param"] == "rights.intended_use"
    assert "muscgen-tiny" in refused.json()["suggestion"]


async def test_a_job_repeats_what_was_noticed_of_its_words(service):
    job = await service.job(prompt="a theme like Hans Zimmer")
    assert "'Hans Zimmer'" in job["warnings"][0]
    again = await service.http.post("/generate", json=job["request"])
    assert again.json()["request"] == job["request"]


async def test_a_service_may_refuse_and_rewrite_names(make_service):
    refused = await make_service(prompt_policy="reject").post(prompt="like Hans Zimmer")
    assert (refused.status_code, refused.json()["code"]) == (422, "prompt_refused")
    assert refused.json()["param"] == "prompt"
    job = await make_service(prompt_policy="rewrite").job(prompt="like Hans Zimmer")
    assert job["request"]["prompt"] == "like epic film music with ostinato strings and low brass"


async def test_readiness_waits_for_no_worker_of_a_model_that_may_not_be_used(tmp_path, make_service):
    folder = shutil.copytree(MUSCGEN_TINY, tmp_path / "models" / "small")
    card = (folder / "card.toml").read_text("utf-8").replace('"muscgen-tiny"', f'"{SMALL}"')
    (folder / "card.toml").write_text(card.replace("Apache-2.0", "CC-BY-NC-4.0"), "utf-8")
    service = make_service()
    settings = service.app.state.house.settings
    app = create_app(
        settings, queue=service.queue, store=service.store, registry=Registry(settings.models_path)
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://muscgen") as http:
        assert list((await http.get("/readyz")).json()["models"]) == ["muscgen-tiny"]
