"""Words as they are compared: without case, accents, hidden characters, lookalikes and doubled letters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

# What is not seen, or is put on a letter: it parts no word.
_HIDDEN = (
    "\u00ad\u0300-\u036f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u1ab0-\u1aff\u1dc0-\u1dff\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u20d0-\u20ff\u3164\ufe00-\ufe0f\ufe20-\ufe2f\ufeff\uffa0\U000e0000-\U000e0fff"
)
# Letters in circles, squares and flags are signs to `re`.
_CIRCLED = "\u249c-\u24e9\U0001f110-\U0001f189\U0001f1e6-\U0001f1ff"
# Of those the white ones on black, and flags, which no normal form makes letters of.
_SIGNS = {first + i: chr(97 + i) for first in (0x1F150, 0x1F170, 0x1F1E6) for i in range(26)}
_FILLERS = dict.fromkeys(map(ord, "\u115f\u1160\u3164\uffa0"))  # letters by name, and blank
_WORD = re.compile(rf"(?:[^\W_]|[@$|{_HIDDEN}{_CIRCLED}]|(?<=\w)!(?=\w))+")
_AGAIN = re.compile(r"(.)\1+")
_SPELT_OUT = 3  # single letters in a row, from which on they are one word
_SMALL_CAPITALS = str.maketrans("ʙɢʜɪʟɴʀʏᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢꜰꜱ", "bghilnryacdejkmoptuvwzfs")
# Greek capitals that look Latin where their small letters do not: in words that have Latin letters too.
_GREEK = str.maketrans("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "abezhikmnoptyx")
_LATIN = re.compile("[a-zA-Z]")
# Cyrillic and Greek letters that look Latin; digits and signs that stand for letters; l and i are one.
_LOOKALIKE = str.maketrans(
    "аеорсухіјѕһԁԛԝкмтвнѵӏɑɩıʌɡոօսհοανρτυικχεβ0134578@$|!l",
    "aeopcyxijshdqwkmtbhviaiiagnouhoavptuikxeboieastbasiii",
)


@dataclass(frozen=True, slots=True)
class Word:
    """A folded word, and where it stands in the text."""

    text: str
    start: int
    end: int


def fold(text: str) -> str:
    """One word, folded."""
    text = unicodedata.normalize("NFKC", text.translate(_FILLERS))
    if not text.isascii():
        text = text.translate(_SIGNS).translate(_SMALL_CAPITALS)
        text = text.translate(_GREEK) if _LATIN.search(text) else text
    text = text.casefold()
    if not text.isascii():
        parts = unicodedata.normalize("NFKD", text)
        text = "".join(letter for letter in parts if unicodedata.category(letter) not in ("Mn", "Me", "Cf"))
    return _AGAIN.sub(r"\1", text.translate(_LOOKALIKE))


def words(text: str) -> list[Word]:
    """The words of a text, folded; letters that are spelt out one by one are one word."""
    found: list[Word] = []
    letters: list[Word] = []
    for match in _WORD.finditer(text):
        word = Word(fold(match[0]), match.start(), match.end())
        if len(word.text) == 1:
            letters.append(word)
            continue
        found += _spelt(letters)
        letters = []
        if word.text:
            found.append(word)
    return found + _spelt(letters)


def joined(parts: Iterable[str]) -> str:
    """Words without the spaces between them."""
    return _AGAIN.sub(r"\1", "".join(parts))


def one_apart(one: str, other: str) -> bool:
    """Whether a letter too many, too few, changed, or two exchanged make the one the other."""
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) > 1:
        return False
    at = next((i for i, letter in enumerate(one) if letter != other[i]), len(one))
    if len(one) < len(other):
        return one[at:] == other[at + 1 :]
    exchanged = one[at : at + 2] == other[at : at + 2][::-1] and one[at + 2 :] == other[at + 2 :]
    return exchanged or one[at + 1 :] == other[at + 1 :]


def _spelt(letters: list[Word]) -> list[Word]:
    if len(letters) < _SPELT_OUT:
        return letters
    return [Word(joined(letter.text for letter in letters), letters[0].start, letters[-1].end)]
