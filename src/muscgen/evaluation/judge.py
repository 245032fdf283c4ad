"""All judgements together: songs and a reference in, measures out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from muscgen.audio import Audio
from muscgen.backends.base import Backend
from muscgen.errors import BadSong
from muscgen.evaluation import adherence, costs, frechet, likeness, pretrained
from muscgen.evaluation.adherence import Heard
from muscgen.evaluation.clips import Clip
from muscgen.evaluation.embeddings import Embedding
from muscgen.evaluation.families import FAMILIES
from muscgen.evaluation.likeness import Nearest, Print
from muscgen.evaluation.making import Tell
from muscgen.evaluation.measures import Measure, apart, decibels, share
from muscgen.evaluation.pretrained import Clap, Classifier
from muscgen.evaluation.reference import Reference
from muscgen.evaluation.spectra import Floats
from muscgen.finishing.checks import check

_ABOUT = {
    "tempo": "tempo within 4 % of the one asked",
    "tempo_octave": "tempo within 4 %, half and double of it counted",
    "key": "the key asked",
    "key_near": "the key asked, near keys counted in part (MIREX)",
    "instruments": "families of instruments asked that sound",
    "absent": "families that shall not sound and do not",
}
JUDGED = tuple(_ABOUT)  # measures of what was asked
_MARKED = 8  # songs that are marked to see what it costs


@dataclass(frozen=True, slots=True)
class Judges:
    """Who listens. backend: of the model, where it hears."""

    embeddings: tuple[Embedding, ...]
    clap: Clap | None = None
    classifier: Classifier | None = None
    backend: Backend | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Song:
    """What was found in one song. bad: why it could not be handed out; empty where it could."""

    clip: Clip
    heard: Heard
    nearest: Nearest
    bad: str
    clap: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """measures by name; curves: of the Fréchet distance over 1 / windows, by embedding."""

    measures: dict[str, Measure]
    curves: dict[str, frechet.Extrapolated]
    songs: tuple[Song, ...]
    usual_tune: float | None
    warnings: tuple[str, ...]


def judge(clips: Sequence[Clip], reference: Reference, judges: Judges, seed: int, tell: Tell) -> Judgement:
    """At least one clip."""
    bad = [_bad(clip.audio) for clip in clips]
    clips = [replace(clip, audio=_finite(clip.audio)) for clip in clips]
    windows = {one.name: [one(clip.audio) for clip in clips] for one in judges.embeddings}
    prints, songs = [], []
    for n, clip in enumerate(clips):
        prints.append(likeness.printed(clip.name, clip.audio))
        songs.append(_song(clip, bad[n], prints[n], reference, judges))
        tell("heard", n + 1, len(clips))
    pieces = round(float(np.median([len(one.tunes) for one in prints])))
    usual = likeness.usual(reference.prints, max(1, pieces), seed)
    distances, curves, warnings = _distances(windows, reference, seed)
    measures = {
        **distances,
        **_labels(songs, reference, judges),
        **_adherence(songs),
        **_variety(windows, reference, seed),
        **_copies(songs, usual),
        **_codec(reference, judges.backend, tell),
        **_watermark(clips, judges.embeddings[0], tell),
    }
    return Judgement(measures, curves, tuple(songs), usual, tuple(warnings))


def _bad(audio: Audio) -> str:
    """Why a song could not be handed out."""
    try:
        check(audio)
    except BadSong as error:
        return error.detail
    return ""


def _finite(audio: Audio) -> Audio:
    """Silence in the place of samples that are no numbers."""
    return Audio(np.nan_to_num(audio.samples, nan=0.0, posinf=0.0, neginf=0.0), audio.sample_rate)


def _song(clip: Clip, bad: str, print_: Print, reference: Reference, judges: Judges) -> Song:
    score = judges.clap.score(clip.audio, clip.prompt.prompt) if judges.clap and clip.prompt else None
    near = likeness.nearest(print_, reference.prints)
    return Song(clip, adherence.listen(clip.audio), near, bad, score)


def _distances(
    windows: dict[str, list[Floats]], reference: Reference, seed: int
) -> tuple[dict[str, Measure], dict[str, frechet.Extrapolated], list[str]]:
    measures, curves, warnings = {}, {}, []
    for name, parts in windows.items():
        values, cloud = np.concatenate(parts), reference.clouds.get(name)
        if cloud is None or len(values) < 2:
            warnings.append(f"FAD by {name}: a single window has no spread")
            continue
        few = min(len(values), cloud.windows)
        if few < 2 * values.shape[1]:
            warnings.append(
                f"FAD by {name}: {few} windows are few for {values.shape[1]} numbers; compare with care"
            )
        limit = frechet.infinity(values, cloud, seed)
        curves[name] = limit
        plain = frechet.distance(frechet.Cloud.of(values), cloud)
        measures[f"fad_{name}"] = apart(
            plain,
            f"Fréchet audio distance by {name}",
            windows=len(values),
            reference_windows=cloud.windows,
            numbers=int(values.shape[1]),
        )
        measures[f"fad_infinity_{name}"] = apart(
            limit.distance, f"the same for endlessly many songs, by {name}", fit=round(limit.fit, 4)
        )
    return measures, curves, warnings


def _labels(songs: Sequence[Song], reference: Reference, judges: Judges) -> dict[str, Measure]:
    """KL of instrument families; KL of labels and CLAP score where there is who tells them."""
    own = np.mean([[song.heard.families[name] for name in FAMILIES] for song in songs], axis=0)
    found = {
        "kl_families": apart(
            pretrained.kl(reference.families, own),
            "KL of instrument families, reference to songs, nats; of the sets, not of pairs",
        )
    }
    if judges.classifier is not None:
        found["kl_labels"] = _kl_labels(songs, reference, judges.classifier)
    scores = [song.clap for song in songs if song.clap is not None]
    if scores:
        found["clap_score"] = apart(
            float(np.mean(scores)), "cosine of song and prompt by CLAP", "higher", songs=len(scores)
        )
    return found


def _kl_labels(songs: Sequence[Song], reference: Reference, classifier: Classifier) -> Measure:
    """Of pairs where prompts name their track of the reference, else of the sets' means."""
    labels = [classifier.labels(song.clip.audio) for song in songs]
    pairs = [
        pretrained.kl(reference.labels[song.clip.prompt.reference], found)
        for song, found in zip(songs, labels, strict=True)
        if song.clip.prompt is not None and song.clip.prompt.reference in reference.labels
    ]
    if pairs:
        return apart(float(np.mean(pairs)), "KL of the classifier's labels, of pairs, nats", pairs=len(pairs))
    sets = [np.mean(part, axis=0) for part in (list(reference.labels.values()), labels)]
    return apart(pretrained.kl(*sets), "KL of the classifier's labels, of the sets' means, nats")


def _adherence(songs: Sequence[Song]) -> dict[str, Measure]:
    pairs = [(song.heard, song.clip.prompt.asked) for song in songs if song.clip.prompt is not None]
    return {
        name: share(
            rate.value,
            rate.songs,
            "higher",
            _ABOUT[name],
            exchanged=None if rate.exchanged is None else round(rate.exchanged, 4),
        )
        for name, rate in adherence.rates(pairs).items()
    }


def _variety(windows: dict[str, list[Floats]], reference: Reference, seed: int) -> dict[str, Measure]:
    """How many different songs there are in effect, and among as many tracks of the reference."""
    found = {}
    for name in ("mel", "families"):
        if name not in windows or (spread := likeness.spread(reference.means[name])) is None:
            continue
        own = np.stack([part.mean(axis=0) for part in windows[name]])
        tracks = reference.means[name]
        count = min(len(own), len(tracks))
        chosen = np.random.default_rng(seed).choice(len(tracks), count, replace=False)
        found[f"diversity_{name}"] = apart(
            likeness.effective_number(own, spread),
            f"songs that are different in effect, by {name} (Vendi score)",
            "higher",
            songs=len(own),
            reference=round(likeness.effective_number(tracks[chosen], spread), 3),
            reference_tracks=count,
        )
    return found


def _copies(songs: Sequence[Song], usual: float | None) -> dict[str, Measure]:
    count = len(songs)
    found = {
        "bad_songs": share(
            sum(bool(song.bad) for song in songs) / count, count, "lower", "songs that are silent or broken"
        ),
        "copies": share(
            sum(song.nearest.is_copy for song in songs) / count,
            count,
            "lower",
            "songs whose recording is in the reference, by fingerprint",
        ),
    }
    if usual is not None:
        found["near_tunes"] = share(
            sum(song.nearest.tune > usual for song in songs) / count,
            count,
            "lower",
            "songs with four seconds nearer to a track than 99 % of pieces of tracks come to another",
            limit=round(usual, 4),
        )
    return found


def _codec(reference: Reference, backend: Backend | None, tell: Tell) -> dict[str, Measure]:
    if backend is None:
        return {}
    found = []
    for n, audio in enumerate(reference.excerpts):
        found.append(costs.cost(*costs.reconstructed(audio, backend)))
        tell("codec", n + 1, len(reference.excerpts))
    about = "of the reference through the codec and back"
    count: dict[str, Any] = {"clips": len(found)}
    return {
        "codec_si_sdr_db": decibels(
            float(np.mean([one.si_sdr_db for one in found])), "higher", f"SI-SDR {about}", **count
        ),
        "codec_mel_db": decibels(
            float(np.mean([one.mel_db for one in found])), "lower", f"error of log-mel bands {about}", **count
        ),
    }


def _watermark(clips: Sequence[Clip], embedding: Embedding, tell: Tell) -> dict[str, Measure]:
    tell("watermark", 0, 1)
    marked = costs.marking([clip.audio for clip in clips[:_MARKED]], embedding)
    tell("watermark", 1, 1)
    count = len(marked.costs)
    found = {
        "watermark_si_sdr_db": decibels(
            float(np.mean([one.si_sdr_db for one in marked.costs])),
            "higher",
            "SI-SDR of marked songs against unmarked",
        ),
        "watermark_mel_db": decibels(
            float(np.mean([one.mel_db for one in marked.costs])),
            "lower",
            "error of log-mel bands by the watermark",
        ),
        "watermark_found": share(
            marked.found, count, "higher", "songs in which the watermark is read", likeness=marked.likeness
        ),
    }
    if marked.frechet is not None:
        found[f"watermark_fad_{embedding.name}"] = apart(
            marked.frechet, f"Fréchet audio distance of marked songs to unmarked, by {embedding.name}"
        )
    return found
