"""Files: whole, in part, or not again."""

from __future__ import annotations

import errno
import os

import pytest

from muscgen.artifacts import DirectoryStore
from muscgen.errors import StoreUnavailable

from .conftest import SONG, assert_problem


@pytest.fixture
async def url(service):
    await service.job()
    return f"/artifacts/{await service.play()}"


async def test_the_file_comes_whole_and_may_be_kept(service, url):
    answer = await service.http.get(url)
    assert (answer.status_code, answer.content) == (200, SONG)
    digest = url.rsplit("/", 1)[1]
    assert answer.headers["etag"] == f'"{digest}"'
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["accept-ranges"] == "bytes"
    assert f"muscgen-{digest[:12]}.wav" in answer.headers["content-disposition"]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_head_tells_the_same_without_the_file(service, url):
    head, get = await service.http.head(url), await service.http.get(url)
    assert head.content == b""
    drop = {"x-request-id"}
    assert {k: v for k, v in head.headers.items() if k not in drop} == {
        k: v for k, v in get.headers.items() if k not in drop
    }


@pytest.mark.parametrize(
    ("header", "first", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=100-", 100, len(SONG)),
        ("bytes=-5", len(SONG) - 5, len(SONG)),
        ("bytes=0-999999999", 0, len(SONG)),
        ("bytes=-999999999", 0, len(SONG)),
        ("Bytes=3-4", 3, 5),
    ],
)
async def test_one_range_is_206(service, url, header, first, end):
    answer = await service.http.get(url, headers={"Range": header})
    assert (answer.status_code, answer.content) == (206, SONG[first:end])
    assert answer.headers["content-range"] == f"bytes {first}-{end - 1}/{len(SONG)}"
    assert answer.headers["content-length"] == str(end - first)


@pytest.mark.parametrize(
    "header", ["bytes=0-1,3-4", "bytes=5-2", "bytes=-", "bytes=a-b", "items=0-1", "bytes", "bytes=--1", ""]
)
async def test_a_range_that_cannot_be_read_is_the_whole_file(service, url, header):
    answer = await service.http.get(url, headers={"Range": header})
    assert (answer.status_code, len(answer.content)) == (200, len(SONG))


@pytest.mark.parametrize("header", [f"bytes={len(SONG)}-", "bytes=999999-1000000", "bytes=-0"])
async def test_a_range_after_the_end_is_416(service, url, header):
    answer = await service.http.get(url, headers={"Range": header})
    assert_problem(answer, 416, "range_not_satisfiable", "Range")
    assert answer.headers["content-range"] == f"bytes */{len(SONG)}"


async def test_if_range_counts_only_for_the_same_file(service, url):
    tag = (await service.http.head(url)).headers["etag"]
    for given, status in ((tag, 206), ('"other"', 200), (f"W/{tag}", 200)):
        answer = await service.http.get(url, headers={"Range": "bytes=0-1", "If-Range": given})
        assert answer.status_code == status


async def test_a_file_the_client_has_is_304(service, url):
    tag = (await service.http.head(url)).headers["etag"]
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        answer = await service.http.get(url, headers={"If-None-Match": known, "Range": "bytes=0-1"})
        assert (answer.status_code, answer.content) == (304, b"")
        assert "immutable" in answer.headers["cache-control"]
    assert (await service.http.get(url, headers={"If-None-Match": '"x"'})).status_code == 200


@pytest.mark.parametrize("name", ["0" * 64, "0" * 63, "A" * 64, "..%2F..%2Fetc%2Fpasswd", "%00"])
async def test_an_unknown_file_is_404(service, name):
    for method in ("GET", "HEAD"):
        answer = await service.http.request(method, f"/artifacts/{name}")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_file_is_not_answered_after_its_job_has_expired(service):
    job = await service.job()
    claim = await service.claim()
    artifact = service.store.put(
        b"RIFFold", owner=claim.job_id, content_type="audio/wav", extension="wav", duration_s=1.0,
        sample_rate=8, channels=1, expires_at=1.0,
    )  # fmt: skip
    assert (await service.http.get(f"/artifacts/{artifact.id}")).status_code == 200
    await service.queue.delete(job["id"])
    assert_problem(await service.http.get(f"/artifacts/{artifact.id}"), 404, "artifact_not_found", "id")


async def test_damage_is_never_taken_for_the_song(service, url):
    digest = url.rsplit("/", 1)[1]
    path = service.store._root / digest[:2] / f"{digest}.wav"
    path.write_bytes(b"x" * len(SONG))
    assert_problem(await service.http.get(url), 500, "internal_error")
    path.write_bytes(SONG[:-1])
    with pytest.raises(ConnectionAbortedError):  # the connection is cut
        await service.http.get(url)
    path.write_bytes(SONG)
    assert (await service.http.get(url)).content == SONG


async def test_damage_at_the_end_of_a_large_file_cuts_it_short(service):
    await service.job()
    large = SONG * 200  # several pieces
    digest = await service.play(large)
    path = service.store._root / digest[:2] / f"{digest}.wav"
    path.write_bytes(large[:-1] + b"!")
    with pytest.raises(ConnectionAbortedError):
        await service.http.get(f"/artifacts/{digest}")


async def test_a_store_that_is_away_is_503_before_a_byte_is_sent(service, url, monkeypatch):
    def away(*_, **__):
        raise StoreUnavailable("the store of files does not answer", retry_after_s=5.0)

    class Broken:
        def seek(self, place): ...
        def __enter__(self):
            return self

        def __exit__(self, *_): ...

        read = away

    monkeypatch.setattr(DirectoryStore, "open", lambda *_, **__: Broken())
    answer = await service.http.get(url)
    assert_problem(answer, 503, "store_unavailable")
    assert answer.headers["retry-after"] == "5"
    monkeypatch.setattr(DirectoryStore, "look", away)
    assert_problem(await service.http.get(url), 503, "store_unavailable")
    assert (await service.http.head(url)).status_code == 503


async def test_a_disk_that_is_full_or_read_only_is_said_so(service, monkeypatch):
    for number, status, code in (
        (errno.ENOSPC, 507, "store_full"),
        (errno.EROFS, 503, "store_unavailable"),
        (errno.EIO, 503, "store_unavailable"),
    ):

        def failing(*_, number=number):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr("tempfile.TemporaryFile", lambda failing=failing, **_: Failing(failing))
        for sent in ({"content": b"x" * 9}, {"files": {"file": b"x" * 9}}):
            kind = {} if "files" in sent else {"Content-Type": "audio/wav"}
            answer = await service.http.post("/artifacts", headers=kind, **sent)
            problem = assert_problem(answer, status, code)
            assert problem["retryable"]


class Failing:
    def __init__(self, write):
        self.write = write

    def close(self): ...
    def __enter__(self):
        return self

    def __exit__(self, *_): ...
