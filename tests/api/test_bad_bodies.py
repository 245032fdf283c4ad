"""Bodies that cannot be taken, and what is said about them."""

from __future__ import annotations

import pytest

from .conftest import assert_problem

JSON = {"Content-Type": "application/json"}


async def send(service, content, headers=JSON):
    answer = await service.http.post("/generate", content=content, headers=headers)
    assert (await service.queue.list()).jobs == []
    return answer


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tempo": 90}, "tempo"),
        ({"output": {"foo": 1}}, "output.foo"),
        ({"output": {"normalize": {"foo": 1}}}, "output.normalize.foo"),
        ({"duration_s": 4}, "duration_s"),
        ({"duration": "4"}, "duration"),
        ({"duration": 0}, "duration"),
        ({"duration": 0.001}, "duration"),
        ({"n": 9}, "n"),
        ({"n": 1.5}, "n"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**53 - 1, "n": 2}, "seed"),
        ({"sampling": {"temperature": 0}}, "sampling.temperature"),
        ({"sampling": 3}, "sampling"),
        ({"output": {"format": "aiff"}}, "output.format"),
        ({"output": {"format": "opus", "sample_rate": 44100}}, "output.sample_rate"),
        ({"output": {"format": "flac", "bitrate_kbps": 128}}, "output.bitrate_kbps"),
        ({"output": {"fade_in": 5}}, "output.fade_in"),
        ({"negative_prompt": "noise", "sampling": {"guidance_scale": 1}}, "negative_prompt"),
        ({"mode": "melody"}, "mode"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": " \n"}, "prompt"),
        ({"prompt": "a\x00b"}, "prompt"),
        ({"prompt": "a\x1b[31m"}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"long_form": {"window": 31}}, "long_form.window"),
        ({"long_form": {"stride": 30}}, "long_form.stride"),
        ({"sections": [{"prompt": "a", "duration": 5}]}, "prompt"),
        ({"prompt": None, "sections": [{"prompt": "a", "duration": 5}]}, "duration"),
        ({"mode": "unconditional"}, "prompt"),
        (
            {"mode": "unconditional", "prompt": None, "sampling": {"guidance_scale": 3}},
            "sampling.guidance_scale",
        ),
    ],
)
async def test_a_field_that_cannot_be_honoured_is_named(service, fields, param):
    answer = await service.post(**fields)
    assert_problem(answer, 422, "invalid_request", param)
    assert (await service.queue.list()).jobs == []


async def test_a_song_beyond_all_windows_is_refused_with_the_limit(service):
    problem = assert_problem(await service.post(duration=601), 422, "duration_too_long", "duration")
    assert "600" in problem["suggestion"]


async def test_an_unknown_model_is_answered_with_the_known_ones(service):
    problem = assert_problem(await service.post(model="big"), 422, "unknown_model", "model")
    assert "muscgen-tiny" in problem["suggestion"]


@pytest.mark.parametrize("name", ["prompt", "negative_prompt"])
async def test_a_prompt_of_100_kb_is_too_long(service, name):
    answer = await service.post(**{name: "la " * 33_000})
    assert_problem(answer, 422, "prompt_too_long", name)
    assert len(answer.content) < 1_000


@pytest.mark.parametrize("name", ["prompt", "negative_prompt"])
async def test_a_prompt_of_more_tokens_than_the_model_reads_is_refused_at_once(service, name):
    answer = await service.post(**{name: "piano " * 300})
    problem = assert_problem(answer, 422, "prompt_too_long", name)
    assert "tokens" in problem["suggestion"]


async def test_all_faults_are_told_at_once(service):
    answer = await service.post(n=0, tempo=1, output={"fromat": "wav"})
    errors = assert_problem(answer, 422, "invalid_request", "n")["errors"]
    assert {error["param"] for error in errors} == {"n", "tempo", "output.fromat"}
    assert any("did you mean format?" in error["suggestion"] for error in errors)


async def test_a_book_of_faults_is_cut(service):
    answer = await service.post(**{f"field{number}" * 50: 1 for number in range(500)})
    assert len(answer.json()["errors"]) == 20
    assert len(answer.content) < 20_000


async def test_a_missing_prompt_is_named(service):
    assert_problem(await send(service, b"{}"), 422, "invalid_request", "prompt")


async def test_an_array_is_no_request(service):
    assert_problem(await send(service, b"[]"), 422, "invalid_request")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"  ",
        b"{",
        b"{'prompt': 1}",
        b'{"prompt": "a"} x',
        b'{"prompt": "\xff"}',
        b'\xff\xfe{"prompt": "a"}',
        b'{"prompt": "\\ud800"}',
        b'{"prompt": "a", "duration": NaN}',
        b'{"prompt": "a", "duration": Infinity}',
        b'{"prompt": "a", "duration": -Infinity}',
        b'{"prompt": "a", "metadata": ' + b"[" * 100_000,
        b'{"prompt": "a", "metadata": ' + b'{"a":' * 400 + b"1" + b"}" * 401,
        b'{"prompt": "a", "seed": ' + b"9" * 5_000 + b"}",
        b'{"prompt": "a\nb"}',
    ],
)
async def test_what_is_not_strict_json_is_400(service, content):
    assert_problem(await send(service, content), 400, "malformed_body")


async def test_a_key_that_is_there_twice_is_refused(service):
    answer = await send(service, b'{"prompt": "a", "prompt": "b"}')
    assert_problem(answer, 400, "malformed_body", "prompt")


async def test_a_number_too_large_to_be_one_is_refused(service):
    answer = await send(service, b'{"prompt": "a", "duration": 1e999}')
    assert_problem(answer, 422, "invalid_request", "duration")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", ""]
)
async def test_another_content_type_is_415(service, kind):
    answer = await send(service, b'{"prompt": "a"}', {"Content-Type": kind})
    assert_problem(answer, 415, "unsupported_media_type", "Content-Type")


async def test_a_charset_of_utf_8_is_fine(service):
    headers = {"Content-Type": 'application/json; charset="UTF-8"'}
    answer = await service.http.post(
        "/generate", content='{"prompt": "smörgås 🎵"}'.encode(), headers=headers
    )
    assert answer.status_code == 202
    assert answer.json()["request"]["prompt"] == "smörgås 🎵"


async def test_a_body_over_the_limit_is_413(make_service):
    service = make_service(max_body_bytes=2_000)
    assert_problem(await send(service, b"x" * 2_001), 413, "body_too_large")


async def test_a_body_over_the_limit_is_413_without_an_announced_length(make_service):
    service = make_service(max_body_bytes=2_000)
    read = 0

    async def endless():
        nonlocal read
        while True:
            read += 1
            yield b"x" * 500

    assert_problem(await send(service, endless()), 413, "body_too_large")
    assert read < 10
