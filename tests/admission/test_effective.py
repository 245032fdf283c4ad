"""From a wish to a request with nothing left open."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muscgen.admission import effective
from muscgen.errors import DurationTooLong, InvalidRequest
from muscgen.models.card import Card
from muscgen.request import MAX_SEED, GenerateRequest, Sampling, SongRequest

CARD = Card(
    id="m",
    revision="0" * 64,
    license="Apache-2.0",
    license_url="",
    attribution="",
    description="",
    modes=("text",),
    sample_rate_hz=32_000,
    channels=1,
    max_duration_s=30.0,
    sampling=Sampling(temperature=0.5, top_k=30, top_p=0.0, guidance_scale=1.5),
    path=Path("/nowhere"),
)


def ask(**fields) -> SongRequest:
    return effective(GenerateRequest.model_validate({"prompt": "calm piano"} | fields), CARD)


def test_gaps_are_filled_from_the_card():
    request = ask(sampling={"top_k": 5})
    assert request.model == "m"
    assert request.sampling == CARD.sampling.model_copy(update={"top_k": 5})


def test_a_seed_is_drawn_where_none_was_asked_for_and_kept_where_one_was():
    wish = GenerateRequest(prompt="a")
    assert effective(wish, CARD, draw=lambda below: below - 1).seed == 2**32 - 1
    assert ask(seed=0).seed == 0
    assert ask().seed != ask().seed


def test_a_request_survives_its_way_through_json():
    request = ask(output={"format": "mp3", "bitrate_kbps": 128}, metadata={"a": "b"}, seed=MAX_SEED)
    assert SongRequest.from_json(request.to_json()) == request


@given(st.floats(min_value=0.02, max_value=30.0), st.integers(0, MAX_SEED - 8), st.integers(1, 8))
def test_what_the_model_can_make_is_taken_as_it_is(duration_s, seed, n):
    request = ask(duration=duration_s, seed=seed, n=n)
    assert (request.duration_s, request.seed, request.n) == (duration_s, seed, n)


@pytest.mark.parametrize("duration_s", [600.01, 1e300])
def test_a_song_beyond_the_model_names_the_limit(duration_s):
    with pytest.raises(DurationTooLong, match="allowed up to 600 s") as caught:
        ask(duration=duration_s)
    assert caught.value.param == "duration"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"duration": 0.019}, "duration"),
        ({"seed": MAX_SEED, "n": 2}, "seed"),
        ({"negative_prompt": "x", "sampling": {"guidance_scale": 1.0}}, "negative_prompt"),
        ({"negative_prompt": "\t"}, "negative_prompt"),
        ({"prompt": "\u0085"}, "prompt"),
        ({"prompt": "a\x7f"}, "prompt"),
        ({"output": {"format": "opus", "sample_rate": 22050}}, "output.sample_rate"),
        ({"output": {"format": "wav", "bitrate_kbps": 128}}, "output.bitrate_kbps"),
        ({"output": {"format": "mp3", "bitrate_kbps": 33}}, "output.bitrate_kbps"),
        ({"duration": 2.0, "output": {"fade_out": 2.5}}, "output.fade_out"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(fields, param):
    with pytest.raises(InvalidRequest) as caught:
        ask(**fields)
    assert caught.value.param == param


def test_a_mode_the_model_has_not_is_refused():
    other = Card(**{name: getattr(CARD, name) for name in Card.__slots__} | {"modes": ("melody",)})
    with pytest.raises(InvalidRequest) as caught:
        effective(GenerateRequest(prompt="a"), other)
    assert caught.value.param == "mode"


@pytest.mark.parametrize("prompt", ["two\nlines", "tab\there", "früh 🎵", "א ב", "a" * 2_000])
def test_any_readable_prompt_is_fine(prompt):
    assert ask(prompt=prompt).prompt == prompt


def test_opus_has_its_natural_rate_where_none_is_asked_for():
    assert ask(output={"format": "opus"}).output.sample_rate_hz is None
