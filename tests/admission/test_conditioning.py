"""Sound that a wish brings: which modes listen, to what, and by what right."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muscgen.admission import Sound, effective, read, with_clips
from muscgen.errors import ConsentMissing, InvalidRequest, MalformedBody
from muscgen.request import GenerateRequest, LongForm, SongRequest

from .test_effective import CARD

ID = "ab" * 32
ABLE = replace(CARD, id="able", modes=("text", "unconditional", "melody", "continuation"))
CONSENT = {"input_audio_consent": {"basis": "own"}}
MELODY = {"mode": "melody", "prompt": "harp", "conditioning": {"melody": {"artifact_id": ID}}}
GO_ON = {"mode": "continuation", "conditioning": {"prompt_audio": {"artifact_id": ID}}}
OUTSIDE = Sound(duration_s=8.0, ours=False)


def ask(wish, sound=OUTSIDE, card=ABLE, **fields) -> SongRequest:
    body = {"rights": CONSENT} | wish | fields
    body = {name: value for name, value in body.items() if value is not None}
    return effective(GenerateRequest.model_validate_json(json.dumps(body)), card, sound=sound)


@pytest.mark.parametrize("wish", [MELODY, GO_ON])
def test_the_end_is_filled_in_and_the_request_can_be_asked_again(wish):
    request = ask(wish, duration=20)
    (clip,) = filter(None, (request.conditioning.melody, request.conditioning.prompt_audio))
    assert (clip.artifact_id, clip.start_s, clip.end_s) == (ID, 0.0, 8.0)
    assert request.rights.input_audio_consent.basis == "own"
    again = effective(GenerateRequest.model_validate_json(request.to_json()), ABLE, sound=OUTSIDE)
    assert again == request == SongRequest.from_json(request.to_json())


def test_a_melody_may_be_longer_than_the_song():
    assert ask(MELODY, duration=2).conditioning.melody.end_s == 8.0


def test_a_melody_guides_a_song_without_words_and_a_clip_does_not():
    assert ask(MELODY, prompt=None).sampling.guidance_scale == CARD.sampling.guidance_scale
    assert ask(GO_ON).sampling.guidance_scale == 1.0
    assert ask(GO_ON, prompt="harp").sampling.guidance_scale == CARD.sampling.guidance_scale
    assert ask(GO_ON, negative_prompt="drums").sampling.guidance_scale == CARD.sampling.guidance_scale


def test_a_clip_longer_than_the_window_is_gone_on_from_in_windows():
    request = ask(GO_ON, sound=Sound(50.0, ours=False), duration=60)
    assert request.long_form == LongForm(window_s=30, stride_s=18)
    assert request.conditioning.prompt_audio.end_s == 50.0


@given(st.floats(0.2, 8.0), st.floats(0.02, 20.0))
def test_what_is_left_after_the_clip_is_made(clip_s, new_s):
    clip = {"artifact_id": ID, "end": clip_s}
    request = ask(GO_ON, conditioning={"prompt_audio": clip}, duration=clip_s + new_s + 1e-9)
    assert request.conditioning.prompt_audio.end_s == clip_s


def cut(role, **clip):
    return {"conditioning": {role: {"artifact_id": ID} | clip}}


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        (MELODY | cut("melody", end=8.1), "conditioning.melody.end"),
        (MELODY | cut("melody", start=8.0), "conditioning.melody.start"),
        (MELODY | cut("melody", start=3, end=2), "conditioning.melody.start"),
        (MELODY | cut("melody", start=3, end=3.1), "conditioning.melody.start"),
        (MELODY | {"conditioning": {}}, "conditioning.melody"),
        (MELODY | GO_ON | {"mode": "melody"}, "conditioning.prompt_audio"),
        (GO_ON | {"conditioning": {}}, "conditioning.prompt_audio"),
        (GO_ON | {"duration": 8.0}, "duration"),
        (GO_ON | {"sampling": {"guidance_scale": 3}}, "sampling.guidance_scale"),
        (GO_ON | {"prompt": "a", "sections": [{"prompt": "b", "duration": 20}]}, "prompt"),
        (MELODY | {"mode": "text"}, "conditioning.melody"),
        (GO_ON | {"mode": "unconditional"}, "conditioning.prompt_audio"),
        ({"prompt": "harp"}, "rights.input_audio_consent"),
        (GO_ON | cut("prompt_audio", include=False) | {"output": {"fade_in": 3}}, "output.fade_in"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(wish, param):
    with pytest.raises(InvalidRequest) as caught:
        ask({"duration": 10} | wish)
    assert caught.value.param == param
    assert caught.value.suggestion or "fade" in param


@pytest.mark.parametrize("wish", [MELODY, GO_ON])
def test_sound_from_outside_needs_consent_and_our_own_does_not(wish):
    with pytest.raises(ConsentMissing) as caught:
        ask(wish, rights={}, duration=10)
    assert (caught.value.param, caught.value.status) == ("rights.input_audio_consent", 422)
    assert ask(wish, sound=Sound(8.0, ours=True), rights={}, duration=10).rights.input_audio_consent is None


def test_a_mode_that_the_model_has_not_names_the_models_that_have_it():
    wish = GenerateRequest.model_validate_json(json.dumps(MELODY))
    for models, words in (((CARD, ABLE), "models here that have it: able"), ((CARD,), "no model here")):
        with pytest.raises(InvalidRequest, match="m has no mode melody") as caught:
            effective(wish, CARD, models=models)
        assert caught.value.param == "mode"
        assert words in caught.value.suggestion


def test_a_file_that_came_along_is_named_in_the_body():
    body = b'{"mode": "melody", "conditioning": {"melody": {"start": 1.5}}}'
    clip = read(with_clips(body, {"melody": ID})).conditioning.melody
    assert (clip.artifact_id, clip.start_s) == (ID, 1.5)
    assert read(with_clips(b"{}", {"melody": ID})).conditioning.melody.artifact_id == ID


def test_a_file_and_an_artifact_for_one_role_are_refused():
    body = json.dumps({"conditioning": {"melody": {"artifact_id": ID}}}).encode()
    with pytest.raises(InvalidRequest, match="as a file and as an artifact"):
        with_clips(body, {"melody": ID})


@pytest.mark.parametrize("body", [b"[]", b'{"conditioning": 3}', b'{"conditioning": {"melody": []}}', b"{"])
def test_a_body_that_is_none_stays_one(body):
    with pytest.raises((InvalidRequest, MalformedBody)):
        read(with_clips(body, {"melody": ID}))
