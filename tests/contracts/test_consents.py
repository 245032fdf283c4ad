"""Consents over every kind of server: what stands, what was begun, and what a revocation lists."""

from __future__ import annotations

import asyncio

import pytest
from queues import CONSENT

from muscgen.errors import ConsentNotFound
from muscgen.jobs.consents import INLINE_KEPT_S, Consents, Made


@pytest.fixture
def consents(queue):
    return Consents(queue.redis, queue.prefix)


def another(number, **changes):
    return CONSENT.model_copy(update={"id": f"consent_{number:032x}", **changes})


async def test_a_consent_is_kept_as_it_was_told_and_found_by_its_tenant_alone(consents):
    assert (await consents.put(CONSENT)).record == CONSENT
    changed = CONSENT.model_copy(update={"reference": "another contract"})
    assert (await consents.put(changed)).record == CONSENT
    assert (await consents.get(CONSENT.id, "acme")).revoked is None
    with pytest.raises(ConsentNotFound):
        await consents.get(CONSENT.id, "others")
    with pytest.raises(ConsentNotFound):
        await consents.revoke(CONSENT.id, "others")


async def test_a_tenants_consents_are_paged_the_newest_first(consents):
    for number in range(5):
        await consents.put(another(number))
    await consents.put(another(9, tenant="others"))
    first, place = await consents.of("acme", limit=3)
    rest, end = await consents.of("acme", limit=3, before=place)
    assert [held.record.id for held in first + rest] == [another(number).id for number in (4, 3, 2, 1, 0)]
    assert end is None


async def test_what_was_begun_is_listed_and_nothing_is_begun_after_the_revocation(consents):
    await consents.put(CONSENT)
    assert (await consents.use(CONSENT.id, "job_a")).revoked is None
    await consents.use(CONSENT.id, "job_a", ["file_1", "file_2"])
    await consents.use(CONSENT.id, "job_b")
    await consents.unuse(CONSENT.id, ["job_b"])
    revoked = (await consents.revoke(CONSENT.id, "acme", "they changed their mind")).revoked
    assert revoked.reason == "they changed their mind"
    assert (await consents.revoke(CONSENT.id, "acme", "again")).revoked == revoked
    assert (await consents.use(CONSENT.id, "job_c")).revoked == revoked
    assert await consents.use(another(7).id, "job_c") is None
    made, _ = await consents.made(CONSENT.id)
    assert [(use.job, use.artifact) for use in made] == [
        ("job_a", None), ("job_a", "file_1"), ("job_a", "file_2")
    ]  # fmt: skip
    assert isinstance(made[0], Made)
    assert [held.record.id for held in await consents.behind("file_1")] == [CONSENT.id]
    assert await consents.behind("file_9") == []


async def test_a_use_and_a_revocation_at_once_leave_no_use_that_is_not_listed(consents):
    await consents.put(CONSENT)

    async def use(number):
        held = await consents.use(CONSENT.id, f"job_{number}")
        return f"job_{number}" if held.revoked is None else None

    *begun, _ = await asyncio.gather(*map(use, range(40)), consents.revoke(CONSENT.id))
    made, place = await consents.made(CONSENT.id, limit=100)
    assert {use.job for use in made} == set(begun) - {None}
    assert place is None


async def test_a_consent_that_was_told_in_a_request_goes_unless_it_was_revoked(consents, client):
    inline = [another(number, inline=True) for number in range(2)]
    for record in inline:
        await consents.put(record)
        await consents.use(record.id, "job_a")
    await consents.revoke(inline[1].id)
    await consents.use(inline[1].id, "job_b")
    lives = [await client.ttl(consents._record(record.id)) for record in inline]
    assert INLINE_KEPT_S - 100 < lives[0] <= INLINE_KEPT_S
    assert lives[1] == -1
    assert await client.ttl(consents._made(inline[1].id)) == -1
