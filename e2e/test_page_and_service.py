"""The page and a service that is busy, away, of the house, or seen from two tabs."""

from __future__ import annotations

import contextlib
import re

import pytest
from playwright.sync_api import expect

from e2e.conftest import HOUSE, Visit, visiting
from tests.service.services import serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
MORE_THAN_SLOTS = 12


def test_the_page_works_at_an_address_of_the_house(browser, service):
    with visiting(browser, service, service.url.replace("127.0.0.1", HOUSE)) as visit:
        visit.ask("house music, plain http", seconds=1)
        visit.song("house music, plain http")
        visit.page.get_by_text("Start from a sound").click()
        visit.page.get_by_role("button", name="Record").click()
        expect(visit.page.get_by_role("alert")).to_contain_text("pages of https or of this machine")


def test_what_makes_music_is_seen_without_scrolling(visit: Visit):
    visit.page.set_viewport_size({"width": 1280, "height": 600})
    button = visit.page.get_by_role("button", name="Make music")
    expect(button).to_be_in_viewport(ratio=1)
    box = button.bounding_box()
    middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    assert (
        visit.page.evaluate("([x, y]) => document.elementFromPoint(x, y).textContent", middle) == "Make music"
    )
    visit.picture("low")


def test_a_song_that_waits_shows_its_place_and_moves_up(visit: Visit):
    before = [visit.service.ask(prompt="techno", duration=300)["id"] for _ in range(MORE_THAN_SLOTS)]
    try:
        visit.ask("patient waltz", seconds=1)
        words = visit.song("patient waltz", "queued").locator(".words")
        expect(words).to_have_text(re.compile(r"Waiting, \d+ before it, about \d+ (s|min)"))
        ahead = int(words.inner_text().split()[1])
        visit.picture("waiting")
        visit.service.client.post(f"/jobs/{before.pop()}/cancel")
        expect(words).to_contain_text(f"Waiting, {ahead - 1} before it" if ahead > 1 else "Waiting")
    finally:
        for job in before:
            visit.service.client.post(f"/jobs/{job}/cancel")
    visit.song("patient waltz")


def test_a_service_that_is_away_is_waited_for(browser, tmp_path):
    home = tmp_path / "home"
    with contextlib.ExitStack() as second:
        with serving(home, MUSCGEN_DRAIN_S="1") as first:
            visit = second.enter_context(visiting(browser, first))
            visit.ask("song of two lives", seconds=300)
            visit.song("song of two lives", "running")
        words = visit.page.locator("article .words")
        expect(words).to_contain_text("The service does not answer")
        visit.picture("away")
        port = first.url.rpartition(":")[2]
        second.enter_context(serving(home, "--port", port))
        expect(words).not_to_contain_text("does not answer")
        visit.song("song of two lives", "running").get_by_role("button", name="Cancel").click()
        visit.song("song of two lives", "cancelled")


def test_what_one_tab_deletes_is_gone_from_the_other(visit: Visit):
    other = visit.another_tab()
    visit.ask("polka for two tabs", seconds=1)
    visit.song("polka for two tabs", page=other)
    visit.song("polka for two tabs").get_by_role("button", name="Delete").click()
    expect(other.locator("article").filter(has_text="polka for two tabs")).to_have_count(0)


def test_one_song_is_heard_at_a_time(visit: Visit):
    visit.page.get_by_label("Play it while it is made").uncheck()
    for prompt in ("first of two songs", "second of two songs"):
        visit.ask(prompt, seconds=6)
    first, second = visit.song("first of two songs"), visit.song("second of two songs")
    for song in (first, second):
        song.get_by_role("button", name="Play", exact=True).click()
    expect(second.get_by_role("button", name="Pause")).to_be_visible()
    expect(first.get_by_role("button", name="Play", exact=True)).to_be_visible()


def test_a_song_of_sections_that_the_service_kept_is_made_longer(visit: Visit):
    sections = [{"prompt": "kept piano", "duration": 1}, {"prompt": "kept brass", "duration": 1}]
    answer = visit.service.client.post("/generate", json={"sections": sections, "seed": 7})
    visit.service.ended(answer.json()["id"])
    visit.page.reload()
    visit.song("kept piano / kept brass").get_by_role("button", name="Make it longer").click()
    visit.song("0:12")


def test_songs_are_fetched_when_they_come_near(visit: Visit):
    for number in range(12):
        visit.service.ended(visit.service.ask(prompt=f"song number {number}", duration=1)["id"])
    fetched = []
    visit.page.on("request", lambda request: "/artifacts/" in request.url and fetched.append(request.url))
    visit.page.reload()
    visit.song("song number 11").get_by_role("button", name="Compare as A").click()
    assert 0 < len(fetched) < 12
    visit.song("song number 0").scroll_into_view_if_needed()
    visit.song("song number 0").get_by_role("button", name="Compare as B").click()
