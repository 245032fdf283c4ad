"""ElevenLabs' own client against a real service."""

from __future__ import annotations

import hashlib
import io

import httpx
import pytest
import soundfile
from elevenlabs.client import ElevenLabs
from elevenlabs.core import ApiError


@pytest.fixture
def client(service):
    with httpx.Client(timeout=100) as http:
        yield ElevenLabs(api_key="any", base_url=service.url, httpx_client=http)


def sound_of(chunks):
    return soundfile.info(io.BytesIO(b"".join(chunks)))


def test_a_song_is_composed(client):
    song = sound_of(client.music.compose(prompt="calm piano", music_length_ms=2_000, seed=7))
    assert (song.format, song.samplerate) == ("MP3", 44_100)
    assert song.duration == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(
    ("output_format", "kind", "rate"),
    [("mp3_24000_96", "MP3", 24_000), ("opus_48000_96", "OGG", 48_000), ("mp3_44100_192", "MP3", 44_100)],
)
@pytest.mark.parametrize("way", ["compose", "stream"])
def test_the_format_is_the_one_that_was_asked_for(client, way, output_format, kind, rate):
    ask = getattr(client.music, way)
    song = sound_of(ask(prompt="jazz", music_length_ms=1_500, seed=7, output_format=output_format))
    assert (song.format, song.samplerate) == (kind, rate)
    assert song.duration == pytest.approx(1.5, abs=0.1)


def test_a_stream_begins_before_the_song_is_done(client, service):
    chunks = client.music.stream(prompt="techno", music_length_ms=20_000, seed=7)
    first = next(chunks)
    assert first
    [newest] = service.client.get("/jobs", params={"limit": 1}).json()["jobs"]
    assert newest["status"] == "running"
    song = sound_of([first, *chunks])
    assert song.duration == pytest.approx(20, abs=0.2)


def test_a_plan_becomes_sections(client, service):
    plan = {
        "positive_global_styles": ["lofi", "85 bpm"],
        "negative_global_styles": ["vocals"],
        "sections": [
            {
                "section_name": "Intro",
                "positive_local_styles": ["soft piano"],
                "negative_local_styles": [],
                "duration_ms": 3_000,
                "lines": [],
            },
            {
                "section_name": "Drop",
                "positive_local_styles": ["drums"],
                "negative_local_styles": [],
                "duration_ms": 3_000,
                "lines": [],
            },
        ],
    }
    song = sound_of(client.music.compose(composition_plan=plan))
    assert song.duration == pytest.approx(6, abs=0.1)
    [newest] = service.client.get("/jobs", params={"limit": 1}).json()["jobs"]
    wish = newest["request"]
    assert [one["prompt"] for one in wish["sections"]] == [
        "Intro, lofi, 85 bpm, soft piano",
        "Drop, lofi, 85 bpm, drums",
    ]
    assert wish["negative_prompt"] == "vocals"


def test_a_song_comes_with_the_plan_that_was_followed(client, service):
    made = client.music.compose_detailed(prompt="calm piano", music_length_ms=6_000)
    [section] = made.json["composition_plan"]["sections"]
    assert (section["positive_local_styles"], section["duration_ms"]) == (["calm piano"], 6_000)
    assert made.json["song_metadata"]["description"] == "calm piano"
    assert made.filename == f"{made.song_id}.mp3"
    assert sound_of([made.audio]).duration == pytest.approx(6, abs=0.1)
    [output] = service.job(made.song_id)["outputs"]
    assert hashlib.sha256(made.audio).hexdigest() == output["artifact"]["sha256"]
    again = client.music.compose_detailed(
        composition_plan=made.json["composition_plan"], output_format="wav_32000"
    )
    assert again.json["composition_plan"] == made.json["composition_plan"]
    assert sound_of([again.audio]).format == "WAV"


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"with_timestamps": True}, "with_timestamps"),
        ({"store_for_inpainting": True}, "store_for_inpainting"),
        ({"music_length_ms": 9_000_000}, "music_length_ms"),
    ],
)
def test_what_is_told_of_no_song_is_refused_by_name(client, wish, param):
    with pytest.raises(ApiError) as raised:
        client.music.compose_detailed(prompt="x", **wish)
    assert raised.value.status_code == 422
    assert param in raised.value.body["detail"][0]["loc"]


def test_a_sound_effect_is_made_from_words(client):
    song = sound_of(client.text_to_sound_effects.convert(text="rain on a roof", duration_seconds=1.5))
    assert song.duration == pytest.approx(1.5, abs=0.1)


def test_a_song_is_marked_and_named(client, service):
    with client.music.with_raw_response.compose(prompt="waltz", music_length_ms=6_000, seed=7) as answer:
        job_id, content = answer.headers["song-id"], b"".join(answer.data)
    assert service.job(job_id)["status"] == "succeeded"
    report = service.client.post("/verify", content=content, headers={"Content-Type": "audio/mpeg"}).json()
    assert report["verdict"] == "genuine"


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"prompt": "x", "music_length_ms": 9_000_000}, "music_length_ms"),
        ({"prompt": "x", "model_id": "music_v1"}, "model_id"),
        ({"prompt": "x", "output_format": "pcm_44100"}, "output_format"),
        ({"prompt": "x", "output_format": "mp3_11025_32"}, "output_format"),
        ({"prompt": "x", "output_format": "mp3_22050_32"}, "output_format"),
        ({"prompt": "x", "seed": -4}, "seed"),
        ({"prompt": "x", "request_options": {"additional_body_parameters": {"loop": True}}}, "loop"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(client, wish, param):
    with pytest.raises(ApiError) as raised:
        b"".join(client.music.compose(**wish))
    assert raised.value.status_code == 422
    [fault, *_] = raised.value.body["detail"]
    assert param in fault["loc"]
    assert param in fault["msg"]


def test_lyrics_are_refused(client):
    section = {
        "section_name": "Verse",
        "positive_local_styles": [],
        "negative_local_styles": [],
        "duration_ms": 3_000,
        "lines": ["la la"],
    }
    plan = {"positive_global_styles": ["pop"], "negative_global_styles": [], "sections": [section]}
    with pytest.raises(ApiError, match="nobody sings here"):
        b"".join(client.music.compose(composition_plan=plan))


def test_what_there_is_not_is_said_in_the_vendors_shape(client):
    with pytest.raises(ApiError) as raised:
        client.music.composition_plan.create(prompt="a song")
    assert raised.value.status_code == 404
    assert raised.value.body["detail"]["status"] == "not_found"
    with pytest.raises(ApiError) as raised:
        b"".join(client.text_to_sound_effects.convert(text="rain", prompt_influence=0.5))
    assert raised.value.status_code == 422
