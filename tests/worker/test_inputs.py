"""Sound that a request brings, on its way into the engine: tiny real models, real files."""

from __future__ import annotations

import asyncio
import io
import threading

import numpy as np
import pytest
import soundfile
from bench import idle, song
from tiny import random_checkpoint

from muscgen.audio import Audio
from muscgen.backends.chroma import melody_of
from muscgen.backends.onnx import OnnxBackend
from muscgen.backends.separation import MIXED
from muscgen.errors import InvalidRequest, UnreadableAudio
from muscgen.intake import fitted
from muscgen.jobs import State
from muscgen.worker import run
from muscgen.worker.inputs import NOTHING, listen

RATE = 32_000
OUTPUT = {"normalize": {"strategy": "none"}}
CONSENT = {"input_audio_consent": {"basis": "own"}}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """One that goes on from clips, and one that hears melodies."""
    folder = tmp_path_factory.mktemp("models")
    paths = [random_checkpoint(folder / "hears"), random_checkpoint(folder / "melody", melody=True)]
    loaded = [OnnxBackend.load(path, precision="fp32", rows=8, threads=1) for path in paths]
    yield dict(zip(("prompt_audio", "melody"), loaded, strict=True))
    for backend in loaded:
        backend.close()


@pytest.fixture
def keep(bench):
    """Puts sound into the store; its id."""

    def put(samples, rate=RATE, content=None):
        if content is None:
            file = io.BytesIO()
            soundfile.write(file, samples.T, rate, format="WAV", subtype="FLOAT")
            content = file.getvalue()
        kind = {"content_type": "audio/wav", "extension": "wav", "sample_rate": rate, "channels": 1}
        return bench.store.put(content, owner="upload", duration_s=1.0, **kind).id

    return put


def tone(hz, seconds=2.0, rate=RATE, channels=1):
    line = 0.4 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)
    return np.stack([line] * channels).astype(np.float32)


def scale(seconds):
    """A note a quarter of a second, up and up."""
    return np.concatenate([tone(220 * 2 ** (i / 12), 0.25) for i in range(round(seconds * 4))], axis=1)


def wish(role, artifact_id, **clip):
    start, end = clip.pop("start", 0.0), clip.pop("end", 1.0)
    part = {"artifact_id": artifact_id, "start": start, "end": end} | clip
    mode = "melody" if role == "melody" else "continuation"
    return {"mode": mode, "conditioning": {role: part}, "rights": CONSENT, "output": OUTPUT, "duration": 1.6}


def request(role, artifact_id, **clip):
    return song(**wish(role, artifact_id, **clip))


def test_a_song_of_words_hears_nothing(bench, models):
    assert listen(song(), models["melody"], bench.store.open) is NOTHING


def test_a_clip_becomes_the_codes_of_its_whole_frames(bench, models, keep):
    backend, samples = models["prompt_audio"], scale(2.0)
    heard = listen(request("prompt_audio", keep(samples), start=0.5, end=1.513), backend, bench.store.open)
    np.testing.assert_array_equal(heard.codes, backend.encode_audio(samples[:, 16_000:48_000]))
    assert (heard.codes.shape[1], heard.heard_from_s, heard.melody) == (50, 0.0, None)


def test_without_the_clip_the_song_is_heard_from_its_end(bench, models, keep):
    asked = request("prompt_audio", keep(scale(2.0)), end=1.013, include=False)
    heard = listen(asked, models["prompt_audio"], bench.store.open)
    assert heard.heard_from_s == 1.0
    assert heard.song(asked, 0).unheard_samples(models["prompt_audio"].shape) == RATE


def test_a_melody_becomes_chroma_and_says_that_it_was_not_separated(bench, models, keep):
    backend, samples = models["melody"], scale(4.0)
    heard = listen(request("melody", keep(samples), start=1.0, end=1.5), backend, bench.store.open)
    expected = melody_of(
        Audio(np.ascontiguousarray(samples[:, RATE : RATE + 16_000]), RATE), backend.shape.melody
    )
    np.testing.assert_array_equal(heard.melody, expected)
    assert heard.warnings == (MIXED,)


def test_more_melody_than_the_model_holds_is_cut_with_a_warning(bench, models, keep):
    backend = models["melody"]
    shape = backend.shape.melody
    most_s = shape.frames * shape.hop / shape.sample_rate
    kept = keep(scale(most_s + 3))
    long = listen(request("melody", kept, end=most_s + 2), backend, bench.store.open)
    whole = listen(request("melody", kept, end=most_s), backend, bench.store.open)
    np.testing.assert_array_equal(long.melody, whole.melody)
    assert "after that is not heard" in long.warnings[0]
    assert whole.warnings == (MIXED,)


def test_another_sound_is_another_input(bench, models, keep):
    for role, field in (("melody", "melody"), ("prompt_audio", "codes")):
        first, second = (
            getattr(listen(request(role, keep(sound)), models[role], bench.store.open), field)
            for sound in (scale(2.0), scale(2.0)[:, ::-1])
        )
        assert (first != second).any()


@pytest.mark.parametrize(("channels", "wanted"), [(1, 1), (2, 2), (1, 2), (2, 1), (5, 1), (5, 2)])
def test_channels_are_mixed_and_spread(channels, wanted):
    fit = fitted(Audio(tone(440, channels=channels), RATE), RATE, wanted)
    np.testing.assert_allclose(fit, tone(440, channels=wanted), atol=1e-6)


def test_a_tone_keeps_its_pitch_and_what_the_model_cannot_hear_vanishes():
    fit = fitted(Audio(tone(440, rate=48_000), 48_000), RATE, 1)
    assert fit.shape == (1, 2 * RATE)
    np.testing.assert_allclose(fit[:, 2_000:-2_000], tone(440)[:, 2_000:-2_000], atol=1e-3)
    assert np.abs(fitted(Audio(tone(20_000, rate=48_000), 48_000), RATE, 1)[:, 2_000:-2_000]).max() < 1e-3


@pytest.mark.parametrize("role", ["melody", "prompt_audio"])
def test_what_cannot_be_heard_names_the_field(bench, models, keep, role):
    with pytest.raises(UnreadableAudio) as caught:
        listen(request(role, keep(None, content=b"no sound")), models[role], bench.store.open)
    assert caught.value.param == f"conditioning.{role}"
    with pytest.raises(InvalidRequest) as caught:
        listen(request(role, "0" * 64), models[role], bench.store.open)
    assert caught.value.param == f"conditioning.{role}.artifact_id"


def test_a_model_without_melody_refuses_one(bench, models, keep):
    with pytest.raises(InvalidRequest, match="hears no melody"):
        listen(request("melody", keep(scale(1.0))), models["prompt_audio"], bench.store.open)


@pytest.mark.parametrize(("include", "seconds"), [(True, 1.6), (False, 0.6)])
async def test_a_job_goes_on_from_a_clip(bench, models, keep, include, seconds):
    bench.organ = models["prompt_audio"]
    job_id = await bench.ask(**wish("prompt_audio", keep(scale(2.0)), include=include))
    async with bench.worker():
        job = await bench.ended(job_id)
    assert job.state is State.SUCCEEDED, job.error
    assert job.result["outputs"][0]["artifact"]["duration"] == seconds


async def test_a_jobs_outputs_share_what_is_heard_once_and_its_warnings(bench, models, keep, monkeypatch):
    bench.organ, calls = models["melody"], []

    def counted(*arguments, **_):
        calls.append(threading.current_thread())
        return listen(*arguments)

    monkeypatch.setattr(run, "listen", counted)
    job_id = await bench.ask(**wish("melody", keep(scale(2.0)), end=0.9), n=2)
    async with bench.worker():
        job = await bench.ended(job_id)
    assert job.state is State.SUCCEEDED, job.error
    assert len(job.result["outputs"]) == 2
    assert job.result["warnings"].count(MIXED) == 1
    assert len(calls) == 1
    assert calls[0] is not threading.main_thread()


async def test_a_file_that_is_gone_ends_the_job_with_the_fields_name(bench, models):
    bench.organ = models["prompt_audio"]
    job_id = await bench.ask(**wish("prompt_audio", "0" * 64))
    async with bench.worker():
        job = await bench.ended(job_id)
    assert (job.state, job.attempts) == (State.FAILED, 1)
    assert job.error["param"] == "conditioning.prompt_audio.artifact_id"


async def test_jobs_that_listen_take_no_more_places_than_there_are(bench, keep, monkeypatch):
    heard = threading.Event()

    def patient(*_, **__):
        heard.wait(60)
        return NOTHING

    monkeypatch.setattr(run, "listen", patient)
    job_ids = [await bench.ask(**wish("melody", "0" * 64), n=2) for _ in range(3)]
    async with bench.worker() as worker:  # of 4 slots
        async with asyncio.timeout(60):
            while worker.running < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)  # long enough for a claim too many
        assert worker.running == 2
        heard.set()
        jobs = [await bench.ended(job_id) for job_id in job_ids]
    assert [job.state for job in jobs] == [State.SUCCEEDED] * 3


@pytest.mark.parametrize("role", ["melody", "prompt_audio"])
async def test_a_job_is_cancelled_while_its_sound_is_prepared(bench, keep, monkeypatch, role):
    hearing, heard = threading.Event(), threading.Event()

    def patient(*_, **__):
        hearing.set()
        heard.wait(60)
        return NOTHING

    monkeypatch.setattr(run, "listen", patient)
    job_id = await bench.ask(**wish(role, keep(scale(1.0))))
    try:
        async with bench.worker() as worker:
            await asyncio.to_thread(hearing.wait, 60)
            await bench.queue.cancel(job_id)
            assert (await bench.ended(job_id, limit_s=40)).state is State.CANCELLED
            await idle(worker)
            assert (await bench.ended(await bench.ask())).state is State.SUCCEEDED
    finally:
        heard.set()


async def test_a_job_whose_sound_is_prepared_is_handed_back_by_a_worker_that_leaves(bench, keep, monkeypatch):
    hearing, heard = threading.Event(), threading.Event()

    def patient(*arguments, **more):
        hearing.set()
        heard.wait(60)
        return listen(*arguments, **more)

    monkeypatch.setattr(run, "listen", patient)
    job_id = await bench.ask(**wish("prompt_audio", keep(scale(1.0))))
    try:
        async with bench.worker(drain_s=0.1) as worker:
            await asyncio.to_thread(hearing.wait, 60)
            worker.drain()
            await idle(worker)
        assert (await bench.queue.get(job_id)).state is State.QUEUED
    finally:
        heard.set()
