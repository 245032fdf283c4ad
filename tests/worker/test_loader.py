"""From a card to an engine, as the settings want it."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
from bench import song as wish
from tiny import MUSCGEN_TINY

from muscgen import settings
from muscgen.audio import join
from muscgen.engine import Song
from muscgen.models.card import read_card
from muscgen.worker.loader import load_model, making_of


@contextmanager
def served(home, **fields):
    loaded = load_model(read_card(MUSCGEN_TINY), made(home, **fields), slots=1)
    try:
        yield loaded
    finally:
        loaded.close()


def made(home, **fields):
    return settings.load({}, home=home, threads=1, watermark=False, credentials=False, **fields)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("loader") / "home"


def test_sound_leaves_in_chunks_of_the_length_that_the_settings_say(home):
    heard = {}
    for chunk_s in (0.1, 0.5, 2.0):
        with served(home, chunk_s=chunk_s) as model:
            handle = model.engine.submit(Song.of(wish(duration=2.0), 0))
            chunks = list(handle.chunks(30))
        assert {round(chunk.duration_s, 6) for chunk in chunks[1:-1]} <= {chunk_s}
        assert round(2.0 / chunk_s) - len(chunks) in (0, 1)  # the first may be too short to be certain of
        heard[chunk_s] = join(chunks).samples
    for chunk_s in (0.1, 0.5):
        np.testing.assert_allclose(heard[chunk_s], heard[2.0], atol=1e-4, rtol=0)


def test_sound_in_other_chunks_is_of_another_maker(home):
    card = read_card(MUSCGEN_TINY)
    makers = {making_of(made(home, chunk_s=chunk_s)).maker(card) for chunk_s in (0.1, 0.5)}
    assert len(makers) == 2
