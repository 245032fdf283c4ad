"""Prompts that name artists and works."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest

from muscgen.errors import ConfigurationError, PromptRefused
from muscgen.request import GenerateRequest
from muscgen.rights.names import Entry, Names, read
from muscgen.rights.prompts import Prompts
from muscgen.settings import load


def wish(**fields: Any) -> GenerateRequest:
    return GenerateRequest.model_validate(fields)


@pytest.mark.parametrize(
    "prompt",
    [
        "a ballad by Taylor Swift",
        "TAYLOR-SWIFT ballad",
        "taylorswift ballad",
        "tay\u200blor sw\u00adift",
        "Tаylоr Swіft",  # Cyrillic letters
        "𝕋𝕒𝕪𝕝𝕠𝕣 𝕊𝕨𝕚𝕗𝕥",
        "t4yl0r $w1ft",
        "t a y l o r s w i f t",
        "Taylro Swift",
        "Tailor Swift",
        "Taylorr Swiift",
        "Beyonce",
        "something in the style of an unknown person",
        "smells like teen spirit, slower",
        "ᴛᴀʏʟᴏʀ ꜱᴡɪꜰᴛ",  # small capitals
        "ⓉⓐⓎⓛⓞⓡ Ⓢⓦⓘⓕⓣ",
        "Ηans Ζimmer",  # Greek capitals
        "a Somebody type beat",
        "in style of somebody",
        "Tay\u180elor Swift",  # hidden characters of other kinds
        "Tay\u3164lor Sw\ufe0fift",
        "T\u0336a\u0336y\u0336l\u0336o\u0336r\u0336 S\u0336w\u0336i\u0336f\u0336t\u0336",
        "🅃🄰🅈🄻🄾🅁 🅂🅆🄸🄵🅃",
        "🆃🅰🆈🅻🅾🆁 🆂🆆🅸🅵🆃",
        "🇹🇦🇾🇱🇴🇷 🇸🇼🇮🇫🇹",
        "tɑylor swıft",
        "Ta yl or Sw if t",
        "Tay-lor-Swi-ft",
        "t*a*y*l*o*r s*w*i*f*t",
        "early Beatles",
        "inthestyleof somebody",
        "in\u200bthe\u2063style of somebody",
    ],
)
def test_a_name_is_found_however_it_is_written(prompt):
    with pytest.raises(PromptRefused) as refusal:
        Prompts("reject").apply(wish(prompt=prompt))
    assert refusal.value.param == "prompt"
    assert "instruments" in (refusal.value.suggestion or "")


@pytest.mark.parametrize(
    "prompt",
    [
        "lofi hip hop, mellow electric piano",
        "swift strings, tailor made for a calm evening",
        "in the style of bossa nova, 120 bpm",
        "a metallic drone and a play of light",
        "80s synthwave in A minor, 3/4",
        "a type beat",
        "a trap type beat, 140 bpm",
        "piano. type beat",
    ],
)
def test_ordinary_words_are_left_alone(prompt):
    asked = wish(prompt=prompt)
    assert Prompts("reject").apply(asked) == (asked, ())


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": "calm", "negative_prompt": "Hans Zimmer"}, "negative_prompt"),
        (
            {"sections": ({"prompt": "calm", "duration": 4.0}, {"prompt": "hans zimmer", "duration": 4.0})},
            "sections.1.prompt",
        ),
    ],
)
def test_every_text_of_a_request_is_looked_at(fields, param):
    with pytest.raises(PromptRefused) as refusal:
        Prompts("reject").apply(wish(**fields))
    assert refusal.value.param == param


def test_a_rewritten_prompt_describes_instead_of_naming():
    made, warnings = Prompts("rewrite").apply(wish(prompt="a slow theme by Hans Zimmer, 60 bpm"))
    assert made.prompt == "a slow theme by epic film music with ostinato strings and low brass, 60 bpm"
    assert warnings == ("prompt was rewritten: 'Hans Zimmer' left out or described",)


def test_a_name_before_a_phrase_goes_with_it():
    made, _ = Prompts("rewrite").apply(wish(prompt="slow, a Somebody type beat, 60 bpm"))
    assert made.prompt == "slow, a, 60 bpm"
    made, _ = Prompts("rewrite").apply(wish(prompt="a Taylor Swift type beat, 60 bpm"))
    assert made.prompt == "a bright acoustic pop with guitars type beat, 60 bpm"


def test_names_in_other_scripts_are_listed_and_found_in_any_case():
    names = Names.of([Entry("artist", "Земфира"), Entry("artist", "Νίκος Παπάζογλου")])
    for said in ("песня Земфиры", "ЗЕМФИРА", "νίκος παπάζογλου", "ΝΙΚΟΣ ΠΑΠΑΖΟΓΛΟΥ"):
        assert bool(names.find(said)) == ("фиры" not in said), said


def test_a_prompt_of_which_nothing_would_be_left_is_refused():
    with pytest.raises(PromptRefused, match="says nothing beside"):
        Prompts("rewrite").apply(wish(prompt="in the style of somebody"))


def test_a_warning_leaves_the_words_and_off_says_nothing():
    asked = wish(prompt="like Metallica")
    assert Prompts("warn").apply(asked)[0] == asked
    assert "'Metallica'" in Prompts("warn").apply(asked)[1][0]
    assert Prompts("off").apply(asked) == (asked, ())


def test_the_log_holds_a_digest_and_no_word_of_the_prompt(caplog):
    caplog.set_level(logging.INFO)
    Prompts("warn").apply(wish(prompt="like Metallica"))
    [record] = caplog.records
    assert "etallica" not in str(vars(record))
    assert len(record.fields["digest"]) == 16


def test_lists_of_ones_own(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("artist: Erika Mustermann => piano  # ours\nallow: taylor swift dance\n", "utf-8")
    settings = load({"MUSCGEN_PROMPT_LISTS": str(path), "MUSCGEN_PROMPT_POLICY": "reject"})
    prompts = Prompts(settings.prompt_policy, settings.prompt_lists)
    with pytest.raises(PromptRefused, match="erika"):
        prompts.apply(wish(prompt="erika mustermann"))
    assert prompts.apply(wish(prompt="a taylor swift dance"))[1] == ()
    path.write_text("artist Somebody", "utf-8")
    with pytest.raises(ConfigurationError, match="line 1"):
        list(read(path))


def test_a_thousand_names_cost_less_than_a_millisecond():
    syllables = ["ba", "ker", "lo", "mi", "ston", "ra", "den", "fi", "gor", "ny"]
    names = Names.of(
        Entry("artist", f"{a}{b} {c}{a}{b}ton") for a in syllables for b in syllables for c in syllables
    )
    prompt = "upbeat funk with slap bass and drums, 125 bpm, A minor, warm brass, a long fade and a choir"
    best = min(_seconds(lambda: names.find(prompt)) for _ in range(20))
    assert best < 0.001


def _seconds(work: Any) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
