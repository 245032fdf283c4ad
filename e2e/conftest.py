"""A real service and a real browser: Chromium of the system, found on PATH."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.service.services import Service, serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SONG_LIMIT_MS, SIGHT_LIMIT_MS = 100_000, 30_000  # on a machine that does other things too
expect.set_options(timeout=SIGHT_LIMIT_MS)
PICTURES = Path("out/e2e")
HOUSE = (
    "music.house"  # this machine by another name: to browsers no secure context, like an address of a network
)
# No sandbox, since CI runs as root; a microphone that sings a tone; no talk with the vendor.
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    f"--host-resolver-rules=MAP {HOUSE} 127.0.0.1",
]


@pytest.fixture(scope="session")
def browser():
    assert CHROMIUM, "make e2e needs Chromium on PATH (Debian: apt-get install chromium)"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("service")) as running:
        yield running


class Visit:
    """A page that is watched: errors of scripts and requests to elsewhere fail the test."""

    def __init__(self, context: BrowserContext, service: Service, url: str | None = None) -> None:
        self.service = service
        self.url = url or service.url
        self.context = context
        self.faults: list[str] = []
        self.bytes = 0
        self.page = self.another_tab()

    def another_tab(self) -> Page:
        page = self.context.new_page()
        page.set_default_timeout(SIGHT_LIMIT_MS)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda line: self._console(line.type, line.text))
        page.on("request", lambda request: self._request(request.url))
        page.goto(self.url)
        page.wait_for_selector("form.compose")
        return page

    def _console(self, kind: str, text: str) -> None:
        # The browser itself reports every answer of 400 and above, which the page tells in words.
        if kind == "error" and "Failed to load resource" not in text:
            self.faults.append(text)

    def _request(self, url: str) -> None:
        if not url.startswith((self.url, "blob:", "data:")):
            self.faults.append(f"asked for {url}")

    def ask(self, prompt: str, seconds: float = 2, seed: int = 7) -> None:
        page = self.page
        page.get_by_role("textbox", name="Prompt", exact=True).fill(prompt)
        page.get_by_role("spinbutton", name="Seconds").fill(str(seconds))
        page.get_by_role("spinbutton", name="Seed").fill(str(seed))
        page.get_by_role("button", name="Make music").click()

    def song(self, prompt: str, status: str = "succeeded", page: Page | None = None):
        found = (page or self.page).locator(f"article[data-status={status}]").filter(has_text=prompt).first
        found.wait_for(timeout=SONG_LIMIT_MS)
        return found

    def picture(self, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


@contextlib.contextmanager
def visiting(browser: Browser, service: Service, url: str | None = None) -> Iterator[Visit]:
    context = browser.new_context(accept_downloads=True, permissions=["microphone"])
    visit = Visit(context, service, url)
    yield visit
    context.close()
    assert visit.faults == []


@pytest.fixture
def visit(browser: Browser, service: Service):
    with visiting(browser, service) as visit:
        yield visit
