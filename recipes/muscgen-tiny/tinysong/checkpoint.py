"""A model's folder in transformers' layout, opened to be rewritten or to learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from muscgen.training.model import quiet


def opened(folder: Path) -> Any:  # noqa: ANN401  (transformers' MusicgenForConditionalGeneration)
    """In float32, from nowhere but the folder. Raises OSError where it is none."""
    from transformers import MusicgenForConditionalGeneration

    with quiet():
        return MusicgenForConditionalGeneration.from_pretrained(  # nosec B615  a folder, and nothing else
            folder, dtype=torch.float32, local_files_only=True
        ).eval()
