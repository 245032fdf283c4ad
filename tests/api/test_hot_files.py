"""The API over a store whose small files are in Redis: as fast as that, and as discreet as ever."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from muscgen.artifacts import HotStore
from muscgen.errors import StoreUnavailable
from muscgen.jobs.connect import connect_blocking

from .conftest import SONG, assert_problem
from .test_uploads import TONE, artifact, key

KEYS = {"api_keys": ("one", "two")}
_numbers = itertools.count()


@pytest.fixture
def hot(make_service, server, monkeypatch):
    """A service, and a way to take its store away."""
    client = connect_blocking(server.url, timeout_s=5.0)

    def make(**settings):
        service = make_service(**settings)
        prefix = f"hot{next(_numbers)}:{{hot}}"
        store = HotStore(service.store, client, largest_bytes=200_000, total_bytes=1_000_000, prefix=prefix)
        service.app.state.house = replace(service.app.state.house, store=store)
        return service

    yield make
    client.close()


def take_away(service, monkeypatch):
    def away(*_, **__):
        raise StoreUnavailable("the store of files does not answer")

    for name in ("look", "open"):
        monkeypatch.setattr(service.store, name, away)


async def test_a_hot_file_is_answered_whole_and_in_part_without_the_store(hot, monkeypatch):
    service = hot()
    await service.job()
    url = f"/artifacts/{await service.play()}"
    assert (await service.http.get(url)).content == SONG
    take_away(service, monkeypatch)
    assert (await service.http.get(url)).content == SONG
    assert (await service.http.get(url, headers={"Range": "bytes=5-8"})).content == SONG[5:9]
    assert (await service.http.head(url)).headers["content-length"] == str(len(SONG))


async def test_nobody_else_sees_it(hot, monkeypatch):
    service = hot(**KEYS)
    kept = await artifact(service, **key("one"))
    assert (await service.http.get(kept["url"], headers=key("one"))).content == TONE
    take_away(service, monkeypatch)
    assert (await service.http.get(kept["url"], headers=key("one"))).content == TONE
    assert_problem(await service.http.get(kept["url"], headers=key("two")), 404, "artifact_not_found", "id")
    assert_problem(await service.http.get(kept["url"]), 401, "unauthorized", "Authorization")


async def test_what_was_taken_back_or_deleted_is_gone_at_once(hot):
    service = hot(**KEYS)
    kept = await artifact(service, **key("one"))
    await artifact(service, **key("two"))
    for name in ("one", "two"):
        assert (await service.http.get(kept["url"], headers=key(name))).content == TONE
    await service.http.delete(kept["url"], headers=key("one"))
    assert (await service.http.get(kept["url"], headers=key("one"))).status_code == 404
    assert (await service.http.get(kept["url"], headers=key("two"))).content == TONE
    await service.http.delete(kept["url"], headers=key("two"))
    assert (await service.http.get(kept["url"], headers=key("two"))).status_code == 404


@pytest.mark.parametrize("keys", [{}, KEYS])
async def test_a_song_goes_with_its_job(hot, keys):
    service = hot(**keys)
    headers = key("one") if keys else {}
    job = (await service.post(headers)).json()
    url = f"/artifacts/{await service.play()}"
    assert (await service.http.get(url, headers=headers)).content == SONG
    await service.http.delete(f"/jobs/{job['id']}", headers=headers)
    assert (await service.http.get(url, headers=headers)).status_code == 404
