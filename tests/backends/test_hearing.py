"""Sound to codes, judged by transformers' EnCodec."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from muscgen.backends.hearing import WINDOW_FRAMES, reach
from muscgen.backends.onnx import OnnxBackend
from muscgen.errors import CheckpointInvalid, InvalidRequest
from muscgen.models.checkpoint import Checkpoint

HOP = 640


def sound(rng, backend, samples):
    return (0.3 * rng.standard_normal((backend.shape.channels, samples))).astype(np.float32)


def theirs(oracle, backend, samples):
    """transformers' codes [K, F], each channel encoded on its own."""
    import torch

    codebooks, channels = backend.shape.codebooks, backend.shape.channels
    codes = np.zeros((codebooks, -(-samples.shape[1] // HOP)), np.int64)
    with torch.no_grad():
        for channel, line in enumerate(samples):
            encoded = oracle.audio_encoder.encode(torch.from_numpy(line)[None, None])
            codes[channel::channels] = encoded.audio_codes[0, 0, : codebooks // channels].numpy()
    return codes


@pytest.mark.oracle
@pytest.mark.parametrize(
    "samples", [7 * HOP, 7 * HOP + 1, 11 * HOP - 1, 40_000, (WINDOW_FRAMES + 3) * HOP, 140 * HOP + 77]
)
def test_the_codes_are_those_of_transformers(any_backend, any_oracle, rng, samples):
    clip = sound(rng, any_backend, samples)
    ours = any_backend.encode_audio(clip)
    expected = theirs(any_oracle, any_backend, clip)
    assert ours.shape == expected.shape
    assert ours.dtype == np.int32
    # A vector half-way between two codes may fall to either side, and takes what follows from it along.
    assert (ours == expected).mean() > 0.99


def test_windows_agree_with_the_whole(any_backend, rng, monkeypatch):
    clip = sound(rng, any_backend, 150 * HOP + 13)
    in_windows = any_backend.encode_audio(clip)
    monkeypatch.setattr("muscgen.backends.hearing.WINDOW_FRAMES", 1_000)
    assert (any_backend.encode_audio(clip) == in_windows).mean() > 0.99


def test_other_sound_has_other_codes(any_backend, rng):
    one, two = (any_backend.encode_audio(sound(rng, any_backend, 20 * HOP)) for _ in range(2))
    assert (one != two).any()


def test_left_and_right_are_heard_on_their_own(loaded, stereo_path, rng):
    for kind in ("onnx", "torch"):
        backend = loaded(kind, "fp32", stereo_path)
        clip = sound(rng, backend, 20 * HOP)
        codes, swapped = backend.encode_audio(clip), backend.encode_audio(clip[::-1].copy())
        np.testing.assert_array_equal(codes[::2], swapped[1::2])


@pytest.mark.parametrize("samples", [0, 1, HOP, 7 * HOP - 1])
def test_a_clip_that_cannot_be_mirrored_is_refused(any_backend, samples):
    silence = np.zeros((any_backend.shape.channels, samples), np.float32)
    with pytest.raises(InvalidRequest, match=r"0\.14 s or more") as caught:
        any_backend.encode_audio(silence)
    assert caught.value.param == "conditioning.prompt_audio"


def test_other_channels_are_a_callers_mistake(any_backend):
    with pytest.raises(ValueError, match="channels"):
        any_backend.encode_audio(np.zeros((3, 10 * HOP), np.float32))


def test_the_reach_covers_what_a_frame_depends_on(random_path):
    assert reach(Checkpoint(random_path).config.codec) == 2


def without(path, target, unwanted):
    shutil.copytree(path, target)
    tensors = load_file(target / "model.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if not unwanted(name)}
    save_file(kept, target / "model.safetensors", metadata={"format": "pt"})
    return target


def test_a_checkpoint_without_encoder_makes_songs_and_is_deaf(random_path, tmp_path):
    path = without(random_path, tmp_path / "deaf", lambda name: name.startswith("audio_encoder.encoder."))
    backend = OnnxBackend.load(path, precision="fp32", rows=2)
    try:
        assert not backend.shape.hears
        with pytest.raises(InvalidRequest, match="no encoder"):
            backend.encode_audio(np.zeros((1, 20 * HOP), np.float32))
    finally:
        backend.close()


def test_half_an_encoder_is_refused_by_name(random_path, tmp_path):
    name = "audio_encoder.encoder.layers.0.conv.bias"
    path = without(random_path, tmp_path / "half", lambda found: found == name)
    with pytest.raises(CheckpointInvalid, match=name.replace(".", r"\.")):
        Checkpoint(path)
