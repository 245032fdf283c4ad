"""What a finished job says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from muscgen.artifacts import Artifact
from muscgen.engine import Made
from muscgen.finishing.pipeline import Finished
from muscgen.jobs import Claim
from muscgen.worker.loader import Served
from muscgen.worker.songs import Songs


@dataclass(frozen=True, slots=True, eq=False)
class MadeOutput:
    """One output of a job: the song, the file, and where the file is kept."""

    index: int
    seed: int
    made: Made
    finished: Finished
    artifact: Artifact
    served: Served

    def to_dict(self) -> dict[str, Any]:
        return {
            "index": self.index,
            "seed": self.seed,
            "artifact": self.artifact.to_dict(),
            "audio_sha256": self.finished.sound_sha256,
            "analysis": self.finished.analysis,
            "watermark": self.finished.watermark,
            "provenance": self._provenance(),
        }

    def _provenance(self) -> dict[str, Any]:
        papers, unmarked = self.served.papers, self.served.marks is None
        return {
            "c2pa": self.finished.place,
            "receipt": papers.receipts,
            "signer": papers.signature,
            "off": ["watermark"] * unmarked + papers.off,
        }


def result_of(claim: Claim, served: Served, outputs: Sequence[MadeOutput], songs: Songs) -> dict[str, Any]:
    """The result as it is kept in the job."""
    return {
        "model": served.to_dict(),
        "outputs": [output.to_dict() for output in outputs],
        "warnings": list(songs.warnings),
        "usage": _usage(claim, [output.made for output in outputs], sum(songs.resumed_s.values())),
        "resumed_from_seconds": songs.resumed_from_s,
    }


def _usage(claim: Claim, songs: Sequence[Made], resumed_s: float) -> dict[str, float | int]:
    audio_s = sum(made.audio.duration_s for made in songs)
    # Outputs share the batch, so the slowest of them is the time that the job took.
    compute_s = max(made.compute_s for made in songs)
    return {
        "audio_seconds": round(audio_s, 4),
        "steps": sum(made.steps for made in songs),
        "queue_seconds": round(max(claim.waited_s, 0.0), 4),
        "compute_seconds": round(compute_s, 4),
        "real_time_factor": round((audio_s - resumed_s) / max(compute_s, 1e-6), 3),
        "time_to_first_audio": round(min(made.time_to_first_audio_s for made in songs), 4),
    }
