"""Links of the documentation lead somewhere, also to the right place of a page."""

from __future__ import annotations

import re

import pytest

from pages.markdown import anchor

from .blocks import ROOT, pages

PAGES = [*pages(), "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "MODEL_LICENSES.md"]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+?)\s*$", re.MULTILINE)
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)


def anchors(text: str) -> set[str]:
    titles = HEADING.findall(re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    return {anchor(re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title)) for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_a_file_and_a_heading_that_are_there(page):
    text = (ROOT / page).read_text("utf-8")
    broken = []
    for link in LINK.findall(CODE.sub("", text)):
        path, _, place = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        if not target.exists():
            broken.append(link)
        elif place and target.suffix == ".md" and place not in anchors(target.read_text("utf-8")):
            broken.append(f"{link}: no such heading")
    assert broken == []
