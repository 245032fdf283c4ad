"""How the recipe's encoder learns: what is stored for it, what it is asked, and what it becomes."""

import json

import numpy as np
import pytest
import torch

from training.recipe import front

pytestmark = pytest.mark.usefixtures("beside")


@pytest.fixture
def codec(shipped):
    return shipped.audio_encoder


@pytest.fixture
def songs():
    from tinysong.composer import compose

    return [compose(seed, 4).codes()[:, :160] for seed in range(4)]


@pytest.fixture
def held(songs, tmp_path):
    """Lessons from noise that no network can tell apart, so that what learns is what is tested."""
    from tinysong.features import Features, store
    from tinysong.lessons import Lessons
    from tinysong.scales import Teaching

    chances = np.random.default_rng(3)
    made = [(codes, chances.normal(size=(codes.shape[1], 510)).astype(np.float32)) for codes in songs]
    store(made, tmp_path / "set")
    size = Teaching(
        steps=5, batch=3, frames=20, windows=2, learning_rate=1e-3, composed=4, exchanged=2, warmup_steps=0
    )
    one = {"composed": Features(tmp_path / "set"), "exchanged": Features(tmp_path / "set")}
    return Lessons(one, {"composed": one["composed"]}, np.zeros((2, 40, 510), np.float32), size)


@torch.no_grad()
def test_the_shortcut_hears_what_the_front_hears_of_codes_and_of_sound(codec, songs):
    from tinysong.shortcut import Shortcut

    shortcut = Shortcut(codec)
    codes = torch.from_numpy(np.stack(songs[:2]).astype(np.int64))
    sound = codec.decode(codes[None], [None])[0]
    heard = front(codec.encoder, sound).transpose(1, 2)
    for found in (shortcut.of_codes(codes), torch.stack([shortcut.of_sound(one[0]) for one in sound])):
        assert (found - heard)[:, 3:-3].abs().max() < 0.2
        assert (found - heard)[:, 3:-3].std() < 0.01 * heard.std()


@torch.no_grad()
def test_what_a_listener_says_is_what_the_encoder_says_that_it_is_put_into(codec):
    from tinysong import ears
    from tinysong.listener import Listener

    listener = Listener(codec.encoder)
    for weight in listener.parameters():
        weight.add_(0.02 * torch.randn_like(weight))
    listener.put_into(codec.encoder)
    sound = 0.1 * torch.randn(1, 1, 640 * 30)
    heard = front(codec.encoder, sound).transpose(1, 2)
    said, wanted = codec.encoder(sound), listener(heard)[0].transpose(1, 2)
    assert said[:, :224].abs().max() == 0
    torch.testing.assert_close(said[:, 224:], ears.LENGTH / 3 * wanted, atol=1e-2, rtol=1e-3)


def test_whoever_says_every_name_is_right_in_every_code(codec, songs):
    from tinysong import ears
    from tinysong.listener import Listener

    listener = Listener(codec.encoder)
    codes = torch.from_numpy(np.stack(songs).astype(np.int64))
    said = torch.cat([ears.names(book)[codes[:, book]] / ears.LENGTH for book in range(4)], -1)
    assert listener.right(said, codes) == [1.0] * 4
    assert listener.loss(20 * said, codes) < 1e-3 < listener.loss(0 * said, codes)
    vectors = torch.cat([torch.zeros(*codes[:, 0].shape, 224), ears.LENGTH * said], -1)
    assert torch.equal(codec.quantizer.encode(vectors.transpose(1, 2), 2.2).transpose(0, 1), codes)


def test_windows_are_pieces_of_songs_with_what_was_heard_of_them(held, songs):
    features = held.train["composed"]
    heard, codes = features.windows(50, 30, np.random.default_rng(1))
    assert (heard.shape, codes.shape) == ((50, 30, 510), (50, 4, 30))
    whole = np.hstack(songs)
    for one, told in zip(heard, codes, strict=True):
        [first] = np.flatnonzero((features.heard == one[0].astype(np.float16)).all(1))
        assert np.array_equal(whole[:, first : first + 30], told)
        assert any(a <= first and first + 30 <= b for a, b in zip(*edges(features), strict=True))


def test_songs_of_every_scale_are_as_long_as_what_is_heard_of_them():
    from tinysong.scales import SCALES

    assert all(scale.teaching.passage_s <= scale.seconds for scale in SCALES.values())


def test_songs_of_rare_tempi_come_more_often_than_they_are(tmp_path):
    from tinysong import meaning
    from tinysong.features import Features, store

    def song(sixteenth):
        clock = [meaning.drum("rock", "", n // (4 * sixteenth) % 4, n % sixteenth) for n in range(160)]
        codes = np.zeros((4, 160), int)
        codes[0] = clock
        return codes, np.full((160, 510), sixteenth, np.float32)

    store([song(5)] * 18 + [song(12)] * 2, tmp_path / "set")
    heard, _ = Features(tmp_path / "set").windows(2_000, 20, np.random.default_rng(4))
    assert 0.25 < (heard[:, 0, 0] == 12).mean() < 0.4


def edges(features):
    return features.starts[:-1], features.starts[1:]


@torch.no_grad()
def test_what_was_heard_in_one_window_is_known_in_the_next(codec):
    from tinysong.listener import Listener

    listener = Listener(codec.encoder)
    heard = torch.randn(2, 40, 512)
    whole, _ = listener(heard)
    first, known = listener(heard[:, :20])
    second, _ = listener(heard[:, 20:], known)
    forgetful, _ = listener(heard[:, 20:])
    inner = slice(listener.reach, -listener.reach)
    torch.testing.assert_close(first[:, inner], whole[:, :20][:, inner])
    torch.testing.assert_close(second[:, inner], whole[:, 20:][:, inner])
    assert not torch.allclose(forgetful[:, inner], whole[:, 20:][:, inner], atol=1e-3)


def test_a_wrong_clock_costs_more_than_any_other_wrong_part(codec):
    from tinysong import ears, meaning
    from tinysong.listener import Listener

    listener = Listener(codec.encoder)
    right = [meaning.drum("rock", "K", 1, 3), meaning.bass("cello", 40, 6)]
    right += [meaning.chord("organ", 2, "min", 3), meaning.lead("flute", 70, 3)]

    def cost(book, wrong):
        codes = torch.tensor(right)[None, :, None]
        told = [*right[:book], wrong, *right[book + 1 :]]
        said = torch.cat([ears.names(k)[code] / ears.LENGTH for k, code in enumerate(told)])
        return float(listener.loss(said[None, None], codes))

    beat, frame = cost(0, meaning.drum("rock", "K", 2, 3)), cost(0, meaning.drum("rock", "K", 1, 8))
    others = [cost(0, meaning.drum("lofi", "S", 1, 3)), cost(1, meaning.bass("piano", 40, 6))]
    others += [cost(2, meaning.chord("organ", 7, "min", 3)), cost(3, meaning.lead("flute", 79, 3))]
    assert min(beat, frame) > max(others) > cost(3, right[3])


def test_a_killed_run_goes_on_to_the_same_encoder(held, codec, tmp_path, monkeypatch):
    from dataclasses import replace

    from tinysong import lessons, pupil

    whole, halves = (type(codec)(codec.config).eval() for _ in range(2))
    for one in (whole, halves):
        one.load_state_dict(codec.state_dict())
    lessons.learn(whole.encoder, held, tmp_path / "whole")

    class KilledError(Exception):
        pass

    class Mortal(lessons.Lessons):
        def passages(self, number):
            if number == 1:
                raise KilledError
            return super().passages(number)

    monkeypatch.setattr(pupil, "_KEEP_EVERY_S", -1.0)
    mortal = Mortal(held.train, held.valid, held.noises, held.size)
    with pytest.raises(KilledError):
        lessons.learn(halves.encoder, mortal, tmp_path / "halves")
    lessons.learn(halves.encoder, replace(held), tmp_path / "halves")
    for name, weight in whole.encoder.state_dict().items():
        assert torch.equal(weight, halves.encoder.state_dict()[name]), name
    assert not torch.equal(
        whole.encoder.layers[13].lstm.weight_hh_l1, codec.encoder.layers[13].lstm.weight_hh_l1
    )
    steps = [
        json.loads(line)["step"] for line in (tmp_path / "halves" / "log.jsonl").read_text().splitlines()
    ]
    assert steps == [2, 4, 5]


def test_only_a_share_of_windows_is_changed_and_drums_are_not_tilted():
    from tinysong.lessons import changed

    before = np.ones((200, 10, 510), np.float32)
    after = before.copy()
    changed(after, np.zeros((1, 40, 510), np.float32), 0.5, np.random.default_rng(2))
    same = (after == before).all((1, 2))
    assert 0.35 < same.mean() < 0.65
    drums = after[~same][:, :, 384:]
    assert (drums == drums[:, :1, :1]).all()
    assert 10 ** (-12 / 20) <= drums.min() < 0.4
    assert 1.5 < drums.max() <= 10 ** (6 / 20) + 1e-6
    noisy = before.copy()
    changed(noisy, np.full((1, 40, 510), 10.0, np.float32), 1.0, np.random.default_rng(2))
    assert not np.array_equal(noisy, after)
