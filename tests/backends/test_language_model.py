"""The step, judged by transformers and by itself."""

from __future__ import annotations

import numpy as np
import pytest
from rows import PROMPTS, alone, assert_same, crowded, open_text, random_tokens, relative_error, rounding
from tiny import MUSCGEN_TINY

from muscgen.backends.onnx import OnnxBackend

LENGTHS = [11, 24, 3, 17, 9, 14]
STARTS = [0, 0, 2, 5, 5, 19]


def judged(model, backend, text, tokens):
    """transformers' logits [S, K, V] of a whole sequence at once."""
    import torch

    ids = torch.tensor([backend._prompts.ids(text or "anything")])
    with torch.no_grad():
        logits = model(
            input_ids=ids,
            attention_mask=torch.zeros_like(ids) if text is None else torch.ones_like(ids),
            decoder_input_ids=torch.from_numpy(tokens.T.astype(np.int64)),
        ).logits
    return logits.numpy().transpose(1, 0, 2)


@pytest.mark.oracle
def test_ragged_rows_give_the_logits_of_transformers(any_backend, any_oracle, rng):
    tokens = [random_tokens(rng, any_backend, length) for length in LENGTHS]
    ours = crowded(any_backend, list(PROMPTS), tokens, STARTS)
    for text, sequence, logits in zip(PROMPTS, tokens, ours, strict=True):
        theirs = judged(any_oracle, any_backend, text, sequence)
        assert relative_error(logits, theirs) < rounding(any_backend)


@pytest.mark.oracle
@pytest.mark.parametrize("text", [*PROMPTS[2:4], "the the the, jazz! Ünïcode 音楽", ""])
def test_text_states_are_those_of_transformers(any_backend, any_oracle, any_path, text):
    import torch
    from transformers import AutoTokenizer

    inputs = AutoTokenizer.from_pretrained(any_path)([text], return_tensors="pt")
    with torch.no_grad():
        states = any_oracle.text_encoder(**inputs).last_hidden_state
        theirs = any_oracle.enc_to_dec_proj(states) if hasattr(any_oracle, "enc_to_dec_proj") else states
    ours = torch.as_tensor(any_backend._encoder.states(any_backend._prompts.ids(text))).cpu().numpy()
    assert relative_error(ours, theirs[0].numpy()) < rounding(any_backend)


def test_int8_stays_close_to_float32(cache_dir, rng):
    exact = OnnxBackend.load(MUSCGEN_TINY, precision="fp32", rows=1, cache_dir=cache_dir)
    quick = OnnxBackend.load(MUSCGEN_TINY, precision="int8", rows=1, cache_dir=cache_dir)
    tokens = random_tokens(rng, exact, 24)
    theirs, ours = (alone(backend, PROMPTS[0], tokens) for backend in (exact, quick))
    assert np.sqrt(np.mean((ours - theirs) ** 2) / np.mean(theirs**2)) < 0.05


def test_a_rows_bits_do_not_depend_on_its_neighbours_or_its_place(backend, rng):
    """Nor on how many they are, when they came, and how long their texts are."""
    tokens = [random_tokens(rng, backend, length) for length in LENGTHS]
    lonely = [alone(backend, text, sequence) for text, sequence in zip(PROMPTS, tokens, strict=True)]
    for crowd in (crowded(backend, list(PROMPTS), tokens, STARTS), backwards(backend, tokens)):
        for ours, theirs in zip(crowd, lonely, strict=True):
            assert_same(backend, ours, theirs)


def backwards(backend, tokens):
    """All at once and in the other order."""
    crowd = crowded(backend, list(PROMPTS[::-1]), tokens[::-1], [0] * len(tokens))
    return crowd[::-1]


def test_a_rows_bits_are_the_same_at_every_number_of_rows(backend, rng):
    tokens = random_tokens(rng, backend, backend.rows)
    for row in range(backend.rows):
        open_text(backend, row, PROMPTS[row % len(PROMPTS)])
    steps = [
        backend.step(tokens[:active], np.zeros(active, np.int32)) for active in range(1, backend.rows + 1)
    ]
    for active, logits in enumerate(steps, start=1):
        assert_same(backend, logits, steps[-1][:active])


def test_rows_far_into_a_song_keep_their_bits_beside_rows_that_begin(backend, rng):
    tokens = random_tokens(rng, backend, 300)
    late = alone(backend, PROMPTS[0], tokens)[-1]
    open_text(backend, 1, PROMPTS[3])
    both = backend.step(np.stack([tokens[-1], tokens[0]]), np.array([len(tokens) - 1, 0], np.int32))
    assert_same(backend, both[0], late)


def test_a_moved_row_goes_on_with_the_same_bits(backend, rng):
    tokens = random_tokens(rng, backend, 12)
    stayed = alone(backend, PROMPTS[0], tokens)[-1]
    alone(backend, PROMPTS[0], tokens[:-1])
    open_text(backend, 5, None)  # what was there before leaves no trace
    backend.move_row(0, 5, len(tokens) - 1)
    open_text(backend, 0, PROMPTS[3])
    moved = backend.step(np.repeat(tokens[-1:], 6, axis=0), np.full(6, len(tokens) - 1, np.int32))[5]
    assert_same(backend, moved, stayed)


def test_a_reopened_row_forgets_its_past(backend, rng):
    tokens = random_tokens(rng, backend, 10)
    first = alone(backend, "techno", tokens)
    alone(backend, PROMPTS[3], random_tokens(rng, backend, 20))
    assert_same(backend, alone(backend, "techno", tokens), first)


def test_the_text_changes_the_logits(backend, rng):
    tokens = random_tokens(rng, backend, 4)
    with_text, other_text, without = (alone(backend, text, tokens) for text in ("techno", "sad violin", None))
    assert relative_error(with_text, without) > 1e-3
    assert relative_error(with_text, other_text) > 1e-3


def test_a_row_listens_to_its_new_text_and_keeps_its_past(backend, rng):
    tokens, here = random_tokens(rng, backend, 8), np.array([7], np.int32)
    stayed = alone(backend, "techno", tokens)[-1]
    backend.set_text(0, backend.encode_text("sad violin"))
    changed = backend.step(tokens[-1:], here)[0]
    assert relative_error(changed, alone(backend, "sad violin", tokens)[-1]) > 1e-3
    assert relative_error(changed, stayed) > 1e-3
    alone(backend, "techno", tokens)
    for text in (None, backend.encode_text("techno")):
        backend.set_text(0, text)
    assert_same(backend, backend.step(tokens[-1:], here)[0], stayed)


def test_logits_belong_to_the_caller(backend, rng):
    tokens = random_tokens(rng, backend, 2)
    open_text(backend, 0, "techno")
    first = backend.step(tokens[:1], np.array([0], np.int32))
    kept = first.copy()
    backend.step(tokens[1:], np.array([1], np.int32))
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize(("active", "position"), [(0, 0), (17, 0), (1, -1), (1, 2048)])
def test_a_step_outside_the_slab_is_refused(backend, active, position):
    tokens = np.zeros((active, backend.shape.codebooks), np.int32)
    with pytest.raises(ValueError, match=r"rows|positions"):
        backend.step(tokens, np.full(active, position, np.int32))
