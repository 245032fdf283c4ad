"""muscgen.Client and muscgen.AsyncClient against a real service."""

from __future__ import annotations

import asyncio
import hashlib
import json

import numpy as np
import pytest
import soundfile

from muscgen import AsyncClient, Client
from muscgen.client.documents import QueuePlace
from muscgen.errors import (
    ArtifactNotFound,
    Cancelled,
    InvalidRequest,
    JobNotFinished,
    JobNotFound,
    Unauthorized,
    Unavailable,
)
from tests.service.services import serving

QUICK = {"duration": 0.5, "seed": 7}


@pytest.fixture
def client(service):
    with Client(service.url) as client:
        yield client


@pytest.fixture
async def aclient(service):
    async with AsyncClient(service.url) as client:
        yield client


def test_a_song_is_asked_for_waited_for_and_saved(client, tmp_path):
    job = client.generate("lofi hip hop", **QUICK)
    assert job.status == "succeeded"
    assert job.outputs[0].seed == 7
    path = job.save(tmp_path / "song.wav")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == job.outputs[0].artifact.sha256
    assert soundfile.info(path).duration == 0.5


@pytest.mark.parametrize("ending", ["flac", "mp3", "ogg", "opus"])
def test_a_song_is_saved_as_its_ending_says(client, tmp_path, ending):
    path = client.generate("lofi hip hop", **QUICK).save(tmp_path / f"song.{ending}")
    assert soundfile.info(path).duration == pytest.approx(0.5, abs=0.1)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_what_goes_with_a_song_is_fetched(client):
    job = client.generate("lofi hip hop", output={"format": "ogg"}, **QUICK)
    told = json.loads(job.receipt())["receipt"]
    assert told["artifact"]["sha256"] == job.outputs[0].artifact.sha256
    assert b"c2pa" in job.credentials()
    assert client.generate("lofi hip hop", **QUICK).credentials() is None  # they are in the file


async def test_and_awaited(aclient):
    job = await aclient.generate("lofi hip hop", output={"format": "ogg"}, **QUICK)
    assert json.loads(await job.receipt())["receipt"]["seed"] == 7
    assert b"c2pa" in await job.credentials()


def test_an_ending_that_is_no_format_is_refused_before_anything_is_fetched(client, tmp_path):
    job = client.generate("lofi hip hop", **QUICK)
    with pytest.raises(InvalidRequest, match="names no format"):
        job.save(tmp_path / "song.exe")
    with pytest.raises(InvalidRequest, match="no output 1"):
        job.save(tmp_path / "song.wav", output=1)


def test_a_refusal_is_the_error_that_it_is_in_the_service(client):
    with pytest.raises(InvalidRequest) as refused:
        client.submit("lofi", tempo=120)  # type: ignore[call-arg]
    assert refused.value.param == "tempo"
    assert any("request req_" in note for note in refused.value.__notes__)
    with pytest.raises(JobNotFound):
        client.job("job_0")


def test_a_number_that_is_none_is_refused_before_it_is_sent(client):
    with pytest.raises(InvalidRequest) as refused:
        client.submit("lofi", duration=float("nan"))
    assert refused.value.param == "duration"


def test_a_job_that_waits_says_so_in_words_until_it_has_begun(client):
    job = client.submit("lofi", cache="off", duration=1)
    while job.now.waiting:
        assert job.now.waiting.startswith(job.status)
        job.refresh(hold_s=1)
    assert job.status != "queued"
    place = {"position": 2, "eta_seconds": 40.2}
    waiting = job.now.model_copy(update={"status": "queued", "queue": QueuePlace.model_validate(place)})
    assert waiting.waiting == "queued, 2 before it, about 40 s"
    place["eta_seconds"] = 2_430
    waiting = waiting.model_copy(update={"queue": QueuePlace.model_validate(place)})
    assert waiting.waiting == "queued, 2 before it, about 40 min"


def test_a_job_is_followed_event_by_event(client):
    job = client.submit("lofi hip hop", cache="off", duration=1)
    kinds = [event.kind for event in job.events()]
    assert kinds[0] == "queued"
    assert {"started", "progress", "output"} <= set(kinds)
    assert kinds[-1] == "completed"
    assert job.refresh().status == "succeeded"


def test_a_song_is_heard_while_it_is_made(client):
    job = client.submit("techno", cache="off", duration=20)
    sound = job.stream()
    first = next(sound)
    assert first[:4] == b"RIFF"
    assert job.refresh().status == "running"
    assert len(first) + sum(map(len, sound)) == pytest.approx(2 * 32_000 * 20, rel=0.01)


def test_a_cancelled_job_says_so(client):
    job = client.submit("techno", cache="off", duration=300)
    job.cancel()
    with pytest.raises(Cancelled):
        job.wait()
    assert job.refresh().status == "cancelled"


def test_a_wait_ends_and_the_job_goes_on(client):
    job = client.submit("techno", cache="off", duration=300)
    with pytest.raises(JobNotFinished, match="after 0 s"):
        job.wait(0)
    assert job.refresh().status in ("queued", "running")
    job.cancel()


def test_a_deleted_job_and_its_file_are_gone(client, tmp_path):
    job = client.generate("lofi hip hop", cache="off", duration=0.5, seed=99)
    job.delete()
    with pytest.raises(JobNotFound):
        job.refresh()
    with pytest.raises(ArtifactNotFound):
        job.save(tmp_path / "song.wav")
    assert list(tmp_path.iterdir()) == []


def test_the_same_idempotency_key_is_the_same_job(client):
    jobs = [client.submit("lofi hip hop", idempotency_key="mine", **QUICK) for _ in range(2)]
    assert jobs[0].id == jobs[1].id


def test_a_sound_is_brought_and_gone_on_from(client, tmp_path):
    t = np.arange(32_000) / 32_000
    soundfile.write(tmp_path / "hum.flac", 0.3 * np.sin(2 * np.pi * 220 * t), 32_000)
    artifact = client.upload(tmp_path / "hum.flac")
    assert artifact.duration == 1.0
    job = client.generate(
        "march",
        mode="continuation",
        duration=1.5,
        conditioning={"prompt_audio": {"artifact_id": artifact.id}},
        rights={"input_audio_consent": {"basis": "own"}},
    )
    assert job.outputs[0].artifact.duration == 1.5


def test_all_jobs_are_listed_page_by_page(client):
    made = [client.submit("lofi hip hop", **QUICK).id for _ in range(3)]
    listed = [job.id for job in client.jobs(limit=2)]
    assert set(made) <= set(listed)
    assert len(listed) == len(set(listed))


def test_models_say_what_can_be_asked_for(client):
    assert {"muscgen-tiny"} <= {model["id"] for model in client.models()}


async def test_the_same_calls_can_be_awaited(aclient, tmp_path):
    job = await aclient.generate("lofi hip hop", **QUICK)
    path = await job.save(tmp_path / "song.mp3")
    assert soundfile.info(path).duration == pytest.approx(0.5, abs=0.1)
    other = await aclient.submit("techno", cache="off", duration=1)
    kinds = [event.kind async for event in other.events()]
    assert kinds[-1] == "completed"
    pieces = [piece async for piece in other.stream(format="mp3")]
    assert pieces
    soundfile.write(tmp_path / "hum.wav", np.zeros(3_200) + 0.1, 32_000)
    assert (await aclient.upload(tmp_path / "hum.wav")).duration == 0.1
    assert other.id in {job.id async for job in aclient.jobs()}
    await other.delete()
    with pytest.raises(JobNotFound):
        await aclient.job(other.id)


async def test_many_songs_are_made_at_once(aclient):
    jobs = await asyncio.gather(*(aclient.generate("lofi hip hop", duration=0.5, seed=s) for s in range(4)))
    assert [job.outputs[0].seed for job in jobs] == [0, 1, 2, 3]


def test_a_key_opens_a_closed_service(tmp_path):
    with serving(tmp_path / "closed", MUSCGEN_API_KEYS="correct-horse-battery-staple") as closed:
        with Client(closed.url) as stranger, pytest.raises(Unauthorized):
            stranger.models()
        with Client(closed.url, key="correct-horse-battery-staple") as friend:
            assert friend.generate("lofi hip hop", **QUICK).status == "succeeded"


def test_nobody_there_is_told_as_that():
    from muscgen.client.retries import Retries

    with Client("http://127.0.0.1:9", retries=Retries(most=1)) as client, pytest.raises(Unavailable):
        client.models()


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://there", "http://"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(InvalidRequest, match="no address"):
        Client(url)
