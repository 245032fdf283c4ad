"""Which watermark a deployment writes. Nothing is fetched: weights are where the operator put them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from muscgen.errors import ConfigurationError
from muscgen.provenance.watermarkers import audioseal, silentcipher
from muscgen.provenance.watermarkers.base import Watermarker
from muscgen.settings import WatermarkName

_OTHERS: dict[str, tuple[Callable[[Path], Watermarker], tuple[str, ...]]] = {
    "audioseal": (audioseal.AudioSeal, audioseal.FILES),
    "silentcipher": (silentcipher.SilentCipher, silentcipher.FILES),
}


@lru_cache(2)
def watermarker(name: WatermarkName, folder: Path | None) -> Watermarker | None:
    """The method of that name with its weights; None is ours, which needs none. Raises ConfigurationError."""
    if name == "muscgen":
        return None
    made, files = _OTHERS[name]
    if folder is None:
        needs = f"the watermark {name} needs the folder of its weights ({', '.join(files)})"
        raise ConfigurationError(needs, param="watermark_weights")
    if missing := [file for file in files if not (folder / file).is_file()]:
        raise ConfigurationError(f"{folder} has no {', '.join(missing)}", param="watermark_weights")
    try:
        return made(folder)
    except ConfigurationError:
        raise
    except Exception as error:
        message = f"{folder}: {name} cannot read its weights there: {error}"
        raise ConfigurationError(message, param="watermark_weights") from error
