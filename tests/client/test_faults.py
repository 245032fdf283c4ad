"""What the client does when the network or the service fails for a while."""

from __future__ import annotations

import json

import httpx
import pytest

from muscgen import Client
from muscgen.client.retries import Retries
from muscgen.errors import InternalError, MuscgenError, QueueFull, Rejected, Unavailable

JOB = {
    "id": "job_1",
    "status": "succeeded",
    "created_at": "2026-01-01T00:00:00Z",
    "urls": {"self": "/jobs/job_1", "cancel": "/c", "events": "/jobs/job_1/events", "audio": "/a"},
}


class Faulty(httpx.BaseTransport):
    """Answers in turn what it was given; an exception is raised."""

    def __init__(self, *outcomes) -> None:
        self.outcomes = list(outcomes)
        self.asked: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@pytest.fixture
def asleep(monkeypatch):
    """Pauses take no time and are noted."""
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    return pauses


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    return httpx.Response(
        status, json={"code": code, "detail": "so it is", "status": status}, headers=headers
    )


def client(*outcomes, url="http://muscgen", **options) -> tuple[Client, Faulty]:
    faulty = Faulty(*outcomes)
    return Client(url, transport=faulty, **options), faulty


def test_a_request_that_was_lost_is_sent_again_under_one_key(asleep):
    asked, faulty = client(
        httpx.ConnectError("gone"), httpx.ReadTimeout("late"), httpx.Response(202, json=JOB)
    )
    assert asked.submit("lofi").id == "job_1"
    assert len({request.headers["idempotency-key"] for request in faulty.asked}) == 1
    assert len(asleep) == 2


def test_pauses_grow_and_are_not_all_alike(asleep):
    for _ in range(20):
        asked, _ = client(*[httpx.ConnectError("gone")] * 5)
        with pytest.raises(Unavailable, match="gone"):
            asked.models()
    first, last = asleep[::4], asleep[3::4]
    assert max(first) <= 0.5 < 2 <= min(last)
    assert len(set(first)) > 10


def test_a_busy_service_says_when_to_come_back(asleep):
    busy = problem(429, "queue_full", **{"Retry-After": "7"})
    asked, _ = client(busy, problem(503, "queue_unavailable"), httpx.Response(200, json=JOB))
    assert asked.job("job_1").status == "succeeded"
    assert asleep[0] == 7.0


def test_a_pause_that_is_too_long_is_not_waited_for(asleep):
    asked, faulty = client(problem(429, "queue_full", **{"Retry-After": "3600"}))
    with pytest.raises(QueueFull) as refused:
        asked.submit("lofi")
    assert refused.value.retry_after_s == 3600
    assert asleep == []
    assert len(faulty.asked) == 1


def test_what_is_wrong_is_not_sent_again(asleep):
    asked, faulty = client(problem(422, "invalid_request"))
    with pytest.raises(Rejected):
        asked.submit("lofi")
    assert len(faulty.asked) == 1


def test_tries_have_an_end(asleep):
    asked, faulty = client(*[problem(503, "queue_unavailable")] * 3, retries=Retries(most=2))
    with pytest.raises(Unavailable):
        asked.submit("lofi")
    assert len(faulty.asked) == 3


def test_a_file_is_sent_whole_at_each_try(asleep, tmp_path):
    (tmp_path / "hum.wav").write_bytes(b"abc" * 100_000)
    artifact = {"id": "1", "url": "/artifacts/1", "sha256": "1", "content_type": "audio/wav", "bytes": 1}
    done = httpx.Response(201, json=artifact | {"duration": 1, "sample_rate": 1, "channels": 1})
    asked, faulty = client(httpx.WriteError("broken"), done)
    asked.upload(tmp_path / "hum.wav")
    assert [len(request.content) for request in faulty.asked] == [300_000, 300_000]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(502, text="<html>proxy</html>"), Unavailable),
        (httpx.Response(500, text="oops"), InternalError),
        (httpx.Response(404, json=["not", "a", "problem"]), Rejected),
        (problem(418, "a_code_of_tomorrow"), Rejected),
    ],
)
def test_answers_of_others_are_errors_too(asleep, answer, kind):
    asked, _ = client(answer, retries=Retries(most=0))
    with pytest.raises(kind):
        asked.models()


def test_events_go_on_after_a_broken_connection(asleep):
    def part(*numbers):
        yield b": heartbeat\n\n"
        for number in numbers:
            kind = b"completed" if number == 3 else b"progress"
            yield b"id: %d\nevent: %s\ndata: %s\n\n" % (number, kind, json.dumps({"n": number}).encode())
        if numbers[-1] != 3:
            raise httpx.ReadError("cut")

    asked, faulty = client(
        httpx.Response(200, json=JOB),
        httpx.Response(200, stream=_Stream(part(1, 2))),
        httpx.Response(200, stream=_Stream(part(3))),
    )
    assert [event.payload["n"] for event in asked.job("job_1").events()] == [1, 2, 3]
    assert faulty.asked[2].headers["last-event-id"] == "2"


def test_a_torn_file_is_never_left_behind(tmp_path):
    def torn():
        yield b"RIFF"
        raise httpx.ReadError("cut")

    output = {
        "index": 0,
        "seed": 1,
        "stream_url": "/s",
        "artifact": {
            "id": "1", "url": "/artifacts/1", "sha256": "0" * 64, "content_type": "audio/wav", "bytes": 8,
            "duration": 1, "sample_rate": 1, "channels": 1,
        },
    }  # fmt: skip
    done = JOB | {"outputs": [output], "request": {"output": {"format": "wav"}}}
    asked, _ = client(
        httpx.Response(200, json=done),
        httpx.Response(200, stream=_Stream(torn())),
        httpx.Response(200, content=b"another file"),
    )
    job = asked.job("job_1")
    with pytest.raises(Unavailable):
        job.save(tmp_path / "song.wav")
    with pytest.raises(MuscgenError, match="sha256"):
        job.save(tmp_path / "song.wav")
    assert list(tmp_path.iterdir()) == []


def test_addresses_are_found_where_the_service_is_mounted():
    there = JOB | {"urls": {name: f"/music{url}" for name, url in JOB["urls"].items()}}
    asked, faulty = client(*[httpx.Response(200, json=there)] * 2, url="http://muscgen/music")
    asked.job("job_1").refresh()
    assert [request.url.path for request in faulty.asked] == ["/music/jobs/job_1"] * 2


class _Stream(httpx.SyncByteStream):
    def __init__(self, parts) -> None:
        self._parts = parts

    def __iter__(self):
        return self._parts
