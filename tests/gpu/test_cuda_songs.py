"""Songs on a CUDA device: draws, company, resuming, short memory, several models. Skipped without one."""

from __future__ import annotations

import gc
import logging
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from tiny import MUSCGEN_TINY, random_checkpoint

from muscgen.backends.base import Songs
from muscgen.backends.torch import TorchBackend
from muscgen.backends.torch.sampler import Sampler
from muscgen.engine import Engine, Song
from muscgen.engine.sampling import draw, guide, knobs_of
from muscgen.errors import Cancelled
from muscgen.request import Sampling

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
LIMIT_S = 60.0
# Another number of rows rounds otherwise, and once in some thousand draws two codes' chances meet in that:
# then the rest of a song differs. So of several songs nearly all have to be the same.
MAY_DIFFER = 2
PROMPTS = "sad violin", "techno", "harp and marimba", None


def sampling(temperature, top_k, top_p, scale):
    return Sampling(temperature=temperature, top_k=top_k, top_p=top_p, guidance_scale=scale)


SONGS = [
    Song(PROMPTS[n % 4], "drums" if n == 5 else None, 1.0, n, sampling(1.0, 250, 0.9 * (n % 2), 1.0 + n % 3))
    for n in range(8)
]


def load(device="cuda", rows=8, path=MUSCGEN_TINY, precision="fp32"):
    return TorchBackend.load(path, precision=precision, rows=rows, device=device)


def codes_of(backend, songs, slots=4):
    """All at once: more than slots, so that some wait, come late, and move up."""
    engine = Engine(backend, slots=slots)
    try:
        return [made.result(LIMIT_S).codes for made in [engine.submit(song) for song in songs]]
    finally:
        engine.close()


def one_by_one(backend, songs=SONGS):
    return [codes_of(backend, [song], slots=1)[0] for song in songs]


def differing(ours, theirs):
    return sum(not np.array_equal(*pair) for pair in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("top_p", [0.0, 0.9])
@pytest.mark.parametrize("top_k", [0, 1, 250])
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_draws_are_those_of_the_engine(top_k, top_p, scale):
    dice = np.random.default_rng(5)
    samplings = [sampling(temperature, top_k, top_p, scale) for temperature in (0.3, 1.0, 2.0, 1.3)] * 16
    rows = np.arange(len(samplings))
    songs = Songs(2 * rows, 2 * rows + (scale > 1))
    logits = dice.normal(0, 3, (2 * len(samplings), 4, 2048)).astype(np.float32)
    knobs, uniforms = knobs_of(samplings, 2048), dice.random((len(samplings), 4))
    ours, sound = Sampler(torch.device("cuda"))(torch.from_numpy(logits).cuda(), songs, knobs, uniforms)
    theirs, _ = draw(guide(logits, songs.conditional, songs.null, knobs.scale), knobs, uniforms)
    assert sound.all()
    assert (ours != theirs).mean() < 0.01  # an exponential's last bit


def test_a_song_does_not_depend_on_its_neighbours():
    backend = load()
    assert differing(codes_of(backend, SONGS), one_by_one(backend)) <= MAY_DIFFER


def test_songs_are_those_of_the_cpu():
    assert differing(codes_of(load(), SONGS), codes_of(load("cpu"), SONGS)) <= MAY_DIFFER


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_a_song_is_the_same_song_twice_in_half_precision(precision):
    backend = load(precision=precision)
    assert differing(*(one_by_one(backend, SONGS[:3]) for _ in range(2))) == 0


def test_who_comes_late_and_who_is_cancelled_leaves_the_others_alone():
    backend = load()
    alone = one_by_one(backend)
    engine = Engine(backend, slots=3)
    first = [engine.submit(song) for song in SONGS[:3]]
    while engine.steps < 20:
        time.sleep(0.001)
    first[0].cancel()
    handles = [*first[1:], *(engine.submit(song) for song in SONGS[3:])]
    made = [handle.result(LIMIT_S).codes for handle in handles]
    with pytest.raises(Cancelled):
        first[0].result(LIMIT_S)
    engine.close()
    assert differing(made, alone[1:]) <= MAY_DIFFER


def test_sound_in_chunks_is_the_sound_of_the_whole():
    backend = load()
    engine = Engine(backend, slots=4, chunk_s=0.1)
    for made in [engine.submit(song) for song in SONGS]:
        song = made.result(LIMIT_S)
        whole = backend.open_codec().push(song.codes, last=True)[:, : song.audio.samples.shape[1]]
        np.testing.assert_allclose(song.audio.samples, whole, atol=1e-4, rtol=0)
    engine.close()


def test_an_interrupted_song_goes_on_as_it_would_have():
    backend = load()
    whole = one_by_one(backend)
    engine = Engine(backend, slots=4)
    resumed = [engine.submit(song, codes[:, :30]) for song, codes in zip(SONGS, whole, strict=True)]
    assert differing([handle.result(LIMIT_S).codes for handle in resumed], whole) <= MAY_DIFFER
    engine.close()


def test_what_is_heard_is_what_the_cpu_hears():
    sound = (0.3 * np.random.default_rng(2).standard_normal((1, 64_000))).astype(np.float32)
    assert (load().encode_audio(sound) == load("cpu").encode_audio(sound)).mean() > 0.99


def test_a_melody_model_sings_what_it_sings_on_the_cpu(tmp_path):
    path = random_checkpoint(tmp_path / "melody", seed=8, melody=True)
    melody = np.eye(12, dtype=np.float32)[np.arange(19) % 12]
    songs = [Song("harp", None, 0.6, seed, sampling(1.0, 50, 0.0, 3.0), melody=melody) for seed in range(6)]
    ours, theirs = (codes_of(load(device, path=path), songs) for device in ("cuda", "cpu"))
    assert differing(ours, theirs) <= MAY_DIFFER


def test_where_memory_is_short_there_are_fewer_rows_that_can_all_be_stepped(caplog):
    asked = 1 << 17  # some terabytes
    with caplog.at_level(logging.WARNING, "muscgen"):
        backend = load(rows=asked)
    assert 2 <= backend.rows < asked
    assert caplog.records[0].fields == {"asked": asked, "rows": backend.rows}
    tokens = np.zeros((backend.rows, 4), np.int32)
    assert np.isfinite(backend.step(tokens, np.zeros(backend.rows, np.int32))).all()
    backend.close()


def test_a_closed_backend_gives_its_memory_back():
    load().close()  # libraries keep what they work with
    gc.collect()
    before = torch.cuda.memory_allocated()
    backend = load(rows=64)
    one_by_one(backend, SONGS[:1])
    slab = backend._slab.keys.nbytes
    backend.close()
    gc.collect()
    assert torch.cuda.memory_allocated() - before < slab / 10


def test_two_models_capture_their_steps_at_the_same_time():
    backends = [load(), load()]
    with ThreadPoolExecutor(2) as threads:
        made = list(threads.map(lambda backend: codes_of(backend, SONGS), backends))
    assert differing(*made) <= MAY_DIFFER
