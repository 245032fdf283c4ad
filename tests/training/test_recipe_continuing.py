"""How the recipe's language model learns to go on from what the encoder hears."""

import numpy as np
import pytest
import torch

from muscgen.models.leftout import BUILTIN
from muscgen.training.batches import IGNORED
from muscgen.training.model import tokenizer
from muscgen.training.speaker import Speaker
from muscgen.training.texts import Texts

pytestmark = pytest.mark.usefixtures("beside")
FOLLOWING, WHOLE = 20, 55


@pytest.fixture
def passages(shipped, tmp_path):
    """Two songs, of which the encoder is told noise: it hears all of them wrong."""
    from tinysong import continuing
    from tinysong.composer import compose
    from tinysong.features import Features, Pieces, store
    from tinysong.listener import Listener
    from tinysong.scales import Continuing

    chances = np.random.default_rng(3)
    songs = [compose(seed, 4).codes()[:, :160] for seed in range(2)]
    store([(codes, chances.normal(size=(160, 510)).astype(np.float32)) for codes in songs], tmp_path / "set")
    size = Continuing(
        steps=4, batch=4, fewest=10, most=30, frames=FOLLOWING, whole=WHOLE, learning_rate=1e-3,
        composed=2, rendered=1, average=0.5, warmup_steps=0,
    )  # fmt: skip
    exact = continuing.Songs(Pieces.of(songs), ["a harp", "a flute"])
    one = {"composed": continuing.Songs(Features(tmp_path / "set"), exact.words)}
    texts = Texts(tokenizer(BUILTIN / "muscgen-tiny"), 128)
    listener = Listener(shipped.audio_encoder.encoder)
    return continuing.Passages(exact, one, one, np.zeros((1, 60, 510), np.float32), size, listener, texts)


def frames_of(steps):
    """[N, S, 4] -> codes [N, 4, F], without the delays."""
    frames = steps.shape[1] - 3
    return torch.stack([steps[:, book : book + frames, book] for book in range(4)], 1)


def drawn(passages, *, heard):
    """A lesson in which something is heard, or nothing."""
    return next(lesson for step in range(40) if ((lesson := passages.lesson(step)).fed is not None) == heard)


def test_what_is_learnt_is_what_was_played_after_what_was_heard(passages):
    lesson = drawn(passages, heard=True)
    labels, fed = frames_of(lesson.labels), frames_of(lesson.fed)
    heard = int((labels[0, 0] == IGNORED).sum())
    assert 10 <= heard <= 30
    assert heard + FOLLOWING <= labels.shape[2] <= WHOLE
    assert (labels[..., :heard] == IGNORED).all()
    assert torch.equal(labels[..., heard:], fed[..., heard:])
    whole = torch.from_numpy(passages.heard["composed"].pieces.codes.astype(np.int64))
    pieces = whole.unfold(1, labels.shape[2] - heard, 1)
    for row in range(4):
        there = (pieces == labels[row, :, None, heard:]).all(-1).all(0)
        first = int(there.nonzero()[0])
        assert (fed[row, :, :heard] != whole[:, first - heard : first]).float().mean() > 0.5


def test_between_them_songs_are_learnt_that_are_exact_from_the_beginning(passages):
    lesson = drawn(passages, heard=False)
    codes = frames_of(lesson.labels)
    assert codes.shape == (4, 4, WHOLE)
    pieces = torch.from_numpy(passages.exact.pieces.codes.astype(np.int64)).unfold(1, WHOLE, 1)
    for row in codes:
        assert (pieces == row[:, None]).all(-1).all(0).any()


def test_a_lesson_is_a_function_of_its_step(passages):
    one, again, other = passages.lesson(1), passages.lesson(1), passages.lesson(2)
    for name in ("ids", "mask", "spoken", "labels"):
        assert torch.equal(getattr(one, name), getattr(again, name)), name
    assert one.labels.shape != other.labels.shape or not torch.equal(one.labels, other.labels)


def test_only_the_decoder_learns_to_go_on_better_and_half_of_it_is_taken(passages, shipped, tmp_path):
    from tinysong import continuing

    speaker, given = Speaker(shipped), drawn(passages, heard=True)
    before = {name: weight.clone() for name, weight in shipped.state_dict().items()}
    with torch.no_grad():
        was = float(speaker(given))
    learnt = continuing.learn(shipped, passages, tmp_path / "place")
    assert set(learnt) == {name for name in before if name.startswith("decoder.")}
    shipped.load_state_dict(before | learnt)
    with torch.no_grad():
        assert float(speaker(given)) < was
    whole = {f"decoder.{name}": average for name, average in kept(tmp_path / "place").items()}
    for name, average in whole.items():
        torch.testing.assert_close(learnt[name], (before[name] + average) / 2)
    assert sum(not torch.equal(learnt[name], before[name]) for name in whole) > 50


def kept(place):
    return torch.load(place / "kept.pt", weights_only=True)["average"]
