"""Equal requests share one song, each with its own job."""

from __future__ import annotations

import json
import time

import pytest

from muscgen.admission.sharing import write_owed
from muscgen.audit.chain import lines
from muscgen.audit.segments import segments

from .conftest import assert_problem

SAME = {"seed": 5}


def noted(service):
    """What the audit log says of songs."""
    path = service.app.state.house.settings.audit_path
    return [line.what for line in lines(segments(path)) if line.kind == "generate"]


async def test_an_equal_request_is_a_hit_with_the_same_file_and_its_own_expiry(service):
    first = await service.job(**SAME)
    artifact = await service.finish(await service.claim())
    answer = await service.post(**SAME, delivery={"ttl": 120})
    job = answer.json()
    assert answer.status_code == 200
    assert (job["status"], job["cache"], job["id"] != first["id"]) == ("succeeded", "hit", True)
    assert job["outputs"][0]["artifact"]["id"] == artifact
    assert job["outputs"][0]["artifact"]["url"] == f"/artifacts/{artifact}"
    heard = await service.http.get(job["urls"]["audio"])
    assert heard.status_code == 200
    assert heard.content == (await service.http.get(f"/artifacts/{artifact}")).content


async def test_every_job_that_gets_a_song_has_a_line_in_the_audit_log(service):
    first, second = await service.job(**SAME), await service.job(**SAME)
    artifact = await service.finish(await service.claim())
    third = (await service.post(**SAME)).json()
    again = await service.post({"Idempotency-Key": "once"}, **SAME)
    await service.post({"Idempotency-Key": "once"}, **SAME)  # the same job: it has its line
    found = noted(service)
    assert [(line["job"], line["how"], line["made_by"], line["artifacts"]) for line in found] == [
        (second["id"], "coalesced", first["id"], []),
        (third["id"], "hit", first["id"], [artifact]),
        (again.json()["id"], "hit", first["id"], [artifact]),
    ]
    assert {line["revision"] for line in found[1:]} == {"r"}
    assert "lo-fi" not in json.dumps(found)


async def test_a_job_whose_line_cannot_be_written_gets_no_song(service, tmp_path):
    first = await service.job(**SAME)
    await service.finish(await service.claim())
    (tmp_path / "audit").write_text("no folder")
    assert_problem(await service.post(**SAME), 503, "audit_unavailable")
    jobs = (await service.http.get("/jobs")).json()["jobs"]
    assert [job["id"] for job in jobs] == [first["id"]]


class Killed(BaseException):
    """The process is gone from here on."""


def killed(*_, **__):
    raise Killed


@pytest.mark.parametrize("dies_in", ["note_song", "settle"])
@pytest.mark.parametrize("how", ["hit", "coalesced"])
async def test_a_song_has_one_line_wherever_the_process_dies(service, monkeypatch, dies_in, how):
    first = await service.job(**SAME)
    if how == "hit":
        await service.finish(await service.claim())
    with monkeypatch.context() as patch:
        patch.setattr(f"muscgen.admission.sharing.{dies_in}", killed)
        with pytest.raises(Killed):
            await service.post(**SAME)
    audit = service.app.state.house.audit
    monkeypatch.setattr(audit, "_clock", lambda: time.time() + 60)  # whoever comes next comes a minute later
    assert await write_owed(audit, service.queue) == 0  # another process may still be about to write it
    assert await write_owed(audit, service.queue, late_s=0) == 1
    assert await write_owed(audit, service.queue, late_s=0) == 0
    jobs = (await service.http.get("/jobs")).json()["jobs"]
    (shared,) = {job["id"] for job in jobs} - {first["id"]}
    (line,) = noted(service)
    assert (line["job"], line["how"], line["made_by"]) == (shared, how, first["id"])
    assert len(line["artifacts"]) == (how == "hit")


async def test_what_is_owed_is_written_even_where_the_job_is_gone_meanwhile(service, monkeypatch):
    await service.job(**SAME)
    await service.finish(await service.claim())
    with monkeypatch.context() as patch:
        patch.setattr("muscgen.admission.sharing.note_song", killed)
        with pytest.raises(Killed):
            await service.post(**SAME)
    for job in (await service.http.get("/jobs")).json()["jobs"]:
        await service.http.delete(job["urls"]["self"])
    await write_owed(service.app.state.house.audit, service.queue, late_s=0)
    assert [line["how"] for line in noted(service)] == ["hit"]


async def test_two_equal_requests_share_the_making(service):
    first, second = await service.job(**SAME), await service.job(**SAME)
    assert second["cache"] == "coalesced"
    await service.finish(await service.claim())
    done = [(await service.http.get(f"/jobs/{job['id']}")).json() for job in (first, second)]
    assert [job["status"] for job in done] == ["succeeded", "succeeded"]
    assert done[0]["outputs"][0]["artifact"]["id"] == done[1]["outputs"][0]["artifact"]["id"]
    assert await service.queue.claim(["muscgen-tiny"], "w1", 1) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 6},
        {"prompt": "warmer lo-fi", "seed": 5},
        {"seed": 5, "duration": 5.0},
        {"seed": 5, "output": {"format": "mp3"}},
        {"seed": 5, "cache": "off"},
        {"seed": 5, "cache": "refresh"},
    ],
)
async def test_whatever_changes_the_song_or_asks_for_a_new_one_is_made(service, changes):
    await service.job(**SAME)
    await service.finish(await service.claim())
    assert (await service.job(**changes))["cache"] in {"miss", "off"}


async def test_what_does_not_change_the_song_is_served_from_the_cache(service):
    await service.job(**SAME)
    await service.finish(await service.claim())
    other = await service.post(**SAME, delivery={"priority": "batch"}, metadata={"title": "mine"})
    assert other.json()["cache"] == "hit"
    assert other.json()["request"]["metadata"] == {"title": "mine"}


async def test_a_refreshed_song_takes_the_place_of_the_old_one(service):
    await service.job(**SAME)
    await service.finish(await service.claim())
    await service.job(**SAME, cache="refresh")
    fresh = await service.finish(await service.claim(), b"RIFF" + b"new" * 99)
    assert (await service.post(**SAME)).json()["outputs"][0]["artifact"]["id"] == fresh


async def test_a_song_whose_file_has_gone_is_made_again(service):
    first = await service.job(**SAME)
    artifact = await service.finish(await service.claim())
    service.store.release(artifact, first["id"])
    assert (await service.job(**SAME))["cache"] == "miss"


async def test_a_deleted_job_takes_its_song_out_of_the_cache(service):
    first = await service.job(**SAME)
    artifact = await service.finish(await service.claim())
    await service.http.delete(f"/jobs/{first['id']}")
    assert (await service.http.get(f"/artifacts/{artifact}")).status_code == 404
    assert (await service.job(**SAME))["cache"] == "miss"


async def test_a_file_stays_for_another_job_that_shows_it(service):
    first = await service.job(**SAME)
    artifact = await service.finish(await service.claim())
    await service.post(**SAME)
    await service.http.delete(f"/jobs/{first['id']}")
    assert (await service.http.get(f"/artifacts/{artifact}")).status_code == 200


async def test_a_policy_nobody_knows_names_the_field(service):
    answer = await service.post(cache="always")
    assert (answer.status_code, answer.json()["param"]) == (422, "cache")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
async def test_a_file_goes_with_the_last_job_that_shows_it_and_not_before(service, order):
    jobs = [await service.job(**SAME), await service.job(**SAME)]
    artifact = await service.finish(await service.claim())
    jobs.append((await service.post(**SAME)).json())
    for number in order:
        assert (await service.http.get(f"/artifacts/{artifact}")).status_code == 200
        await service.http.delete(jobs[number]["urls"]["self"])
    assert (await service.http.get(f"/artifacts/{artifact}")).status_code == 404
    assert service.store.sweep(lambda _: True) == 0  # it went at once
