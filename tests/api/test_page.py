"""The playground's files; how it is used is tried in a browser (e2e)."""

from __future__ import annotations

import re

from tests.api.conftest import assert_problem


async def test_every_answer_has_a_nonce_of_its_own_and_no_inline_script(service):
    pages = [await service.http.get("/") for _ in range(2)]
    nonces = [re.search(r"'nonce-([\w-]+)'", page.headers["content-security-policy"])[1] for page in pages]
    assert nonces[0] != nonces[1]
    for page, nonce in zip(pages, nonces, strict=True):
        assert f'nonce="{nonce}"' in page.text
        assert "unsafe" not in page.headers["content-security-policy"]
        assert not re.search(r"<script(?![^>]*src=)|\son\w+=|https?://", page.text)


async def test_what_the_page_loads_is_there_and_may_be_kept_for_ever(service):
    page = (await service.http.get("/")).text
    assets = re.findall(r'"\./(assets/[^"]+)"', page)
    assert {name.rsplit(".", 1)[1] for name in assets} == {"js", "css"}
    for name in assets:
        asset = await service.http.get(f"/{name}")
        assert asset.status_code == 200
        assert "immutable" in asset.headers["cache-control"]
    assert (await service.http.get("/icon.svg")).headers["content-type"] == "image/svg+xml"


async def test_nothing_beside_the_page_is_handed_out(service):
    for path in ("/assets/..%2Findex.html", "/assets/none.js", "/assets/index.html", "/assets/x%00.js"):
        assert_problem(await service.http.get(path), 404, "not_found")
