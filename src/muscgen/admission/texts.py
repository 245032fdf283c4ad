"""What a song is told in words: one prompt, sections, or nothing at all."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from muscgen.errors import InvalidRequest
from muscgen.request import GenerateRequest, Sampling

_LAYOUT = "\t\n\r"


def wordless(wish: GenerateRequest) -> bool:
    """Whether nothing guides the song. A melody guides; a clip is only gone on from."""
    if wish.mode not in ("unconditional", "continuation"):
        return False
    return wish.prompt is None and wish.sections is None and wish.negative_prompt is None


def check_texts(wish: GenerateRequest, sampling: Sampling) -> None:
    """Raises InvalidRequest, naming the field, for words that are missing, too many or unreadable."""
    if wish.mode == "unconditional":
        _check_no_texts(wish)
    elif wish.mode == "text" and wish.sections is None and wish.prompt is None:
        raise InvalidRequest("prompt is missing", param="prompt", suggestion="a few words, or sections")
    elif wish.sections is not None and wish.prompt is not None:
        raise InvalidRequest(
            "sections have prompts of their own", param="prompt", suggestion="sections or prompt, not both"
        )
    for name, text in _texts(wish):
        _check_text(name, text)
    _check_guidance(wish)
    if wish.negative_prompt is not None and sampling.guidance_scale == 1:
        raise InvalidRequest(
            "negative_prompt works through guidance, and a guidance_scale of 1 is none: it would be ignored",
            param="negative_prompt",
            suggestion="a sampling.guidance_scale above 1, or no negative_prompt",
        )


def _check_no_texts(wish: GenerateRequest) -> None:
    for name in ("prompt", "negative_prompt", "sections"):
        if getattr(wish, name) is not None:
            raise InvalidRequest(
                f"mode unconditional has no {name}", param=name, suggestion='mode "text", or null here'
            )


def _check_guidance(wish: GenerateRequest) -> None:
    if wordless(wish) and wish.sampling.guidance_scale not in (None, 1):
        raise InvalidRequest(
            f"mode {wish.mode} without words has nothing to be guided by: a guidance_scale would be ignored",
            param="sampling.guidance_scale",
            suggestion="1",
        )


def _texts(wish: GenerateRequest) -> Iterator[tuple[str, str]]:
    for name, text in (("prompt", wish.prompt), ("negative_prompt", wish.negative_prompt)):
        if text is not None:
            yield name, text
    for index, section in enumerate(wish.sections or ()):
        yield f"sections.{index}.prompt", section.prompt


def _check_text(name: str, text: str) -> None:
    if not text.strip():
        raise InvalidRequest(f"{name} is blank", param=name, suggestion="a few words")
    for character in text:
        if unicodedata.category(character) == "Cc" and character not in _LAYOUT:
            raise InvalidRequest(f"{name} holds the control character U+{ord(character):04X}", param=name)
