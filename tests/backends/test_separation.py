"""Drums and bass are left out where Demucs is there, and the listener is told where it is not."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from muscgen.audio import Audio
from muscgen.backends import separation
from muscgen.backends.separation import MIXED, without_rhythm

SOURCES = ["drums", "bass", "other", "vocals"]


def sound(channels=2, rate=44_100):
    samples = np.random.default_rng(3).standard_normal((channels, rate // 2)).astype(np.float32)
    return Audio(samples, rate)


@pytest.fixture
def demucs(monkeypatch):
    """Demucs' names, with stems that are the mix times 1, 2, 4 and 8."""
    seen = SimpleNamespace(mixes=[], models=[], fault=None)
    model = SimpleNamespace(samplerate=44_100, audio_channels=2, sources=SOURCES, eval=lambda: None)

    def apply_model(model, mix, *, device, progress, shifts):
        assert (device, progress, shifts) == ("cpu", False, 0)
        seen.mixes.append(mix)
        gains = torch.tensor([1.0, 2.0, 4.0, 8.0])
        return mix[:, None] * gains[None, :, None, None]

    def get_model(name):
        seen.models.append(name)
        if seen.fault:
            raise seen.fault
        return model

    for name, members in {
        "demucs": {},
        "demucs.apply": {"apply_model": apply_model},
        "demucs.pretrained": {"get_model": get_model},
    }.items():
        module = ModuleType(name)
        module.__spec__ = ModuleSpec(name, None)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
    separation._model.cache_clear()
    yield seen
    separation._model.cache_clear()


def test_without_demucs_the_mix_is_taken_and_said_so(monkeypatch):
    monkeypatch.setattr(separation, "find_spec", lambda name: None)  # noqa: ARG005
    mix = sound()
    kept, warning = without_rhythm(mix)
    assert kept is mix
    assert warning == MIXED


def test_where_demucs_cannot_be_loaded_the_mix_is_taken_and_the_reason_said(demucs):
    demucs.fault = OSError("no network")
    mix = sound()
    kept, warning = without_rhythm(mix)
    assert kept is mix
    assert warning is not None
    assert "whole mix" in warning
    assert "no network" in warning
    demucs.fault = None
    assert without_rhythm(mix)[1] is None


def test_vocals_and_the_rest_are_kept(demucs):
    mix = sound()
    kept, warning = without_rhythm(mix)
    assert warning is None
    np.testing.assert_allclose(kept.samples, 12 * mix.samples, rtol=1e-6)
    assert demucs.models == ["htdemucs"]


def test_one_channel_becomes_both_of_demucs(demucs):
    mix = sound(channels=1)
    kept, _ = without_rhythm(mix)
    assert demucs.mixes[0].shape == (1, 2, mix.samples.shape[1])
    np.testing.assert_array_equal(kept.samples[0], kept.samples[1])


def test_more_channels_than_demucs_has_are_mixed(demucs):
    mix = sound(channels=6)
    kept, _ = without_rhythm(mix)
    assert demucs.mixes[0].shape == (1, 2, mix.samples.shape[1])
    np.testing.assert_allclose(kept.samples[0], 12 * mix.samples.mean(axis=0), rtol=1e-4, atol=1e-5)


def test_other_rates_are_brought_to_that_of_demucs(demucs):
    kept, _ = without_rhythm(sound(rate=32_000))
    assert kept.sample_rate == 44_100
    assert kept.duration_s == pytest.approx(0.5, abs=1e-3)


def test_the_model_is_loaded_once(demucs):
    for _ in range(3):
        without_rhythm(sound())
    assert demucs.models == ["htdemucs"]
