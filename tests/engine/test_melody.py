"""Melody models: their logits and songs are those of transformers, and the melody is heard."""

import numpy as np
import pytest
from songs import LIMIT_S, made, running, sampling
from tiny import MELODY_FRAMES, oracle, random_checkpoint

from muscgen.backends.onnx import OnnxBackend
from muscgen.backends.torch import TorchBackend
from muscgen.engine import Song
from muscgen.request import LongForm, Section

PROMPT = "sad violin over strings in D minor, slow"
FRAMES = 40


@pytest.fixture(scope="module", params=["mono", "stereo"])
def path(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / f"melody-{request.param}"
    return random_checkpoint(folder, seed=8, stereo=request.param == "stereo", melody=True)


@pytest.fixture(scope="module")
def judge(path):
    return oracle(path)


@pytest.fixture(scope="module")
def loaded(path, tmp_path_factory):
    """name -> backend, loaded once."""
    cache = tmp_path_factory.mktemp("sessions")
    backends = {
        "onnx": OnnxBackend.load(path, precision="fp32", rows=8, threads=1, cache_dir=cache),
        "onnx-int8": OnnxBackend.load(path, precision="int8", rows=8, threads=1, cache_dir=cache),
        "torch": TorchBackend.load(path, precision="fp32", rows=8, device="cpu", threads=1),
    }
    yield backends
    for backend in backends.values():
        backend.close()


@pytest.fixture(params=["onnx", "onnx-int8", "torch"])
def any_backend(request, loaded):
    return loaded[request.param]


@pytest.fixture(params=["onnx", "torch"])
def backend(request, loaded):
    """In float32, as the oracle is."""
    return loaded[request.param]


@pytest.fixture(params=["onnx", "onnx-int8"])
def exact(request, loaded):
    """Whose songs are the same bit for bit; torch promises no bits."""
    return loaded[request.param]


def chroma(seed):
    return np.eye(12, dtype=np.float32)[np.random.default_rng(seed).integers(0, 12, MELODY_FRAMES)]


def tune(
    prompt=PROMPT, melody=None, duration_s=FRAMES / 50, *, negative=None, long=None, sections=(), **knobs
):
    """A song to a melody."""
    return Song(prompt, negative, duration_s, 5, sampling(**knobs), 0, long, sections, melody)


@pytest.mark.oracle
@pytest.mark.parametrize("melody", [None, chroma(1)], ids=["no melody", "melody"])
def test_the_logits_are_those_of_transformers(backend, judge, rng, melody):
    import torch

    codebooks = backend.shape.codebooks
    tokens = rng.integers(0, 2048, (9, codebooks), dtype=np.int32)
    tokens[0] = backend.shape.special
    lead = backend.open_row(0, backend.encode_text(PROMPT), melody)
    ours = [
        backend.step(tokens[max(at, 0)][None], np.array([at], np.int32))[0]
        for at in range(-lead, len(tokens))
    ][lead:]
    ids = torch.tensor([backend._prompts.ids(PROMPT)])
    with torch.no_grad():
        theirs = judge(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            input_features=None if melody is None else torch.from_numpy(melody)[None],
            decoder_input_ids=torch.from_numpy(tokens.T.astype(np.int64)),
        ).logits
    theirs = theirs.numpy()[:, -len(tokens) :].transpose(1, 0, 2)
    assert np.abs(np.stack(ours) - theirs).max() / np.abs(theirs).max() < 1e-5


@pytest.mark.oracle
@pytest.mark.parametrize("scale", [1.0, 3.0])
@pytest.mark.parametrize("melody", [None, chroma(1)], ids=["no melody", "melody"])
def test_greedy_songs_are_those_of_transformers(backend, path, scale, melody):
    with running(backend) as engine:
        ours = made(engine, tune(melody=melody, top_k=1, guidance_scale=scale))
    assert np.array_equal(ours.codes, greedy_codes(path, backend, scale, melody))


def greedy_codes(path, backend, scale, melody):
    import torch

    model, heard = oracle(path), []
    decode = model.audio_encoder.decode

    def listen(audio_codes, *arguments, **named):
        heard.append(audio_codes)
        return decode(audio_codes, *arguments, **named)

    model.audio_encoder.decode = listen
    ids = torch.tensor([backend._prompts.ids(PROMPT)])
    features = {} if melody is None else {"input_features": torch.from_numpy(melody)[None]}
    with torch.no_grad():
        model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            guidance_scale=scale,
            max_new_tokens=FRAMES + max(backend.shape.delays),
            **features,
        )
    channels = backend.shape.channels
    codes = np.zeros((backend.shape.codebooks, FRAMES), np.int64)
    for channel, part in enumerate(heard):
        codes[channel::channels] = part.numpy().reshape(-1, FRAMES)
    return codes


def different(engine, *songs):
    codes = [made(engine, each).codes for each in songs]
    return all((one != two).any() for at, one in enumerate(codes) for two in codes[at + 1 :])


def test_melody_and_text_change_the_song(any_backend):
    with running(any_backend) as engine:
        assert different(
            engine,
            tune(melody=chroma(1)),
            tune(melody=chroma(2)),
            tune(),
            tune("techno", chroma(1)),
            tune(None, chroma(1)),
            tune(melody=chroma(1), negative="drums and bass"),
        )


CROWD = [
    tune(melody=chroma(1), top_k=250),
    tune("techno", chroma(2), 0.5),
    tune("harp", None, 0.9, guidance_scale=1.0),
    tune(None, chroma(3), 0.6, negative="a longer text than the prompt is, with drums"),
]


def test_a_song_does_not_depend_on_its_neighbours(exact):
    with running(exact) as engine:
        alone = [made(engine, each).codes for each in CROWD]
        handles = [engine.submit(each) for each in reversed(CROWD)]
        engine.submit(tune("cancelled soon", chroma(4))).cancel()
        together = [handle.result(LIMIT_S).codes for handle in reversed(handles)]
    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one, other)


SECTIONS = (Section(prompt="harp", duration_s=1.0), Section(prompt="techno and drums", duration_s=1.0))


@pytest.mark.parametrize("long", [None, LongForm(window_s=0.6, stride_s=0.36)], ids=["whole", "long"])
def test_sections_begin_a_window_and_the_song_resumes_in_any(exact, long):
    song = tune(None, chroma(1), 2.0, sections=SECTIONS, long=long)
    plain = tune("harp", chroma(1), 2.0, long=long)
    with running(exact) as engine:
        whole, harp = made(engine, song), made(engine, plain)
        assert np.array_equal(whole.codes[:, :47], harp.codes[:, :47])  # the last ones see no more of it
        assert (whole.codes[:, 50:] != harp.codes[:, 50:]).any()
        for cut in (1, 49, 50, 51, 77):
            resumed = engine.submit(song, whole.codes[:, :cut]).result(LIMIT_S)
            assert np.array_equal(resumed.codes, whole.codes)


def test_progress_counts_the_lead(any_backend):
    with running(any_backend) as engine:
        handle = engine.submit(tune(melody=chroma(1)))
        song = handle.result(LIMIT_S)
    words = len(any_backend._prompts.ids(PROMPT))
    assert song.steps == MELODY_FRAMES + words + FRAMES + 3 == handle.progress.steps_total


def test_a_row_may_not_change_its_text(any_backend):
    any_backend.open_row(0, None, chroma(1))
    with pytest.raises(ValueError, match="open the row anew"):
        any_backend.set_text(0, any_backend.encode_text("harp"))


@pytest.mark.parametrize("shape", [(MELODY_FRAMES - 1, 12), (MELODY_FRAMES, 11)])
def test_a_melody_of_another_shape_is_a_callers_mistake(any_backend, shape):
    with pytest.raises(ValueError, match="a melody is"):
        any_backend.open_row(0, None, np.zeros(shape, np.float32))
