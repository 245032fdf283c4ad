"""Long form, sections, and songs without words: what is filled in, and what is refused by name."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muscgen.admission import InvalidFields, effective, read
from muscgen.errors import DurationTooLong, InvalidRequest, PromptTooLong
from muscgen.request import GenerateRequest, LongForm, SongRequest

from .test_effective import CARD

UNCONDITIONAL = {"mode": "unconditional", "prompt": None}
PARTS = [{"prompt": "soft", "duration": 12.0}, {"prompt": "full", "duration": 48.0}]


def ask(**fields) -> SongRequest:
    both = type(CARD)(
        **{name: getattr(CARD, name) for name in type(CARD).__slots__} | {"modes": ("text", "unconditional")}
    )
    wish = {name: value for name, value in ({"prompt": "calm"} | fields).items() if value is not None}
    return effective(GenerateRequest.model_validate_json(json.dumps(wish)), both)


@pytest.mark.parametrize("duration_s", [10.0, 30.0])
def test_a_song_that_fits_the_window_has_no_long_form(duration_s):
    assert ask(duration=duration_s).long_form is None


@pytest.mark.parametrize(
    ("asked", "filled"),
    [
        (None, (30.0, 18.0)),
        ({}, (30.0, 18.0)),
        ({"window": 20}, (20.0, 12.0)),
        ({"stride": 25.5}, (30.0, 25.5)),
        ({"window": 10.0, "stride": 2.0}, (10.0, 2.0)),
    ],
)
def test_a_longer_song_has_its_windows_echoed(asked, filled):
    request = ask(duration=60, long_form=asked)
    assert request.long_form == LongForm(window_s=filled[0], stride_s=filled[1])
    assert SongRequest.from_json(request.to_json()) == request


def test_windows_that_were_asked_for_hold_for_a_short_song_too():
    assert ask(duration=25, long_form={"window": 10}).long_form == LongForm(window_s=10, stride_s=6)


@given(st.floats(30.01, 600.0))
def test_up_to_ten_minutes_are_taken_as_they_are(duration_s):
    assert ask(duration=duration_s).duration_s == duration_s


def test_sections_make_the_duration():
    request = ask(prompt=None, sections=PARTS)
    assert (request.prompt, request.duration_s, len(request.sections)) == (None, 60.0, 2)
    assert request.long_form == LongForm(window_s=30, stride_s=18)
    assert SongRequest.from_json(request.to_json()) == request


def test_without_words_there_is_no_guidance():
    request = ask(**UNCONDITIONAL)
    assert (request.prompt, request.sampling.guidance_scale) == (None, 1.0)
    assert ask(**UNCONDITIONAL, sampling={"guidance_scale": 1}).sampling == request.sampling


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"long_form": {"window": 30.5}}, "long_form.window"),
        ({"long_form": {"stride": 30}}, "long_form.stride"),
        ({"long_form": {"window": 10, "stride": 10.5}}, "long_form.stride"),
        ({"long_form": {"stride": 0.1}}, "long_form.stride"),
        ({"sections": PARTS}, "prompt"),
        ({"prompt": None, "sections": PARTS, "duration": 50}, "duration"),
        ({"prompt": None, "sections": [{"prompt": " ", "duration": 2}]}, "sections.0.prompt"),
        ({"prompt": None, "sections": PARTS, "output": {"fade_in": 20}, "mode": "unconditional"}, "sections"),
        ({"mode": "unconditional"}, "prompt"),
        (UNCONDITIONAL | {"negative_prompt": "drums"}, "negative_prompt"),
        (UNCONDITIONAL | {"sampling": {"guidance_scale": 3}}, "sampling.guidance_scale"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(fields, param):
    with pytest.raises(InvalidRequest) as caught:
        ask(**fields)
    assert caught.value.param == param
    assert caught.value.suggestion


def test_sections_beyond_ten_minutes_are_too_long():
    with pytest.raises(DurationTooLong) as caught:
        ask(prompt=None, sections=[{"prompt": "a", "duration": 301}] * 2)
    assert caught.value.param == "sections"


def test_faults_inside_a_section_are_named_with_their_place():
    with pytest.raises(InvalidFields) as caught:
        read(b'{"sections": [{"prompt": "a", "duration": 2}, {"prompt": "a", "duraton": 2}]}')
    assert {fault.param for fault in caught.value.faults} == {"sections.1.duration", "sections.1.duraton"}
    assert any("did you mean duration?" in (fault.suggestion or "") for fault in caught.value.faults)


def test_a_field_that_long_form_has_not_is_told_what_it_has():
    with pytest.raises(InvalidFields, match=r"long_form\.windows") as caught:
        read(b'{"prompt": "a", "long_form": {"windows": 30}}')
    assert "window, stride" in caught.value.suggestion


def test_a_sections_prompt_can_be_too_long():
    with pytest.raises(PromptTooLong) as caught:
        read(b'{"sections": [{"prompt": "' + b"a" * 2_001 + b'", "duration": 2}]}')
    assert caught.value.param == "sections.0.prompt"
