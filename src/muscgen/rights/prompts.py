"""What becomes of prompts that name an artist or a work: refused, rewritten, warned of, or left alone.

Of a text nothing but a digest goes into the log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from muscgen import telemetry
from muscgen.errors import PromptRefused
from muscgen.request import GenerateRequest
from muscgen.rights.names import SHIPPED, Found, Names, read
from muscgen.settings import PromptPolicy

SUGGESTION = "say what it should sound like: instruments, genre, tempo, mood"


class Prompts:
    """The policy over the lists. Raises ConfigurationError for a list that cannot be read."""

    def __init__(self, policy: PromptPolicy, lists: Sequence[Path] = ()) -> None:
        self._policy = policy
        paths = () if policy == "off" else (SHIPPED, *lists)
        self._names = Names.of(entry for path in paths for entry in read(path))

    def apply(self, wish: GenerateRequest) -> tuple[GenerateRequest, tuple[str, ...]]:
        """The wish as the policy wants it, and warnings. Raises PromptRefused naming the field."""
        if self._policy == "off":
            return wish, ()
        warnings: list[str] = []

        def judged(param: str, text: str) -> str:
            return self._judge(param, text, warnings.append)

        changes: dict[str, object] = {
            param: judged(param, text)
            for param in ("prompt", "negative_prompt")
            if (text := getattr(wish, param)) is not None
        }
        if wish.sections is not None:
            changes["sections"] = tuple(
                section.model_copy(update={"prompt": judged(f"sections.{i}.prompt", section.prompt)})
                for i, section in enumerate(wish.sections)
            )
        return (wish.model_copy(update=changes) if warnings else wish), tuple(warnings)

    def _judge(self, param: str, text: str, warn: Callable[[str], None]) -> str:
        found = self._names.find(text)
        if not found:
            return text
        kinds = ", ".join(sorted({each.entry.kind for each in found}))
        digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
        telemetry.event("prompt.named", param=param, kinds=kinds, action=self._policy, digest=digest)
        said = ", ".join(repr(text[each.start : each.end]) for each in found)
        if self._policy == "reject":
            raise PromptRefused(f"{param} names others: {said}", param=param, suggestion=_instead(found))
        if self._policy == "warn":
            warn(f"{param} names others: {said}; better {_instead(found)}")
            return text
        rewritten = _rewritten(text, found)
        if not any(letter.isalnum() for letter in rewritten):
            raise PromptRefused(f"{param} says nothing beside {said}", param=param, suggestion=SUGGESTION)
        warn(f"{param} was rewritten: {said} left out or described")
        return rewritten


def _instead(found: Sequence[Found]) -> str:
    known = [each.entry.instead for each in found if each.entry.instead]
    return f"{SUGGESTION}; such as: {', '.join(known)}" if known else SUGGESTION


def _rewritten(text: str, found: Sequence[Found]) -> str:
    parts, at = [], 0
    for each in found:
        parts += [text[at : each.start], each.entry.instead]
        at = each.end
    return " ".join("".join([*parts, text[at:]]).split()).replace(" ,", ",").strip(" ,;")
