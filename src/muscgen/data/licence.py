"""From what is said of a licence to its SPDX id, by rules, with the evidence. What is not sure is unknown.

Ports to a country's law are named by the international id of their version; the address in the evidence
says which port it was.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from muscgen.data.track import Claim, ClaimKind
from muscgen.rights.policies import KNOWN

_URL = re.compile(
    r"(?:https?://)?(?:www\.)?creativecommons\.org/(licenses|publicdomain)/([a-z0-9+-]+)(?:/(\d\.\d))?"
    r"(?:/(?:[a-z]{2}|igo|scotland|rdf|(?:deed|legalcode)(?:\.[\w-]+)?))*/?(?:[?#][\w=&.-]*)?",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"creativecommons\.org/(?:licenses|publicdomain)/", re.IGNORECASE)
_KINDS = ("by", "by-sa", "by-nc", "by-nc-sa", "by-nd", "by-nc-nd")
_VERSIONS = ("1.0", "2.0", "2.1", "2.5", "3.0", "4.0")
_SPDX = re.compile(r"cc-(by(?:-(?:nc|sa|nd)){0,2})-(\d\.\d)", re.IGNORECASE)
_TITLE = re.compile(  # all that titles of these licences are made of, beside a country
    r"\b(?:creative commons|cc0?|by|nc|sa|nd|attribution|non ?commercial|share ?alike|no ?deriv\w*|works?|"
    r"zero|public domain|mark|dedication|certification|universal|international|unported|generic|licen[cs]e|"
    r"public|deed|aka|music sharing|intergovernmental organi[sz]ations?|igo|v?\d\.\d)(?![\w.])"
)
_PLACES = (  # countries of Creative Commons' ports, and what stands between their words
    "argentina armenia australia austria azerbaijan belgium brazil brasil bulgaria canada chile china "
    "colombia costa rica croatia czech republic denmark danmark deutschland ecuador egypt england espana "
    "estonia finland france georgia germany greece guatemala hong kong hungary iceland india indonesia "
    "ireland israel italia italy japan korea luxembourg macedonia mainland malaysia malta mexico moldova "
    "nederland netherlands new norge norway osterreich peru philippines poland polska portugal puerto "
    "rico romania schweiz scotland serbia singapore slovenia south africa spain suisse suomi sverige "
    "sweden switzerland taiwan thailand tunisia turkey uganda ukraine united kingdom states "
    "america uk us usa viet nam vietnam venezuela wales zealand au ca ch de es fr nl nz pl and of the port"
)
_COUNTRIES = frozenset(_PLACES.split())
_SPOKEN_OF = {  # what a text speaks of, whether or not its lines can be read
    "zero": re.compile(r"\bcc[\s-]?0\b|/zero/", re.IGNORECASE),
    "by": re.compile(r"\bcc[\s-]by\b|\battribution\b|/by[/-]", re.IGNORECASE),
    "nc": re.compile(r"\bnc\b|non[\s-]?comm", re.IGNORECASE),
    "sa": re.compile(r"\bsa\b|share[\s-]?alike", re.IGNORECASE),
    "nd": re.compile(r"\bnd\b|no[\s-]?deriv", re.IGNORECASE),
}
_CAVEAT = re.compile(
    r"all rights reserved|personal use|\bonly\b|\bpermission\b|\bexcept\b|\bforbidden\b|\btraining\b|"
    r"\bnot (?:allowed|permitted)\b|machine learning|\bai\b",
    re.IGNORECASE,
)
_LEGAL_TEXT = re.compile(  # Creative Commons' own words behind the name
    r"Creative Commons Corporation|By exercising the Licensed Rights|Section 1\b", re.IGNORECASE
)
_VERSION = re.compile(r"\bv?(\d\.\d)\b")
_TEXT_CHARS = 1_000  # a licence's text names itself at its beginning
_ND = re.compile(r"-ND-", re.IGNORECASE)


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
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    words = re.sub(r"(?:[^\w.+]|_)+", " ", plain.lower()).strip(" .").replace("cc 0", "cc0")
    versions = set(_VERSION.findall(words))
    if not _COUNTRIES.issuperset(_TITLE.sub(" ", words).split()) or len(versions) > 1:
        return None
    version, tokens, kind = "".join(versions), set(words.split()), _kind(words)
    if "attribution" in tokens or words.startswith(("cc by", "by nc", "by sa", "by nd")):
        return None if tokens & {"cc0", "zero", "mark", "dedication"} else _known(kind, version)
    return None if kind != "by" or "by" in tokens or version not in ("", "1.0") else _dedicated(words, tokens)


def _dedicated(words: str, tokens: set[str]) -> Name | None:
    """CC0, and the marks of the public domain."""
    if "cc0" in tokens or ("zero" in tokens and ("creative commons" in words or tokens & {"cc", "1.0"})):
        return Name("zero")
    if "public domain" in words:
        if "mark" in tokens:
            return Name("mark")
        return Name("pddc") if "dedication" in tokens else None
    return None


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
    """The first thousand characters of a LICENSE file, where they speak of one licence, and add nothing."""
    beginning = _LEGAL_TEXT.split(text[:_TEXT_CHARS])[0]
    if _CAVEAT.search(beginning):
        return None
    words = (word.rstrip(".,;:!") for word in re.split(r"[\s()<>\[\]{}\"'`|]+", beginning))
    addresses = [_by_url(word) for word in words if _ADDRESS.search(word)]
    titles = [_by_title(line.strip(" #*=-\t")) for line in beginning.splitlines()]
    names = {*addresses, *filter(None, titles)}
    kinds = {name.kind for name in names if name is not None}
    full = {name for name in names if name is not None and name.spdx} or names
    if None in names or len(kinds) != 1 or len(full) != 1:
        return None
    spoken_of = {part for part, words in _SPOKEN_OF.items() if words.search(beginning)}
    return full.pop() if spoken_of <= {*kinds.pop().split("-")} else None


def _known(kind: str, version: str) -> Name | None:
    return Name(kind, version) if kind in _KINDS and version in ("", *_VERSIONS) else None


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:77]}..."


_RULES: dict[ClaimKind, tuple[Callable[[str], Name | None], ...]] = {
    "url": (_by_url,),
    "title": (_by_title,),
    "spdx": (_by_spdx, _by_url, _by_title),  # what people write where an id is asked for
    "text": (_by_text,),
}
