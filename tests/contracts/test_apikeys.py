"""API keys: only their digests are kept."""

from __future__ import annotations

import pytest

from muscgen.errors import InvalidRequest, NotFound
from muscgen.jobs.apikeys import ApiKeys, digest
from muscgen.jobs.limits import Limits


@pytest.fixture
def keys(queue):
    return ApiKeys(queue.redis, queue.prefix)


@pytest.fixture(autouse=True)
async def _kept_for_ever(queue):
    yield
    names = [name async for name in queue.redis.scan_iter(f"{queue.prefix}:apikey*")]
    if names:
        await queue.redis.delete(*names)


async def test_a_key_is_found_by_its_digest_with_all_that_was_said_of_it(keys):
    assert not await keys.any()
    key, text = await keys.create(
        "acme", scopes=["read"], limits=Limits(per_minute=3), expires_at=9e9, note="laptop"
    )
    assert await keys.find(digest(text)) == key
    assert (key.tenant, key.scopes, key.limits, key.note) == (
        "acme",
        {"read"},
        Limits(per_minute=3),
        "laptop",
    )
    assert await keys.any()
    assert await keys.find(digest(text + "x")) is None


async def test_redis_never_holds_the_key_itself(keys, queue):
    _, text = await keys.create("acme")
    secret = text.split("_", 2)[-1]  # which may have underscores itself
    async for name in queue.redis.scan_iter(f"{queue.prefix}:apikey*"):
        kind = (await queue.redis.type(name)).decode()
        value = await queue.redis.get(name) if kind == "string" else await queue.redis.hgetall(name)
        assert secret not in f"{name!r} {value!r}"
        assert text not in f"{name!r} {value!r}"


async def test_a_revoked_key_works_no_longer_and_stays_in_the_list(keys):
    key, _ = await keys.create("acme")
    assert key.works(key.created_at)
    first = await keys.revoke(key.id)
    assert not first.works(first.created_at)
    assert await keys.revoke(key.id) == first
    assert await keys.list() == [first]
    with pytest.raises(NotFound):
        await keys.revoke("nobody")


async def test_a_key_ends_at_its_time(keys):
    key, _ = await keys.create("acme", expires_at=100.0)
    assert key.works(99.9)
    assert not key.works(100.0)


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"tenant": ""}, "tenant"),
        ({"tenant": "a b"}, "tenant"),
        ({"tenant": "x" * 65}, "tenant"),
        ({"tenant": "caf\xe9"}, "tenant"),
        ({"tenant": "anyone"}, "tenant"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["write"]}, "scopes"),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused(keys, changes, param):
    with pytest.raises(InvalidRequest) as refused:
        await keys.create(**{"tenant": "acme"} | changes)
    assert refused.value.param == param
    assert not await keys.any()
