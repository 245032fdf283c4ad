"""How long a song may be, and in what windows it is made."""

from __future__ import annotations

from collections.abc import Sequence

from muscgen.errors import DurationTooLong, InvalidRequest
from muscgen.models.card import Card
from muscgen.request import MAX_DURATION_S, GenerateRequest, LongForm, LongFormWish, Section

MIN_DURATION_S = 1 / 50  # one frame
STRIDE_SHARE = 0.6  # of the window: 18 s of 30, as audiocraft's extend_stride
MIN_STRIDE_SHARE = 0.2  # a song costs window / stride of what one without long form does: up to 5 times


def duration_s(wish: GenerateRequest) -> float:
    """The song's length. Raises InvalidRequest and DurationTooLong."""
    if wish.sections is not None:
        return _of_sections(wish, wish.sections)
    _check("duration", wish.duration_s)
    return wish.duration_s


def long_form(wish: GenerateRequest, song_s: float, card: Card) -> LongForm | None:
    """Window and stride where the song is longer than the model's window, or where they were asked for."""
    if wish.long_form is None and song_s <= card.max_duration_s:
        return None
    asked = wish.long_form or LongFormWish()
    window_s = card.max_duration_s if asked.window_s is None else asked.window_s
    stride_s = round(STRIDE_SHARE * window_s, 2) if asked.stride_s is None else asked.stride_s
    _check_window(window_s, card)
    _check_stride(stride_s, window_s)
    return LongForm(window_s=window_s, stride_s=stride_s)


def _of_sections(wish: GenerateRequest, sections: Sequence[Section]) -> float:
    """Their sum; a duration beside them may only say the same, as an effective request does."""
    song_s = sum(section.duration_s for section in sections)
    if "duration_s" in wish.model_fields_set and wish.duration_s != song_s:
        raise InvalidRequest(
            f"duration is {wish.duration_s:g} s, and the sections are together {song_s:g} s",
            param="duration",
            suggestion="sections without duration",
        )
    _check("sections", song_s)
    return song_s


def _check(name: str, song_s: float) -> None:
    if song_s > MAX_DURATION_S:
        whole = "duration is" if name == "duration" else "sections are together"
        raise DurationTooLong(
            f"{whole} {song_s:g} s; a song is allowed up to {MAX_DURATION_S:g} s",
            param=name,
            suggestion=f"at most {MAX_DURATION_S:g}",
        )
    if song_s < MIN_DURATION_S:
        raise InvalidRequest(
            f"{name} is {song_s:g} s, less than one frame",
            param=name,
            suggestion=f"at least {MIN_DURATION_S:g}",
        )


def _check_window(window_s: float, card: Card) -> None:
    if window_s > card.max_duration_s:
        raise InvalidRequest(
            f"the window is {window_s:g} s; {card.id} sees up to {card.max_duration_s:g} s at once",
            param="long_form.window",
            suggestion=f"at most {card.max_duration_s:g}",
        )


def _check_stride(stride_s: float, window_s: float) -> None:
    least_s = MIN_STRIDE_SHARE * window_s
    if not least_s <= stride_s < window_s:
        raise InvalidRequest(
            f"the stride is {stride_s:g} s; a window of {window_s:g} s moves on by {least_s:g} s or more, "
            f"and by less than itself",
            param="long_form.stride",
            suggestion=f"{STRIDE_SHARE * window_s:g}",
        )
