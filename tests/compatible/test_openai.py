"""OpenAI's own client against a real service, as far as it reaches."""

from __future__ import annotations

import io

import httpx
import openai
import pytest
import soundfile
from openai import OpenAI


@pytest.fixture
def client(service):
    with OpenAI(api_key="any", base_url=f"{service.url}/v1", max_retries=0) as client:
        yield client


def music(client: OpenAI, **wish) -> httpx.Response:
    body = {"model": "muscgen-tiny", "prompt": "calm piano", "duration": 1, "seed": 7} | wish
    return client.post("/audio/music", body=body, cast_to=httpx.Response)


def test_models_are_listed_and_found(client):
    models = {model.id: model for model in client.models.list()}
    tiny = models["muscgen-tiny"]
    assert (tiny.object, tiny.owned_by) == ("model", "muscgen")
    assert tiny.created > 0
    assert client.models.retrieve("muscgen-tiny").id == "muscgen-tiny"


def test_an_unknown_model_is_not_found(client):
    with pytest.raises(openai.NotFoundError) as raised:
        client.models.retrieve("no-such-model")
    assert raised.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("response_format", "kind"), [("mp3", "MP3"), ("wav", "WAV"), ("flac", "FLAC"), ("opus", "OGG")]
)
def test_a_song_is_the_answer(client, response_format, kind):
    answer = music(client, response_format=response_format)
    song = soundfile.info(io.BytesIO(answer.content))
    assert song.format == kind
    assert song.duration == pytest.approx(1, abs=0.05)


def test_the_text_may_be_called_input_as_for_speech(client):
    assert music(client, prompt=None, input="calm piano").content == music(client).content


def test_a_song_is_heard_while_it_is_made(client, service):
    body = {"prompt": "techno", "duration": 20, "seed": 7, "stream": True}
    # The client itself waits for the whole answer of a route that it does not know.
    with httpx.stream("POST", f"{client.base_url}audio/music", json=body, timeout=60) as answer:
        chunks = answer.iter_bytes()
        first = next(chunks)
        [newest] = service.client.get("/jobs", params={"limit": 1}).json()["jobs"]
        assert newest["status"] == "running"
        song = soundfile.info(io.BytesIO(b"".join([first, *chunks])))
    assert song.duration == pytest.approx(20, abs=0.2)


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"n": 2}, "n"),
        ({"response_format": "aac"}, "response_format"),
        ({"stream_format": "sse"}, "stream_format"),
        ({"voice": "alloy"}, "voice"),
        ({"temperature": -1}, "temperature"),
        ({"input": "and again"}, "input"),
        ({"model": "no-such-model"}, "model"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(client, wish, param):
    with pytest.raises(openai.UnprocessableEntityError) as raised:
        music(client, **wish)
    assert raised.value.param == param
    assert raised.value.type == "invalid_request_error"


def test_speech_is_refused_in_the_vendors_shape(client):
    with pytest.raises(openai.NotFoundError) as raised:
        client.audio.speech.create(model="muscgen-tiny", voice="alloy", input="hello")
    assert raised.value.type == "not_found_error"
    assert "/v1/audio/music" in raised.value.message
