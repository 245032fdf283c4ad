"""The page as a person uses it."""

from __future__ import annotations

import io
import time
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from e2e.conftest import Visit
from tests.service.services import serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
MOST_KB = 250


def test_a_song_from_prompt_to_download(visit: Visit, tmp_path):
    visit.ask("calm solo piano, slow, C minor", seconds=3)
    song = visit.song("calm solo piano")
    for kind in ("wav", "mp3"):
        with visit.page.expect_download() as coming:
            song.get_by_label("Download").select_option(kind)
        file = tmp_path / coming.value.suggested_filename
        coming.value.save_as(file)
        assert file.name == f"calm-solo-piano-slow-c-minor.{kind}"
        assert soundfile.info(file).duration == pytest.approx(3, abs=0.1)


def test_what_is_measured_stands_beside_what_was_asked_with_the_marks(visit: Visit):
    visit.ask("upbeat funk, 125 bpm, A minor", seconds=8)
    song = visit.song("upbeat funk")
    song.get_by_text("Measured, and marks").click()
    expect(song.get_by_role("row", name="Loudness")).to_contain_text("-14 LUFS")
    expect(song.get_by_role("row", name="Length")).to_contain_text("8 s")
    expect(song.get_by_text("is heard in the file")).to_be_visible()
    expect(song.get_by_text("Licence of the model: Apache-2.0")).to_be_visible()
    song.get_by_text("Spectrogram").click()
    expect(song.get_by_role("img", name="Spectrogram")).to_be_visible()
    visit.picture("song")


def test_the_mark_of_a_short_song_is_not_called_missing(visit: Visit):
    visit.ask("short calm piano", seconds=2)
    song = visit.song("short calm piano")
    song.get_by_text("Measured, and marks").click()
    expect(song.get_by_text("too short to read it")).to_be_visible()


def test_a_file_is_verified_on_the_page(visit: Visit, tmp_path):
    visit.ask("slow waltz to verify", seconds=8)
    song = visit.song("slow waltz to verify")
    with visit.page.expect_download() as coming:
        song.get_by_label("Download").select_option("wav")
    file = tmp_path / "waltz.wav"
    coming.value.save_as(file)
    card = visit.page.get_by_role("region", name="Verify a file")
    card.get_by_label("A file").set_input_files(file)
    expect(card.get_by_text("waltz.wav: genuine")).to_be_visible()
    expect(card.get_by_role("row", name="watermark")).to_contain_text("found")
    expect(card.get_by_role("row", name="credentials")).to_contain_text("present")
    visit.picture("verify")
    card.get_by_label("A file").set_input_files(
        {"name": "noise.wav", "mimeType": "audio/wav", "buffer": _noise(seconds=2)}
    )
    expect(card.get_by_text("noise.wav: unknown")).to_be_visible()
    expect(card.get_by_role("row", name="watermark")).to_contain_text("too short")
    words = {"name": "words.txt", "mimeType": "text/plain", "buffer": b"no sound at all"}
    card.get_by_label("A file").set_input_files(words)
    expect(card.get_by_role("alert")).to_be_visible()


def _noise(seconds: int) -> bytes:
    file = io.BytesIO()
    samples = np.random.default_rng(7).uniform(-0.3, 0.3, 32_000 * seconds).astype(np.float32)
    soundfile.write(file, samples, 32_000, format="WAV")
    return file.getvalue()


def test_a_song_is_heard_while_it_is_made(visit: Visit):
    visit.ask("driving techno", seconds=20)
    song = visit.song("driving techno", "running")
    live = song.locator(".live canvas")
    live.wait_for()
    first = live.get_attribute("aria-label")
    expect(live).not_to_have_attribute("aria-label", first)  # it grows
    expect(song.get_by_role("progressbar")).to_be_visible()
    visit.picture("live")
    # The finished file goes on where the live sound was, or stands at its end where that is over.
    position = visit.song("driving techno").get_by_role("slider", name="Position")
    expect(position).not_to_have_value("0", timeout=30_000)


def test_cancel_stops_a_song(visit: Visit):
    visit.ask("bossa nova", seconds=120)
    song = visit.song("bossa nova", "running")
    song.get_by_role("button", name="Cancel").click()
    expect(visit.song("bossa nova", "cancelled")).to_contain_text("Cancelled.")


def test_a_refusal_is_told_in_the_services_words(visit: Visit):
    visit.page.get_by_text("More", exact=True).click()
    visit.page.get_by_label("What it is for").select_option("commercial")
    visit.page.get_by_role("spinbutton", name="Variations").fill("1")
    visit.page.get_by_role("spinbutton", name="Seconds").evaluate("e => e.removeAttribute('max')")
    visit.ask("polka", seconds=100_000)
    alert = visit.page.get_by_role("alert")
    expect(alert).to_contain_text("duration")
    expect(alert).to_contain_text("600")
    visit.picture("refusal")


def test_a_file_is_brought_with_consent_and_gone_on_from(visit: Visit):
    earlier = visit.service.ended(visit.service.ask(duration=2)["id"])
    noisy = io.BytesIO()
    samples, rate = soundfile.read(io.BytesIO(visit.service.content(earlier)))
    soundfile.write(noisy, samples * 0.5, rate, format="FLAC")
    page = visit.page
    page.get_by_text("Start from a sound").click()
    page.locator("form.compose input[type=file]").set_input_files(
        {"name": "mine.flac", "mimeType": "audio/flac", "buffer": noisy.getvalue()}
    )
    page.get_by_text("mine.flac, 0:02").wait_for()
    visit.ask("march", seconds=4)
    assert page.locator("article").filter(has_text="march").count() == 0  # by what right?
    page.get_by_role("combobox", name="Right").select_option("own")
    visit.ask("march", seconds=4)
    visit.song("march")


def test_the_microphone_becomes_a_sound_to_start_from(visit: Visit):
    page = visit.page
    page.get_by_text("Start from a sound").click()
    page.get_by_role("button", name="Record").click()
    page.wait_for_timeout(1_500)
    page.get_by_role("button", name="Stop and use it").click()
    page.get_by_text("recording, 0:0").wait_for()
    expect(page.get_by_text("By what right do you use this sound?")).to_be_visible()


def test_a_reload_in_mid_song_loses_nothing(visit: Visit):
    visit.ask("waltz with strings", seconds=20)
    visit.song("waltz", "running")
    visit.page.reload()
    visit.song("waltz")


def test_two_tabs_show_the_same_songs(visit: Visit):
    other = visit.another_tab()
    visit.ask("reggae with organ", seconds=2)
    visit.song("reggae")
    visit.song("reggae", page=other)
    visit.song("reggae").get_by_role("button", name="Delete").click()
    expect(visit.page.locator("article").filter(has_text="reggae")).to_have_count(0)


def test_longer_begins_as_the_song_did_and_variations_are_compared(visit: Visit):
    page = visit.page
    page.get_by_text("More", exact=True).click()
    page.get_by_role("spinbutton", name="Variations").fill("2")
    visit.ask("celtic dance with harp", seconds=2)
    song = visit.song("celtic")
    song.get_by_role("button", name="Compare as A").first.click()
    song.get_by_role("button", name="Compare as B").last.click()
    bar = page.get_by_role("complementary", name="Compare two songs")
    bar.get_by_role("button", name="Play both, hear one").click()
    bar.get_by_role("button", name="variation 2").click()
    expect(bar.get_by_role("button", name="variation 2")).to_have_attribute("aria-pressed", "true")
    visit.picture("compare")
    bar.get_by_role("button", name="Close").click()
    song.get_by_role("button", name="Make it longer").click()
    visit.song("0:12")


def test_sections_make_one_song(visit: Visit):
    page = visit.page
    page.get_by_label("In sections").check()
    for number, words in ((1, "soft piano"), (2, "loud brass")):
        page.get_by_label(f"Prompt of section {number}").fill(words)
        page.get_by_label(f"Seconds of section {number}").fill("2")
    page.get_by_role("button", name="Section 2 earlier").click()
    page.get_by_role("button", name="Make music").click()
    visit.song("loud brass / soft piano")


def test_helpers_write_into_the_prompt(visit: Visit):
    page = visit.page
    prompt = page.get_by_role("textbox", name="Prompt", exact=True)
    prompt.fill("folk, 94 bpm")
    page.get_by_label("Tempo").select_option("125")
    page.get_by_label("Key").select_option("E minor")
    page.get_by_label("Add instrument").select_option("harp")
    expect(prompt).to_have_value("folk, 125 bpm, E minor, harp")
    page.get_by_label("Tempo").select_option("")
    expect(prompt).to_have_value("folk, E minor, harp")


def test_a_song_is_made_with_the_keyboard_alone(visit: Visit):
    page = visit.page
    page.get_by_role("textbox", name="Prompt", exact=True).focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("lullaby, music box")
    page.get_by_role("spinbutton", name="Seconds").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    song = visit.song("lullaby")
    play = song.get_by_role("button", name="Play", exact=True)
    expect(play).to_be_enabled()
    play.focus()
    position = song.get_by_role("slider", name="Position")
    position.focus()
    page.keyboard.press("ArrowRight")
    expect(position).not_to_have_value("0")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screen_readers_meet_no_obstacle(visit: Visit, scheme):
    page = visit.page
    page.emulate_media(color_scheme=scheme)
    visit.ask("piano ballad", seconds=2)
    song = visit.song("piano ballad")
    for summary in page.locator("summary").all():
        summary.click()
    expect(song.get_by_role("img", name="Spectrogram")).to_be_visible()
    assert visit.faults == []
    violations = Axe().run(page).response["violations"]
    visit.faults.clear()  # the judge itself sets styles that the page's policy forbids
    told = [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in violations]
    assert told == []
    visit.picture(f"all-{scheme}")


def test_a_phone_shows_all_of_it(visit: Visit):
    page = visit.page
    page.set_viewport_size({"width": 390, "height": 844})
    visit.ask("chiptune, square lead", seconds=2)
    song = visit.song("chiptune")
    song.get_by_text("Measured, and marks").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    visit.picture("phone")


def test_the_page_is_small(visit: Visit):
    named = visit.page.eval_on_selector_all(
        "script[src], link[href]", "all => all.map(e => e.src || e.href)"
    )  # the icon too, which the browser fetches when it likes
    loaded = visit.page.evaluate("performance.getEntriesByType('resource').map(e => e.name)")
    paths = {urlsplit(url).path for url in [*named, *loaded]}
    parts = [path for path in paths if path.startswith(("/assets/", "/icon"))]
    sizes = [len(visit.service.client.get(path).content) for path in parts]
    assert len(sizes) >= 3
    assert sum(sizes) < MOST_KB * 1000


def test_a_service_with_keys_asks_for_one(browser, tmp_path):
    with serving(tmp_path / "closed", MUSCGEN_API_KEYS="correct-horse-battery-staple") as closed:
        context = browser.new_context()
        page = context.new_page()
        page.goto(closed.url)
        key = page.get_by_label("API key")
        key.fill("wrong")
        page.get_by_role("button", name="Use it").click()
        expect(page.get_by_role("alert")).to_be_visible()
        key.fill("correct-horse-battery-staple")
        page.get_by_role("button", name="Use it").click()
        page.wait_for_selector("form.compose")
        page.get_by_role("spinbutton", name="Seconds").fill("1")
        page.get_by_role("button", name="Make music").click()
        page.wait_for_selector("article[data-status=succeeded]")
        expect(page.get_by_role("button", name="Play", exact=True)).to_be_enabled()
        context.close()


def test_a_song_that_the_service_forgot_can_be_made_again(visit: Visit):
    visit.ask("ska with brass", seconds=1, seed=99)
    song = visit.song("ska")
    job = visit.page.evaluate("JSON.parse(localStorage.getItem('muscgen.history'))[0].id")
    visit.service.client.delete(f"/jobs/{job}")
    visit.page.reload()
    gone = visit.page.locator("article").filter(has_text="ska with brass").first
    gone.get_by_role("button", name="Again").click()
    song.wait_for()
    until = time.monotonic() + 20
    while time.monotonic() < until and visit.page.locator("article").filter(has_text="ska").count() < 2:
        time.sleep(0.1)
    assert visit.page.locator("article[data-status=succeeded]").filter(has_text="ska").count() == 1
