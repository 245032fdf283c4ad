"""What leads back to songs, and who comes without a key."""

from __future__ import annotations

import time

import pytest

from muscgen.errors import RateLimited
from muscgen.jobs.traces import MOST, Traces, mark_trace, sound_trace
from muscgen.jobs.visits import Visits, site_of

SOON = 60.0


@pytest.fixture
def traces(queue):
    return Traces(queue.redis, queue.prefix)


@pytest.fixture
def visits(queue):
    return Visits(queue.redis, queue.prefix)


async def test_files_are_found_by_each_of_their_traces_the_latest_first(traces):
    until = time.time() + SOON
    await traces.note([sound_trace("ab"), mark_trace("01")], "one", until)
    await traces.note([sound_trace("cd"), mark_trace("01")], "two", until + 1)
    assert await traces.find([mark_trace("01")]) == ["two", "one"]
    assert await traces.find([sound_trace("ab"), mark_trace("01")]) == ["one", "two"]
    assert await traces.find([sound_trace("ef"), mark_trace("02")]) == []
    assert await traces.find([]) == []


async def test_a_trace_ends_with_its_file_and_a_later_one_keeps_it(traces, queue):
    await traces.note(["t"], "past", time.time() - 1)
    assert await traces.find(["t"]) == []
    await traces.note(["t"], "long", time.time() + SOON)
    await traces.note(["t"], "short", time.time() + 2)
    assert await traces.find(["t"]) == ["long", "short"]
    (key,) = [key async for key in queue.redis.scan_iter(f"{queue.prefix}:*trace*")]
    assert SOON - 5 < await queue.redis.ttl(key) <= SOON + 1


async def test_a_song_asked_for_a_thousand_times_has_a_bounded_trace(traces):
    for number in range(MOST + 5):
        await traces.note(["t"], f"file-{number:02}", time.time() + SOON + number)
    found = await traces.find(["t"])
    assert (len(found), found[0]) == (MOST, f"file-{MOST + 4:02}")


async def test_visits_are_counted_for_each_address(visits):
    for _ in range(3):
        await visits.count("192.0.2.1", 3)
    with pytest.raises(RateLimited, match="3 files a minute") as caught:
        await visits.count("192.0.2.1", 3)
    assert 1 <= caught.value.retry_after_s <= 60
    await visits.count("192.0.2.2", 3)


async def test_no_address_is_written_down_and_none_is_remembered_for_long(visits, queue):
    await visits.count("192.0.2.77", 3)
    (key,) = [key.decode() async for key in queue.redis.scan_iter(f"{queue.prefix}:*visits*")]
    assert "192.0.2.77" not in key
    assert 0 < await queue.redis.ttl(key) <= 120


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("nobody", "nobody", True),
    ],
)
def test_a_household_is_one_visitor(one, other, same):
    assert (site_of(one) == site_of(other)) == same
