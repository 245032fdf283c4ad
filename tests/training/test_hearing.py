"""An encoder that is to hear foreign sound: the data's own of known codes, and sound that was changed."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import soundfile
import torch

from muscgen.errors import InvalidRequest
from muscgen.models.checkpoint import Checkpoint
from muscgen.training import sounds
from muscgen.training.codec_config import Hearing
from muscgen.training.codec_loop import plan
from muscgen.training.codec_windows import Source
from muscgen.training.config import Optimiser
from muscgen.training.hearing import changed, changes
from training.sets import card, prepared
from training.test_codec import config, run
from training.test_learning import without_sound
from training.test_training import lines, weights

pytestmark = pytest.mark.timeout(300)
RATE = 32_000
ALWAYS = {"share": 1.0, "gain_db": (0, 0), "tilt_db": 0, "lowpass_share": 0, "noise_db": (-120, -120)}


def tone(hz, seconds=1.0):
    return torch.sin(2 * torch.pi * hz * torch.arange(int(RATE * seconds)) / RATE)[None] * 0.1


def heard(sound, seed=1, **more):
    by = changes(Hearing(**ALWAYS | more), np.zeros(len(sound), int), np.random.default_rng(seed))
    return changed(sound, by, RATE)


def db(found, was):
    return float(20 * torch.log10(found.pow(2).mean().sqrt() / was.pow(2).mean().sqrt()))


def test_level_colour_and_cut_are_what_was_drawn():
    sound = tone(4_000)
    assert db(heard(sound, gain_db=(-9, -9)), sound) == pytest.approx(-9, abs=0.01)
    cut = {"lowpass_share": 1, "lowpass_hz": (1_000, 1_000)}
    assert db(heard(sound, **cut), sound) == pytest.approx(-48, abs=0.5)  # two octaves of 24 dB
    assert db(heard(tone(200), **cut), tone(200)) == pytest.approx(0, abs=0.1)
    tilted = [db(heard(sound, seed, tilt_db=3), sound) for seed in range(20)]
    assert -6 <= min(tilted) < 0 < max(tilted) <= 6  # two octaves above the pivot
    assert db(heard(tone(1_000), tilt_db=12), tone(1_000)) == pytest.approx(0, abs=0.01)


def test_noise_is_as_loud_as_was_drawn_and_the_same_for_a_seed():
    sound = tone(440)
    torch.manual_seed(3)
    noisy = heard(sound, noise_db=(-20, -20))
    assert db(noisy - sound, sound) == pytest.approx(-20, abs=0.2)
    torch.manual_seed(3)
    assert torch.equal(noisy, heard(sound, noise_db=(-20, -20)))


def test_nothing_moves_in_time():
    click = torch.zeros(1, 6_400)
    click[0, 3_000] = 1
    for seed in range(5):
        found = heard(click, seed, tilt_db=6, lowpass_share=1, lowpass_hz=(2_000, 9_000))
        assert int(found.argmax()) == 3_000


def test_as_many_windows_are_changed_as_asked_and_channels_alike():
    hearing = Hearing(share=0.5, gain_db=(3, 3))
    rows = np.tile(np.arange(1_000), 2)
    found = changes(hearing, rows, np.random.default_rng(0))
    assert np.mean(found.gain_db == 3) == pytest.approx(0.5, abs=0.05)
    assert np.array_equal(found.tilt_db[:1_000], found.tilt_db[1_000:])
    left = found.gain_db == 0
    assert np.isinf(found.lowpass_hz[left]).all()
    assert np.isneginf(found.noise_db[left]).all()
    assert np.isfinite(found.lowpass_hz[~left]).mean() == pytest.approx(0.3, abs=0.07)


def pairs_of(data, base):
    planned = plan(config(data, data.parent / "never", base, rendered=0.5), card(base))
    clips = [clip for one in planned.data for clip in one.clips["train"]]
    return sounds.pairs(clips, planned.tracks["train"], 640), clips


def test_a_windows_sound_is_that_of_its_codes(base, data):
    pairs, clips = pairs_of(data, base)
    assert len(pairs) == len(clips) == 7
    pair = pairs[2]
    whole_codes = pair.clip.codes()
    whole, rate = soundfile.read(pair.sound._content(), dtype="float32", always_2d=True)
    assert rate == RATE
    starts = set()
    for seed in range(20):
        codes, sound = pair.window(10, np.random.default_rng(seed))
        assert (codes.shape, sound.shape) == ((4, 10), (1, 6_400))
        [start] = [
            n for n in range(whole_codes.shape[1] - 9)
            if np.array_equal(whole[n * 640 : n * 640 + 6_400, 0], sound[0])
        ]  # fmt: skip
        assert np.array_equal(codes, whole_codes[:, start : start + 10])
        starts.add(start)
    assert len(starts) > 3


def test_a_clip_that_is_shorter_than_a_window_is_repeated_with_its_sound(base, data):
    pairs, _ = pairs_of(data, base)
    there = pairs[0].clip.codes().shape[1]
    codes, sound = pairs[0].window(there + 7, np.random.default_rng(0))
    assert np.array_equal(codes[:, there:], codes[:, :7])
    assert np.array_equal(sound[:, there * 640 :], sound[:, : 7 * 640])


def test_of_a_stereo_set_each_channel_has_its_own_codes_and_sound(tmp_path):
    from tiny import random_checkpoint

    stereo = random_checkpoint(tmp_path / "stereo", seed=12, stereo=True)
    folder = prepared(tmp_path, stereo, clips=3)
    wanted = config(folder, tmp_path / "out", stereo, rendered=0.5, optimiser=Optimiser(batch=4))
    planned = plan(wanted, card(stereo))
    source = Source(wanted, Checkpoint(stereo).config, planned.data[0].clips, planned.tracks)
    windows = source.train(0, 0)
    assert (windows.codes.shape, windows.sound.shape) == ((8, 4, 20), (4, 12_800))
    assert run(wanted, stereo)["loss"] > 0


def test_what_is_rendered_is_learnt_and_judged(tmp_path, base, data):
    wanted = config(
        data, tmp_path / "ears", base, steps=40, rendered=1.0, exchange=0.0,
        optimiser=Optimiser(batch=4, learning_rate=3e-3, warmup_steps=5, weight_decay=0.0),
    )  # fmt: skip
    figures = run(wanted, base)
    log = lines(tmp_path / "ears")
    assert np.mean([line["near"] for line in log[-5:]]) < 0.8 * np.mean([line["near"] for line in log[:5]])
    assert {"valid_right", "valid_rendered", "valid_rendered_right", "right"} <= set(figures)
    assert [line["step"] for line in log if "right" in line] == [1, 11, 21, 31, 40]


def test_as_many_windows_are_rendered_as_asked_where_a_batch_is_small(base, data):
    def counts(rendered, batch):
        wanted = config(
            data, data.parent / "never", base, rendered=rendered, optimiser=Optimiser(batch=batch)
        )
        planned = plan(wanted, card(base))
        source = Source(wanted, Checkpoint(base).config, planned.data[0].clips, planned.tracks)
        found = [source.train(step, 0).sound for step in range(60)]
        return [0 if sound is None else len(sound) for sound in found]

    few = counts(0.1, 4)
    assert set(few) == {0, 1}
    assert np.mean(few) == pytest.approx(0.4, abs=0.15)
    assert counts(0.1, 4) == few
    assert set(counts(0.5, 2)) == {1}


def test_a_run_in_two_parts_with_all_of_it_is_the_run_in_one(tmp_path, base, data):
    more = {
        "rendered": 0.5, "hearing": Hearing(share=0.7), "steps": 4,
        "optimiser": Optimiser(batch=3, learning_rate=1e-3, warmup_steps=0, average=0.9),
    }  # fmt: skip
    run(config(data, tmp_path / "whole", base, **more), base)
    parts = config(data, tmp_path / "parts", base, **more)
    run(parts, base)
    shutil.rmtree(tmp_path / "parts" / "checkpoints" / "step-00000004")
    run(parts, base)
    assert lines(tmp_path / "parts") == lines(tmp_path / "whole")
    assert weights(tmp_path / "parts") == weights(tmp_path / "whole")


def test_rendered_sound_that_is_not_there_is_refused(tmp_path, base, data):
    silent = without_sound(shutil.copytree(data, tmp_path / "silent"))
    with pytest.raises(InvalidRequest, match="holds no sound"):
        plan(config(silent, tmp_path / "out", base, rendered=0.5), card(base))
    assert run(config(silent, tmp_path / "out", base, steps=1), base)["loss"] > 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"learn": "all", "rendered": 0.5}, "rendered is of pairs"),
        ({"learn": "decoder", "hearing": {"share": 0.5}}, "hearing is of pairs"),
        ({"hearing": {"gain_db": (6, -6)}}, "the lower end comes first"),
        ({"hearing": {"lowpass_hz": (0, 100)}}, r"hearing\.lowpass_hz"),
        ({"hearing": {"noise": 1}}, r"hearing\.noise"),
        ({"rendered": 1.5}, "rendered"),
    ],
)
def test_what_cannot_be_heard_is_refused_by_its_field(tmp_path, base, data, wrong, said):
    with pytest.raises(InvalidRequest, match=said):
        config(data, tmp_path / "out", base, **wrong)
