"""From what is said of a licence to its SPDX id, by rules, with the evidence. What is not sure is unknown.

Ports to a country's law are named by the international id of their version; the address in the evidence
says which port it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from muscgen.data.track import Claim, ClaimKind
from muscgen.rights.policies import KNOWN

_URL = re.compile(
    r"(?:https?://)?(?:www\.)?creativecommons\.org/(licenses|publicdomain)/([a-z0-9+-]+)(?:/(\d\.\d))?(?:/.*)?",
    re.IGNORECASE,
)
_KINDS = ("by", "by-sa", "by-nc", "by-nc-sa", "by-nd", "by-nc-nd")
_VERSIONS = ("1.0", "2.0", "2.1", "2.5", "3.0", "4.0")
_SPDX = re.compile(r"cc-(by(?:-(?:nc|sa|nd)){0,2})-(\d\.\d)", re.IGNORECASE)
_TITLE = re.compile(  # all that titles of these licences are made of, beside a country
    r"\b(?:creative commons|cc0?|by|nc|sa|nd|attribution|non ?commercial|share ?alike|no ?deriv\w*|works?|"
    r"zero|public domain|mark|dedication|universal|international|unported|generic|licen[cs]e|public|aka|"
    r"music sharing|intergovernmental organi[sz]ations?|igo|\d\.\d)(?![\w.])"
)
_CAVEATS = frozenset(
    {"no", "not", "only", "except", "reserved", "permission", "limited", "prohibited", "without"}
)
_COUNTRY_WORDS = 3  # England and Wales
_VERSION = re.compile(r"\b(\d\.\d)\b")
_TEXT_CHARS = 1_000  # a licence's text names itself at its beginning
_ND = re.compile(r"-ND-")


@dataclass(frozen=True, slots=True)
class Name:
    """What one claim comes to. A title without a version is half a name: it only confirms another claim."""

    kind: str  # by-nc-sa, zero, mark, or another SPDX id in full
    version: str = ""

    @property
    def spdx(self) -> str:
        match self.kind:
            case "zero":
                return "CC0-1.0"
            case "mark":
                return "CC-PDM-1.0"
            case "pddc":
                return "CC-PDDC"
            case kind if kind in _KINDS:
                return f"CC-{kind.upper()}-{self.version}" if self.version else ""
            case other:
                return other


@dataclass(frozen=True, slots=True)
class Licence:
    """An SPDX id and what it follows from; without an id, why not."""

    spdx: str
    evidence: tuple[Claim, ...]
    why_not: str = ""

    @property
    def url(self) -> str:
        """The address that was given, else Creative Commons' own for the id; empty for others."""
        given = (claim.text for claim in self.evidence if claim.kind == "url")
        return next(given, "") or _page(self.spdx)

    @property
    def forbids_derivatives(self) -> bool:
        return _ND.search(self.spdx) is not None


def _page(spdx: str) -> str:
    special = {"CC0-1.0": "publicdomain/zero/1.0", "CC-PDM-1.0": "publicdomain/mark/1.0"}
    match = _SPDX.fullmatch(spdx)
    page = special.get(spdx) or (f"licenses/{match[1].lower()}/{match[2]}" if match else "")
    return f"https://creativecommons.org/{page}/" if page else ""


def licence_of(claims: Iterable[Claim]) -> Licence:
    """All claims together. One that cannot be read, or that disagrees with another, makes it unknown."""
    said = tuple(claim for claim in claims if claim.text.strip())
    if not said:
        return Licence("", (), "nothing is said of a licence")
    names = []
    for claim in said:
        name = read(claim.kind, claim.text)
        if name is None:
            return Licence("", said, f"{claim.source}: {_shortened(claim.text)!r} is no licence known here")
        names.append(name)
    ids = {name.spdx for name in names if name.spdx}
    kinds = {name.kind for name in names}
    if len(ids) > 1 or len(kinds) > 1:
        found = ", ".join(sorted(ids) or sorted(kinds))
        return Licence("", said, f"what is said of the licence disagrees: {found}")
    if not ids:
        return Licence("", said, f"{said[0].source}: {_shortened(said[0].text)!r} names no version")
    return Licence(ids.pop(), said)


@cache
def read(kind: ClaimKind, text: str) -> Name | None:
    """None for what no rule knows."""
    return next(filter(None, (rule(text.strip()) for rule in _RULES[kind])), None)


def _by_url(text: str) -> Name | None:
    match = _URL.fullmatch(text)
    if match is None:
        return None
    family, kind, version = match[1].lower(), match[2].lower(), match[3] or ""
    if family == "publicdomain":
        return Name(kind) if kind in ("zero", "mark") and version == "1.0" else None
    if kind == "publicdomain":
        return Name("pddc")
    return _known(kind.replace("nd-nc", "nc-nd"), version)


def _by_spdx(text: str) -> Name | None:
    special = {"cc0-1.0": "zero", "cc-pdm-1.0": "mark", "cc-pddc": "pddc"}
    if text.lower() in special:
        return Name(special[text.lower()])
    if match := _SPDX.fullmatch(text):
        return _known(match[1].lower(), match[2])
    known = {name.lower(): name for name in KNOWN}
    return Name(known[text.lower()]) if text.lower() in known else None


def _by_title(text: str) -> Name | None:
    """Words that say more than a licence's name ("... only with permission") are not taken for one."""
    words = re.sub(r"[^a-z0-9.+]+", " ", text.lower()).strip(" .").replace("cc 0", "cc0")
    rest = _TITLE.sub(" ", words).split()
    if len(rest) > _COUNTRY_WORDS or _CAVEATS & {*rest}:
        return None
    tokens = set(words.split())
    if "cc0" in tokens or words.startswith(("zero", "creative commons zero")):
        return Name("zero")
    if "public domain" in words:
        if "mark" in tokens:
            return Name("mark")
        return Name("pddc") if "dedication" in tokens else None
    if "attribution" not in tokens and not words.startswith(("cc by", "by nc", "by sa", "by nd")):
        return None
    return _known(_kind(words), _version(words))


def _kind(words: str) -> str:
    """by, and what is added to it, in the order of Creative Commons' names."""
    tokens, run_together = set(words.split()), words.replace(" ", "")
    added = (
        ("nc", "noncommercial" in run_together or "nc" in tokens),
        ("sa", "sharealike" in run_together or "sa" in tokens),
        ("nd", "noderiv" in run_together or "nd" in tokens),
    )
    return "-".join(["by", *(name for name, there in added if there)])


def _by_text(text: str) -> Name | None:
    """The first thousand characters of a LICENSE file."""
    beginning = text[:_TEXT_CHARS]
    addresses = {
        found for word in re.split(r"[\s()<>\"]+", beginning) if (found := _by_url(word.rstrip(".,;")))
    }
    if len(addresses) == 1:
        return addresses.pop()
    lines = (line.strip(" #*=-\t") for line in beginning.splitlines())
    return next(filter(None, map(_by_title, lines)), None) if not addresses else None


def _known(kind: str, version: str) -> Name | None:
    return Name(kind, version) if kind in _KINDS and version in ("", *_VERSIONS) else None


def _version(words: str) -> str:
    match = _VERSION.search(words)
    return match[1] if match else ""


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:77]}..."


_RULES: dict[ClaimKind, tuple[Callable[[str], Name | None], ...]] = {
    "url": (_by_url,),
    "title": (_by_title,),
    "spdx": (_by_spdx, _by_url, _by_title),  # what people write where an id is asked for
    "text": (_by_text,),
}
