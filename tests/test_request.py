import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from muscgen.errors import InvalidRequest
from muscgen.request import (
    MAX_SEED,
    GenerateRequest,
    Output,
    Sampling,
    SongRequest,
    file_rate_hz,
    refuse_impossible,
)

SAMPLING = Sampling(temperature=1.0, top_k=250, top_p=0.0, guidance_scale=3.0)


def parsed(**fields) -> GenerateRequest:
    return GenerateRequest.model_validate_json(json.dumps({"prompt": "rain"} | fields))


def where_wrong(**fields) -> str:
    with pytest.raises(ValidationError) as caught:
        parsed(**fields)
    return ".".join(str(part) for part in caught.value.errors()[0]["loc"])


def test_a_prompt_is_enough():
    request = parsed()

    assert (request.duration_s, request.n, request.seed, request.output.format) == (10.0, 1, None, "wav")


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"tempo": 120}, "tempo"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "x" * 2_001}, "prompt"),
        ({"negative_prompt": ""}, "negative_prompt"),
        ({"duration": 0}, "duration"),
        ({"duration": "10"}, "duration"),
        ({"n": 0}, "n"),
        ({"n": 9}, "n"),
        ({"n": True}, "n"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"seed": MAX_SEED + 1}, "seed"),
        ({"mode": "jazz"}, "mode"),
        ({"sampling": {"temperature": 0}}, "sampling.temperature"),
        ({"sampling": {"topk": 5}}, "sampling.topk"),
        ({"sampling": {"guidance_scale": 0.5}}, "sampling.guidance_scale"),
        ({"output": {"format": "aac"}}, "output.format"),
        ({"output": {"sample_rate": 11_025}}, "output.sample_rate"),
        ({"output": {"normalize": {"lufs": 0}}}, "output.normalize.lufs"),
        ({"output": {"fade_in": -1}}, "output.fade_in"),
        ({"delivery": {"ttl": 1}}, "delivery.ttl"),
        ({"metadata": {"key": 5}}, "metadata.key"),
        ({"metadata": {str(number): "" for number in range(17)}}, "metadata"),
    ],
)
def test_what_is_wrong_is_named(fields, where):
    assert where_wrong(**fields) == where


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_are_finite(number):
    with pytest.raises(ValidationError):
        GenerateRequest.model_validate_json(f'{{"prompt": "rain", "duration": {number}}}')


def test_json_uses_wire_names_and_comes_back_the_same():
    request = SongRequest(model="m", prompt="rain", duration_s=2.5, seed=7, n=3, sampling=SAMPLING)

    wire = json.loads(request.to_json())
    assert wire["duration"] == 2.5
    assert {"sample_rate", "fade_in", "fade_out"} <= set(wire["output"])
    assert {"deadline", "ttl"} <= set(wire["delivery"])
    assert SongRequest.from_json(request.to_json()) == request


@given(
    prompt=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50),
    duration_s=st.floats(0.01, 600),
    seed=st.integers(0, MAX_SEED),
)
def test_no_request_changes_on_its_way(prompt, duration_s, seed):
    request = SongRequest(model="m", prompt=prompt, duration_s=duration_s, seed=seed, sampling=SAMPLING)

    assert SongRequest.from_json(request.to_json()) == request


def test_a_request_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        parsed().duration_s = 5.0


def test_output_i_has_seed_plus_i():
    request = SongRequest(model="m", prompt="rain", duration_s=1, seed=40, n=3, sampling=SAMPLING)

    assert [request.seed_of(output) for output in range(3)] == [40, 41, 42]


@pytest.mark.parametrize(
    ("output", "model_rate_hz", "rate_hz"),
    [
        (Output(), 32_000, 32_000),
        (Output(sample_rate_hz=44_100), 32_000, 44_100),
        (Output(format="opus"), 32_000, 48_000),
        (Output(format="opus"), 24_000, 24_000),
        (Output(format="opus", sample_rate_hz=16_000), 32_000, 16_000),
    ],
)
def test_a_file_has_the_models_rate_unless_asked_otherwise(output, model_rate_hz, rate_hz):
    assert file_rate_hz(output, model_rate_hz) == rate_hz


def test_what_no_encoder_can_do_is_refused_by_name_with_a_way_out():
    with pytest.raises(InvalidRequest, match="opus cannot have 44100 Hz") as caught:
        refuse_impossible(
            Output(format="opus", sample_rate_hz=44_100), model_rate_hz=32_000, channels=1, duration_s=5
        )
    assert (caught.value.param, caught.value.suggestion) == ("output.sample_rate", "48000")


def test_a_fade_longer_than_the_song_is_refused():
    with pytest.raises(InvalidRequest) as caught:
        refuse_impossible(Output(fade_in_s=6), model_rate_hz=32_000, channels=1, duration_s=5)
    assert caught.value.param == "output.fade_in"


@pytest.mark.parametrize("encoding", ["wav", "flac", "mp3", "ogg", "opus"])
@pytest.mark.parametrize("model_rate_hz", [16_000, 32_000, 48_000])
def test_the_defaults_are_possible_everywhere(encoding, model_rate_hz):
    refuse_impossible(Output(format=encoding), model_rate_hz=model_rate_hz, channels=2, duration_s=0.1)
