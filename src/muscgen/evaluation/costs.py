"""What the codec and the watermark take from a sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr

from muscgen.audio import Audio
from muscgen.backends.base import Backend, Samples
from muscgen.evaluation import spectra
from muscgen.evaluation.embeddings import Embedding
from muscgen.evaluation.frechet import Cloud, distance
from muscgen.evaluation.spectra import Floats
from muscgen.intake import fitted
from muscgen.provenance.marks import Mark
from muscgen.provenance.watermark import Payload
from muscgen.provenance.watermarkers import Ours

LONGEST_S = 10.0  # of a clip that goes through the codec
_VERSION = 1
_SECRET = b"muscgen evaluation, not a secret"  # so that the same songs are marked alike everywhere


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one clip. si_sdr_db: what is left of it against what was added. mel_db: how far bands are off."""

    si_sdr_db: float
    mel_db: float


@dataclass(frozen=True, slots=True)
class Marking:
    """The watermark's cost over clips. found: the share in which it is read again. frechet: in `mel`."""

    costs: tuple[Cost, ...]
    found: float
    likeness: float | None
    frechet: float | None


def cost(before: Audio, after: Audio) -> Cost:
    """Of two sounds of one rate; the shorter one's length counts."""
    length = min(before.samples.shape[1], after.samples.shape[1])
    one, other = before.samples[:, :length], after.samples[:, :length]
    bands = [
        10 * np.log10(spectra.powers(_at_rate(samples, before.sample_rate)) + spectra.FLOOR)
        for samples in (one, other)
    ]
    return Cost(si_sdr_db(one, other), float(np.abs(bands[0] - bands[1]).mean()))


def si_sdr_db(wanted: Samples, found: Samples) -> float:
    """Le Roux et al., "SDR – Half-baked or Well Done?" (ICASSP 2019); at most 100, at least -100."""
    target, estimate = wanted.ravel().astype(np.float64), found.ravel().astype(np.float64)
    power = float(target @ target)
    if power == 0:
        return 0.0 if estimate.any() else 100.0
    kept = (estimate @ target / power) * target
    left = estimate - kept
    ratio = float(kept @ kept + 1e-20) / float(left @ left + 1e-20)
    return float(np.clip(10 * np.log10(ratio), -100, 100))


def reconstructed(audio: Audio, backend: Backend) -> tuple[Audio, Audio]:
    """A clip as the codec gets it, and as it gives it back."""
    shape = backend.shape
    samples = fitted(audio.trimmed(LONGEST_S), shape.sample_rate, shape.channels)
    codes = backend.encode_audio(samples)
    made = backend.open_codec().push(codes, last=True)
    return Audio(samples, shape.sample_rate), Audio(
        np.asarray(made[:, : samples.shape[1]], np.float32), shape.sample_rate
    )


def marking(clips: Sequence[Audio], embedding: Embedding) -> Marking:
    """Mark clips with our own watermark, and see what it costs and whether it is found. At least one clip."""
    by = Ours({_VERSION: _SECRET})
    costs, likenesses, before, after = [], [], [], []
    for n, clip in enumerate(clips):
        mark = Mark(by, Payload.of(0, _VERSION, f"evaluation {n}"))
        marked = mark.write(clip)
        costs.append(cost(clip, marked))
        heard = by.find(marked, warped=False)
        likenesses.append(heard.confidence if heard is not None and heard.agrees(mark.payload) else None)
        before.append(embedding(clip))
        after.append(embedding(marked))
    read = [likeness for likeness in likenesses if likeness is not None]
    clouds = [Cloud.of(np.concatenate(part)) for part in (before, after) if len(np.concatenate(part)) > 1]
    return Marking(
        tuple(costs),
        len(read) / len(clips),
        float(np.mean(read)) if read else None,
        distance(*clouds) if len(clouds) == 2 else None,
    )


def _at_rate(samples: Samples, sample_rate: int) -> Floats:
    mono = samples.mean(axis=0, dtype=np.float64)
    return np.asarray(soxr.resample(mono, sample_rate, spectra.RATE_HZ))
