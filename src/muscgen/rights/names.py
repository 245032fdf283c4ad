"""Lists of artists and works, and where a text names one.

A list is a text file, one entry a line; `#` begins a comment:

    artist: Hans Zimmer => epic film music with ostinato strings
    work: Bohemian Rhapsody
    phrase: in the style of
    phrase: ... type beat
    allow: bossa nova

What follows `=>` is what a rewritten prompt says instead. A phrase counts unless what comes after it is
allowed; what comes before it, where it begins with dots.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from muscgen.errors import ConfigurationError
from muscgen.rights.folding import Word, joined, one_apart, words

SHIPPED = Path(__file__).parent / "names.txt"
RUN_TOGETHER_CHARS = 6  # shorter names count only with the spaces where they belong
FUZZY_CHARS = 8  # shorter names have real words next to them
_MOST_PIECES = 8  # into which a name may be cut by spaces
_END_CHARS = 3  # with one fault in 8 letters, the first or the last 3 are whole
_CLAUSE_ENDS = ",.;:\n"
_BEFORE = "..."
_ARTICLE_CHARS = 3  # a type beat, the type beat

Kind = Literal["artist", "work", "phrase", "allow"]


@dataclass(frozen=True, slots=True)
class Entry:
    kind: Kind
    name: str
    instead: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """An entry, and the stretch of the text that names it."""

    entry: Entry
    start: int
    end: int


@dataclass(slots=True)
class Names:
    """An index of entries: exact, run together, and one fault apart."""

    _exact: dict[str, Entry] = field(default_factory=dict)
    _together: dict[str, Entry] = field(default_factory=dict)
    _ends: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _most_words: int = 1
    _longest: int = 0  # of what may be run together

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Names:
        names = cls()
        for entry in entries:
            parts = [word.text for word in words(entry.name)]
            names._exact[" ".join(parts)] = entry
            names._most_words = max(names._most_words, len(parts))
            together = joined(parts)
            if entry.kind != "allow" and len(together) >= RUN_TOGETHER_CHARS:
                names._together[together] = entry
                names._longest = max(names._longest, len(together))
            if entry.kind in ("artist", "work") and len(together) >= FUZZY_CHARS:
                names._ends["^" + together[:_END_CHARS]].append(together)
                names._ends["$" + together[-_END_CHARS:]].append(together)
        return names

    def find(self, text: str) -> list[Found]:
        """What the text names, from left to right, longest first."""
        said, found, at, allowed = words(text), list[Found](), 0, -1  # where the last allowed words end
        while at < len(said):
            entry, count = self._at(said, at)
            last = said[at + count - 1]
            if entry is not None and entry.name.startswith(_BEFORE):
                before = said[at - 1] if at else None
                if before is not None and before.end != allowed and _names(text, before, said[at], found):
                    found.append(Found(entry, before.start, last.end))
            elif entry is not None and entry.kind == "phrase":
                after, _ = self._at(said, at + count)
                if after is None:
                    found.append(Found(entry, said[at].start, _clause_end(text, last.end)))
            elif entry is not None and entry.kind == "allow":
                allowed = last.end
            elif entry is not None:
                found.append(Found(entry, said[at].start, last.end))
            at += count
        return found

    def _at(self, said: Sequence[Word], at: int) -> tuple[Entry | None, int]:
        for count in range(min(self._most_words, len(said) - at), 0, -1):
            parts = [word.text for word in said[at : at + count]]
            entry = self._exact.get(" ".join(parts)) or self._near(parts)
            if entry is not None:
                return entry, count
        return self._in_pieces(said, at)

    def _in_pieces(self, said: Sequence[Word], at: int) -> tuple[Entry | None, int]:
        """A name with more spaces than it has words."""
        together = ""
        for count, word in enumerate(said[at : at + _MOST_PIECES], 1):
            together = joined((together, word.text))
            if len(together) > self._longest:
                break
            if count > self._most_words and (entry := self._together.get(together)) is not None:
                return entry, count
        return None, 1

    def _near(self, parts: Sequence[str]) -> Entry | None:
        together = joined(parts)
        entry = self._together.get(together)
        # The article beside a name is no fault in it.
        if entry is not None or len(together) < FUZZY_CHARS - 1 or len(parts[0]) == 1 or len(parts[-1]) == 1:
            return entry
        for end in ("^" + together[:_END_CHARS], "$" + together[-_END_CHARS:]):
            for name in self._ends.get(end, ()):
                if one_apart(together, name):
                    return self._together[name]
        return None


def read(path: Path) -> Iterator[Entry]:
    """The entries of a list. Raises ConfigurationError naming the line."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path}: {error}", param="prompt_lists") from error
    for number, line in enumerate(lines, 1):
        entry = line.partition("#")[0].strip()
        if not entry:
            continue
        kind, _, rest = entry.partition(":")
        name, _, instead = (part.strip() for part in rest.partition("=>"))
        if kind not in get_args(Kind) or not words(name):
            raise ConfigurationError(
                f"{path}, line {number} is no entry",
                param="prompt_lists",
                suggestion=f"KIND: NAME => WORDS, where the kind is {', '.join(get_args(Kind))}",
            )
        yield Entry(kind, name, instead)  # type: ignore[arg-type]


def _names(text: str, word: Word, phrase: Word, found: Sequence[Found]) -> bool:
    """Whether the word before a phrase, in its clause, may be a name that was not found already."""
    apart = any(mark in text[word.end : phrase.start] for mark in _CLAUSE_ENDS)
    known = bool(found) and found[-1].end >= word.end
    return not apart and not known and len(word.text) > _ARTICLE_CHARS


def _clause_end(text: str, start: int) -> int:
    return min((i for i in (text.find(mark, start) for mark in _CLAUSE_ENDS) if i >= 0), default=len(text))
