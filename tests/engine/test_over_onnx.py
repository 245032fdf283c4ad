"""The engine over the backend that serves: independent songs, and the songs that transformers makes."""

import numpy as np
import pytest
from songs import LIMIT_S, made, running, song
from tiny import MUSCGEN_TINY, oracle, random_checkpoint

from muscgen.backends.onnx import OnnxBackend

FRAMES = 200
PROMPT = "sad violin over strings in D minor, slow"
CROWD = [
    song(1, "techno", 0.6),
    song(2, PROMPT, 1.1, top_k=250),
    song(3, PROMPT, 0.31, guidance_scale=1.0),
    song(4, "lofi hip hop", 0.9, negative_prompt="drums"),
    song(5, "harp", 1.4, top_p=0.9, temperature=0.8),
    song(6, "marimba", 0.5, top_k=1),
]


@pytest.fixture(scope="module")
def random_path(tmp_path_factory):
    return random_checkpoint(tmp_path_factory.mktemp("models") / "engine-random", seed=4)


@pytest.fixture(scope="module")
def stereo_path(tmp_path_factory):
    return random_checkpoint(tmp_path_factory.mktemp("models") / "engine-stereo", seed=5, stereo=True)


@pytest.fixture(scope="module", params=["builtin", "random", "stereo"])
def path(request, random_path, stereo_path):
    return {"builtin": MUSCGEN_TINY, "random": random_path, "stereo": stereo_path}[request.param]


def load(path, precision="fp32", rows=8):
    return OnnxBackend.load(path, precision=precision, rows=rows, threads=1)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_song_does_not_depend_on_its_neighbours(path, precision, rng):
    backend = load(path, precision)
    with running(backend) as engine:
        alone = [made(engine, each).codes for each in CROWD]
    with running(backend) as engine:
        order = rng.permutation(len(CROWD))
        handles = {at: engine.submit(CROWD[at]) for at in order}
        engine.submit(song(99, "cancelled soon")).cancel()
        for at, handle in handles.items():
            assert np.array_equal(handle.result(LIMIT_S).codes, alone[at])
    backend.close()


def test_sound_in_chunks_is_the_sound_of_the_whole(path):
    backend = load(path, rows=2)
    with running(backend) as engine:
        song_made = made(engine, song(duration_s=2.3456))
    whole = backend.open_codec().push(song_made.codes, last=True)
    samples = round(2.3456 * backend.shape.sample_rate)
    assert song_made.audio.samples.shape == (backend.shape.channels, samples)
    assert np.abs(song_made.audio.samples - whole[:, :samples]).max() < 1e-4
    backend.close()


@pytest.mark.oracle
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_greedy_codes_are_those_of_transformers(random_path, scale):
    backend = load(random_path, rows=2)
    with running(backend) as engine:
        ours = made(engine, song(prompt=PROMPT, duration_s=FRAMES / 50, top_k=1, guidance_scale=scale))
    assert np.array_equal(ours.codes, greedy_codes(random_path, backend, scale))
    backend.close()


def greedy_codes(path, backend, scale):
    """transformers' codes [K, F], undelayed by the model itself: what it hands to its codec."""
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
            do_sample=False,
            guidance_scale=scale,
            max_new_tokens=FRAMES + max(backend.shape.delays),
        )
    return heard["codes"].numpy().reshape(-1, FRAMES)
