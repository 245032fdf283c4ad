"""What every answer carries, and what no request may do."""

from __future__ import annotations

import pytest

from tests.api.conftest import assert_problem

PROMISED = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.mark.parametrize(
    "path",
    [
        "/healthz",
        "/readyz",
        "/metrics",
        "/docs",
        "/openapi.json",
        "/v1/models",
        "/jobs",
        "/nothing",
        "/jobs/x",
    ],
)
async def test_every_answer_tells_browsers_to_stay_out(service, path):
    answer = await service.http.get(path)
    assert {name: answer.headers.get(name) for name in PROMISED} == PROMISED
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "server" not in answer.headers


async def test_files_are_played_and_not_framed(service):
    await service.job()
    answer = await service.http.get(f"/artifacts/{await service.play()}")
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert {name: answer.headers.get(name) for name in PROMISED} == PROMISED


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/v1/models", "/jobs", "/docs"])
async def test_head_is_get_without_its_body(service, path):
    head = await service.http.head(path)
    got = await service.http.get(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers["content-type"] == got.headers["content-type"]


async def test_the_head_of_a_stream_without_end_is_refused(service):
    job = await service.job()
    assert (await service.http.head(job["urls"]["events"])).status_code == 405


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate, gzip", "x", ""])
@pytest.mark.parametrize("path", ["/generate", "/artifacts"])
async def test_a_packed_body_is_refused_before_it_is_read(service, path, coding):
    headers = {"Content-Encoding": coding, "Content-Type": "application/json"}
    answer = await service.http.post(path, content=b'{"prompt": "a"}', headers=headers)
    assert_problem(answer, 415, "unsupported_media_type", "Content-Encoding")
    assert (await service.queue.list()).jobs == []


@pytest.mark.parametrize("number", [2**64, 10**20 - 1])
async def test_an_event_id_beyond_the_counter_is_refused(service, number):
    job = await service.job()
    for given in (f"{number}", f"{number}-0", f"0-{number}"):
        answer = await service.http.get(job["urls"]["events"], headers={"Last-Event-ID": given})
        assert_problem(answer, 422, "invalid_request", "Last-Event-ID")


@pytest.mark.parametrize("name", ["a\r\nSet-Cookie: x", "a\nb", "../../etc/passwd", "é\u202e", "\x00"])
async def test_words_of_clients_never_become_headers(service, name):
    job = await service.job(metadata={"title": name})
    await service.play()
    answers = [
        await service.http.get(job["urls"]["self"]),
        await service.http.get(job["urls"]["audio"]),
        await service.post(headers={"X-Request-Id": name.encode("unicode_escape").decode() + " "}),
    ]
    for answer in answers:
        assert "set-cookie" not in answer.headers
        assert "passwd" not in repr(answer.headers)
        assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    "path",
    [
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e",
        "%00",
        "a" * 63 + "/",
        "A" * 64,
        "a" * 5_000,
        "....//....//etc/passwd",
        "%c0%ae%c0%ae%c0%af",
        "~root",
    ],
)
async def test_no_address_of_a_file_is_a_path(service, path, tmp_path):
    (tmp_path / "secret").write_text("secret")
    answer = await service.http.get(f"/artifacts/{path}")
    assert answer.status_code == 404
    assert (await service.http.delete(f"/artifacts/{path}")).status_code in (404, 405)
