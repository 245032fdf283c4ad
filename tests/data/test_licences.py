"""What a licence is called, and what is not sure enough."""

from __future__ import annotations

import pytest

from muscgen.data.licence import licence_of
from muscgen.data.track import Claim
from muscgen.rights.policies import policy_of


def spdx(kind: str, *texts: str) -> str:
    return licence_of([Claim(kind, text, "a table") for text in texts]).spdx


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("http://creativecommons.org/licenses/by-nc-sa/3.0/", "CC-BY-NC-SA-3.0"),
        ("https://creativecommons.org/licenses/by/4.0/legalcode", "CC-BY-4.0"),
        ("http://creativecommons.org/licenses/by-nc-nd/3.0/us/", "CC-BY-NC-ND-3.0"),
        ("http://creativecommons.org/licenses/by-nd-nc/1.0/", "CC-BY-NC-ND-1.0"),
        ("http://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("creativecommons.org/publicdomain/mark/1.0", "CC-PDM-1.0"),
        ("http://creativecommons.org/licenses/publicdomain/", "CC-PDDC"),
        ("http://creativecommons.org/licenses/sampling+/1.0/", ""),
        ("http://www.freemusicarchive.org/FMA_License", ""),
        ("http://evil.example/creativecommons.org/licenses/by/4.0/", ""),
        ("http://creativecommons.org/licenses/by/9.0/", ""),
        ("https://creativecommons.org/licenses/by/4.0/deed.en?ref=chooser-v1", "CC-BY-4.0"),
        ("https://creativecommons.org/licenses/by/4.0/ and, for vocals, licenses/by-nc/4.0/", ""),
        ("https://creativecommons.org/licenses/by/4.0/,creativecommons.org/licenses/by-nc/4.0/", ""),
        ("https://creativecommons.org/licenses/by/4.0/not-for-training", ""),
    ],
)
def test_an_address_names_a_licence(address, found):
    assert spdx("url", address) == found


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("Attribution-NonCommercial-ShareAlike 3.0 International", "CC-BY-NC-SA-3.0"),
        ("Attribution-Noncommercial-No Derivative Works 3.0 United States", "CC-BY-NC-ND-3.0"),
        ("Attribution-NonCommercial-NoDerivatives (aka Music Sharing) 3.0 International", "CC-BY-NC-ND-3.0"),
        ("Attribution-NonCommercial-ShareAlike 2.0 UK: England & Wales", "CC-BY-NC-SA-2.0"),
        ("CC BY-NC-SA 4.0", "CC-BY-NC-SA-4.0"),
        ("CC0 1.0 Universal", "CC0-1.0"),
        ("Public Domain Mark 1.0", "CC-PDM-1.0"),
        ("FMA-Limited: Download Only", ""),
        ("Free Art License", ""),
        ("Sampling Plus 1.0", ""),
        ("Public Domain", ""),  # by whose word?
        ("All rights reserved", ""),
        ("by me 4.0", ""),
        ("Attribution 4.0, only with permission", ""),
        ("Attribution", ""),  # of which version?
        ("Creative Commons Zero v1.0 Universal", "CC0-1.0"),
        ("CC0 1.0 Universal (CC0 1.0) Public Domain Dedication", "CC0-1.0"),
        ("Attribution 3.0 Österreich", "CC-BY-3.0"),
        ("CC BY-SA 3.0 DE", "CC-BY-SA-3.0"),
        ("CC BY 4.0, personal use", ""),
        ("CC BY 4.0 (AI training forbidden)", ""),
        ("CC BY 4.0 個人利用のみ", ""),
        ("CC BY 4.0 non-profit", ""),
        ("CC BY-NonComm 4.0", ""),
        ("Attribution - Pas de Modification 4.0 International", ""),
        ("CC BY 3.0, CC BY 4.0", ""),  # which?
        ("CC BY 4.0 and CC BY-NC 4.0", "CC-BY-NC-4.0"),
        ("CC0 / CC BY-NC 4.0", ""),
        ("CC0, CC BY", ""),
        ("Zeropage Media", ""),
        ("Zero rights granted", ""),
        ("zero-clause bsd", ""),
    ],
)
def test_a_title_names_a_licence(title, found):
    assert spdx("title", title) == found


def test_a_title_without_a_version_confirms_an_address():
    claims = [
        Claim("url", "http://creativecommons.org/licenses/by/3.0/", "raw_tracks.csv"),
        Claim("title", "Attribution", "tracks.csv"),
    ]
    licence = licence_of(claims)
    assert (licence.spdx, licence.url) == ("CC-BY-3.0", "http://creativecommons.org/licenses/by/3.0/")
    assert licence.evidence == tuple(claims)


@pytest.mark.parametrize(
    "title", ["Attribution-NonCommercial 3.0", "Attribution-NonCommercial", "Sampling Plus"]
)
def test_what_is_said_twice_and_differs_is_unknown(title):
    licence = licence_of(
        [Claim("url", "http://creativecommons.org/licenses/by/3.0/", "a"), Claim("title", title, "b")]
    )
    assert licence.spdx == ""
    assert "disagrees" in licence.why_not or "no licence known here" in licence.why_not


def test_an_id_may_also_be_an_address_or_a_title():
    assert spdx("spdx", "cc-by-4.0") == "CC-BY-4.0"
    assert spdx("spdx", "MIT") == "MIT"
    assert spdx("spdx", "https://creativecommons.org/licenses/by/4.0/") == "CC-BY-4.0"
    assert spdx("spdx", "CC BY 4.0", "CC-BY-4.0") == "CC-BY-4.0"
    assert spdx("spdx", "proprietary") == ""


def test_a_licences_text_says_its_name_at_the_beginning():
    assert spdx("text", "Creative Commons Legal Code\n\nCC0 1.0 Universal\n\n    NOT A LAW FIRM") == "CC0-1.0"
    assert spdx("text", "My songs. (c) me. See https://creativecommons.org/licenses/by/4.0/.") == "CC-BY-4.0"
    assert spdx("text", "Mine. Nobody may do anything.") == ""
    legal = (
        "By exercising the Licensed Rights, in a manner requiring permission, for informational purposes only"
    )
    name = "Creative Commons Attribution 4.0 International Public License"
    assert spdx("text", f"{name}\n\n{legal}") == "CC-BY-4.0"
    assert spdx("text", f"{name}. No training. {legal}") == ""


@pytest.mark.parametrize(
    "text",
    [
        "CC BY 4.0 for the stems\nCC BY-NC 4.0 for the mixes",
        "CC BY 4.0\nCC BY-NC 4.0 for the mixes",
        "CC BY-NC 4.0\nhttps://creativecommons.org/licenses/by/4.0/",
        "CC0 1.0\nThe vocals are CC BY 4.0",
        "https://creativecommons.org/licenses/by/4.0/\nhttps://creativecommons.org/licenses/sampling+/1.0/",
        "https://creativecommons.org/licenses/by/4.0/, not for commercial use: non-commercial only",
        "All rights reserved. Only our logo is https://creativecommons.org/licenses/by/4.0/",
        "CC BY 4.0\nNo training of models on it.",
    ],
)
def test_a_text_that_speaks_of_more_than_one_licence_or_takes_some_of_it_back_is_not_read(text):
    assert spdx("text", text) == ""


def test_a_texts_heading_and_address_confirm_each_other():
    assert spdx("text", "# Creative Commons Attribution\n<https://creativecommons.org/licenses/by/4.0/>") == (
        "CC-BY-4.0"
    )


def test_nothing_said_is_unknown_and_permits_nothing():
    licence = licence_of([Claim("url", "  ", "a table")])
    assert (licence.spdx, licence.why_not) == ("", "nothing is said of a licence")
    assert policy_of(licence.spdx) == "unknown"


@pytest.mark.parametrize("version", ["1.0", "2.0", "2.5", "3.0", "4.0"])
def test_every_version_of_creative_commons_has_its_policy(version):
    assert policy_of(f"CC-BY-{version}") == policy_of(f"CC-BY-SA-{version}") == "allow-with-attribution"
    assert policy_of(f"CC-BY-NC-{version}") == policy_of(f"CC-BY-NC-SA-{version}") == "noncommercial-only"
    assert policy_of(f"CC-BY-ND-{version}") == "unknown"
