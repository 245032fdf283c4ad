"""From logits to codes: guidance, temperature, the likeliest codes, one draw. All songs in one batch.

A song's parameters are its own, and every operation here works on one song's numbers only, in an order that
does not depend on how many songs there are: a song draws the same codes alone and in company, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from muscgen.backends.base import Codes, Knobs, Logits
from muscgen.request import Sampling

Counts = NDArray[np.int64]  # [S, K]
Flags = NDArray[np.bool_]  # [S]

_COLDEST = np.finfo(np.float32).tiny  # a temperature that underflows float32 would divide by nothing


def knobs_of(songs: Sequence[Sampling], vocabulary: int) -> Knobs:
    """The parameters of the songs; top_k 0 and top_p 0 leave all codes in."""
    temperature = np.array([song.temperature for song in songs], np.float32)
    return Knobs(
        scale=np.array([song.guidance_scale for song in songs], np.float32)[:, None, None],
        temperature=np.maximum(temperature, _COLDEST)[:, None, None],
        top_k=np.array([min(song.top_k or vocabulary, vocabulary) for song in songs], np.int64),
        top_p=np.array([song.top_p or 1.0 for song in songs]),
    )


def guide(logits: Logits, conditional: Counts, null: Counts, scale: NDArray[np.float32]) -> Logits:
    """logits [R, K, V], the rows [S] of each song -> null + scale (conditional - null), [S, K, V].

    Where both rows are the same the song is not guided, and its logits stay as they are.
    """
    chosen = logits[conditional]
    guided = np.flatnonzero(conditional != null)
    if guided.size:
        against = logits[null[guided]]
        with np.errstate(invalid="ignore", over="ignore"):  # not finite: `draw` reports the song
            mixed = chosen[guided]
            mixed -= against
            mixed *= scale[guided]
            mixed += against
        chosen[guided] = mixed
    return chosen


def draw(logits: Logits, knobs: Knobs, uniforms: NDArray[np.float64]) -> tuple[Codes, Flags]:
    """logits [S, K, V], uniforms [S, K] in [0, 1) -> codes int32 [S, K], and which songs are sound [S].

    A song with a NaN or +inf among its logits is not; its codes mean nothing.
    """
    peak = logits.max(axis=-1)
    sound: Flags = np.isfinite(peak).all(axis=-1)
    if not sound.all():
        logits = np.where(sound[:, None, None], logits, np.float32(0))
        peak = logits.max(axis=-1)
    weights = _weights(logits, peak, knobs.temperature)
    kept = _likeliest(logits, peak, knobs)
    if kept is not None:
        weights *= kept
    reached = np.cumsum(weights, axis=-1, dtype=np.float64)
    # u <= 1 - 2^-53, so u x total is less than the total: some code is reached, and never one of weight 0.
    target = uniforms * reached[..., -1]
    codes = (reached > target[..., None]).argmax(axis=-1)
    return codes.astype(np.int32), sound


def _weights(logits: Logits, peak: Logits, temperature: NDArray[np.float32]) -> Logits:
    """softmax's numerators: the likeliest code weighs exactly 1."""
    weights: Logits = logits - peak[..., None]
    with np.errstate(over="ignore"):  # a tiny temperature: -inf, which weighs 0
        weights /= temperature
    np.exp(weights, out=weights)
    return weights


def _likeliest(logits: Logits, peak: Logits, knobs: Knobs) -> NDArray[np.bool_] | None:
    """[S, K, V]: the codes that may be drawn, by top-k, then top-p of what is left; None is all of them."""
    vocabulary = logits.shape[-1]
    nucleus = np.flatnonzero(knobs.top_p < 1)
    if not nucleus.size and (knobs.top_k == vocabulary).all():
        return None
    counts = np.repeat(knobs.top_k[:, None], logits.shape[1], axis=1)
    least = peak.copy()  # right for top-1
    for k in np.unique(knobs.top_k[(knobs.top_p == 1) & (knobs.top_k > 1)]):
        songs = np.flatnonzero((knobs.top_p == 1) & (knobs.top_k == k))
        least[songs] = _kth_largest(logits[songs], int(k))
    if nucleus.size:
        counts[nucleus], least[nucleus] = _nucleus(logits[nucleus], peak[nucleus], knobs, nucleus)
    kept: NDArray[np.bool_] = logits >= least[..., None]
    _break_ties(kept, logits, least, counts)
    return kept


def _kth_largest(logits: Logits, k: int) -> Logits:
    """[S, K, V] -> [S, K]."""
    at = logits.shape[-1] - k
    return np.partition(logits, at, axis=-1)[..., at]


def _nucleus(logits: Logits, peak: Logits, knobs: Knobs, songs: Counts) -> tuple[Counts, Logits]:
    """How many of the likeliest codes reach top_p of the top_k's probability, and the least one's logit.

    Holtzman et al., "The curious case of neural text degeneration" (2020). [S, K, V] -> two of [S, K].
    """
    beyond = logits.shape[-1] - int(knobs.top_k[songs].max())  # sorting the few is cheaper than sorting all
    few = np.partition(logits, beyond, axis=-1)[..., beyond:] if beyond else logits
    falling = np.ascontiguousarray(np.sort(few, axis=-1)[..., ::-1])
    weights = _weights(falling, peak, knobs.temperature[songs])
    reached = np.cumsum(weights, axis=-1, dtype=np.float64)
    top_k = np.broadcast_to(knobs.top_k[songs, None, None], (*peak.shape, 1))
    wanted = knobs.top_p[songs, None] * np.take_along_axis(reached, top_k - 1, axis=-1)[..., 0]
    counts = np.minimum(1 + np.count_nonzero(reached < wanted[..., None], axis=-1), top_k[..., 0])
    return counts, np.take_along_axis(falling, counts[..., None] - 1, axis=-1)[..., 0]


def _break_ties(kept: NDArray[np.bool_], logits: Logits, least: Logits, counts: Counts) -> None:
    """Of equal codes at the border, those of lowest id stay, so that exactly `counts` do."""
    for song, codebook in np.argwhere(np.count_nonzero(kept, axis=-1) > counts):
        line = kept[song, codebook]
        tied = np.flatnonzero(logits[song, codebook] == least[song, codebook])
        surplus = int(np.count_nonzero(line) - counts[song, codebook])
        line[tied[len(tied) - surplus :]] = False
