"""Songs that go on from a clip."""

import numpy as np
import pytest
from songs import LIMIT_S, made, running, song
from tiny import oracle, random_checkpoint
from tiny_numpy import NumpyBackend

from muscgen.audio import join
from muscgen.backends.onnx import OnnxBackend
from muscgen.backends.torch import TorchBackend
from muscgen.engine import Song
from muscgen.request import LongForm

CLIP_FRAMES = 30
PROMPT = "sad violin over strings in D minor, slow"


def clip_codes(seed, codebooks=4, frames=CLIP_FRAMES, vocabulary=32):
    return np.random.default_rng(seed).integers(0, vocabulary, (codebooks, frames), dtype=np.int32)


def unheard(whole: Song, seconds: float) -> Song:
    return Song(**{name: getattr(whole, name) for name in Song.__slots__} | {"heard_from_s": seconds})


@pytest.fixture(scope="module")
def random_path(tmp_path_factory):
    return random_checkpoint(tmp_path_factory.mktemp("models") / "continued", seed=4)


@pytest.fixture(scope="module", params=["onnx", "torch"])
def backend(request, random_path):
    if request.param == "onnx":
        loaded = OnnxBackend.load(random_path, precision="fp32", rows=2, threads=1)
    else:
        loaded = TorchBackend.load(random_path, precision="fp32", rows=2, device="cpu", threads=1)
    yield loaded
    loaded.close()


@pytest.mark.oracle
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_greedy_continuation_is_that_of_transformers(backend, random_path, scale, rng):
    frames = 80
    clip = (0.3 * rng.standard_normal((1, CLIP_FRAMES * 640))).astype(np.float32)
    theirs = continued_by_transformers(random_path, clip, scale, frames)
    with running(backend) as engine:
        ours = engine.submit(
            song(prompt=PROMPT, duration_s=frames / 50, top_k=1, guidance_scale=scale),
            backend.encode_audio(clip),
        ).result(LIMIT_S)
    assert np.array_equal(ours.codes, theirs[:, :frames])


def continued_by_transformers(path, clip, scale, frames):
    import torch
    from tokenizers import Tokenizer

    model = oracle(path)
    ids = torch.tensor([Tokenizer.from_file(str(path / "tokenizer.json")).encode(PROMPT).ids])
    heard = {}
    decode = model.audio_encoder.decode

    def listen(audio_codes, *arguments, **named):
        heard["codes"] = audio_codes
        return decode(audio_codes, *arguments, **named)

    model.audio_encoder.decode = listen
    with torch.no_grad():
        model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            input_values=torch.from_numpy(clip)[None],
            padding_mask=torch.ones(1, clip.shape[1], dtype=torch.int64),
            do_sample=False,
            guidance_scale=scale,
            max_new_tokens=frames - CLIP_FRAMES + 3,
        )
    return heard["codes"].numpy().reshape(4, -1)


def test_the_clip_opens_the_song():
    clip = clip_codes(1)
    with running(NumpyBackend()) as engine:
        whole = engine.submit(song(duration_s=1.5), clip).result(LIMIT_S)
    assert np.array_equal(whole.codes[:, :CLIP_FRAMES], clip)


def test_another_clip_gives_another_song():
    with running(NumpyBackend()) as engine:
        one, two = (engine.submit(song(duration_s=1.5), clip_codes(seed)).result(LIMIT_S) for seed in (1, 2))
    assert (one.codes[:, CLIP_FRAMES:] != two.codes[:, CLIP_FRAMES:]).any()


@pytest.mark.parametrize("seconds", [0.01, 0.6, 0.61234, 1.49])
def test_what_is_not_to_be_heard_is_cut_off_to_the_sample(seconds):
    whole_song = song(duration_s=1.5)
    with running(NumpyBackend(), chunk_s=0.1) as engine:
        whole = engine.submit(whole_song, clip_codes(1)).result(LIMIT_S)
        handle = engine.submit(unheard(whole_song, seconds), clip_codes(1))
        rest = handle.result(LIMIT_S)
    start = round(seconds * whole.audio.sample_rate)
    assert np.array_equal(rest.audio.samples, whole.audio.samples[:, start:])
    assert np.array_equal(join(list(handle.chunks())).samples, rest.audio.samples)
    assert np.array_equal(rest.codes, whole.codes)


def test_something_is_always_heard():
    with running(NumpyBackend()) as engine:
        assert made(engine, unheard(song(duration_s=0.4), 9.0)).audio.samples.shape[1] == 1


@pytest.mark.parametrize("cut", [CLIP_FRAMES, CLIP_FRAMES + 1, 100])
def test_a_continued_song_resumes_bit_for_bit(cut):
    long = LongForm(window_s=1.2, stride_s=0.8)
    whole_song = unheard(song(duration_s=2.5, long_form=long), 0.6)
    with running(NumpyBackend()) as engine:
        whole = engine.submit(whole_song, clip_codes(1)).result(LIMIT_S)
        resumed = engine.submit(whole_song, whole.codes[:, :cut]).result(LIMIT_S)
    assert np.array_equal(resumed.codes, whole.codes)
    assert np.array_equal(resumed.audio.samples, whole.audio.samples)
