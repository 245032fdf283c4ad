"""audiocraft 1.3 as a peer: its own language model and generation loop, at musicgen-small's shapes.

Its wheel lies in a folder of its own, which `make bench-peers` fills, without what it depends on.

What it imports and never runs here (data sets, metrics, xformers, Demucs) are empty stand-ins. T5 and EnCodec
are transformers' modules, which audiocraft's own classes wrap.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

FOLDER = "audiocraft"
_ABSENT = frozenset(
    {"av", "demucs", "dora", "encodec", "hydra", "laion_clap", "librosa", "pesq", "pystoi", "retrying"}
    | {
        "spacy",
        "submitit",
        "torchaudio",
        "torchdiffeq",
        "torchmetrics",
        "torchvision",
        "treetable",
        "xformers",
    }
)


class _StandIns:
    """Finds an empty module for every name that is not there."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002
        return ModuleSpec(name, self) if name.partition(".")[0] in _ABSENT else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = MagicMock(name=spec.name)
        module.__path__, module.__spec__, module.__name__ = [], spec, spec.name
        return module

    def exec_module(self, module: ModuleType) -> None:
        pass


def generator(folder: Path, work: Path) -> Any:  # noqa: ANN401  (audiocraft has no types)
    """audiocraft's MusicGen over random weights, with the text encoder and the codec of `folder`."""
    import torch
    from transformers import AutoTokenizer, MusicgenForConditionalGeneration

    whole = MusicgenForConditionalGeneration.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    sys.path.insert(0, str(work / FOLDER))
    sys.meta_path.insert(0, _StandIns())  # after transformers, which asks what is installed
    import xformers

    xformers.ops.unbind = torch.unbind  # the one function of it that the fast path calls
    from audiocraft.models.encodec import HFEncodecCompressionModel
    from audiocraft.models.lm import LMModel
    from audiocraft.models.musicgen import MusicGen
    from audiocraft.modules.codebooks_patterns import DelayedPatternProvider
    from audiocraft.modules.conditioners import ConditionFuser, ConditioningProvider, TextConditioner

    class Words(TextConditioner):
        """Like T5Conditioner, whose weights would come from the hub."""

        def __init__(self) -> None:
            super().__init__(768, 1024)
            self.__dict__["t5"] = whole.text_encoder

        def tokenize(self, texts: list[str | None]) -> dict[str, torch.Tensor]:
            inputs = tokenizer([text or "" for text in texts], return_tensors="pt", padding=True)
            empty = torch.tensor([text is None for text in texts])
            inputs["attention_mask"][empty] = 0
            return {name: inputs[name] for name in ("input_ids", "attention_mask")}

        def forward(self, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
            mask = inputs["attention_mask"]
            states = self.output_proj(self.t5(**inputs).last_hidden_state)
            return states * mask[..., None], mask

    lm = LMModel(
        DelayedPatternProvider(4, [0, 1, 2, 3]),
        ConditioningProvider({"description": Words()}),
        ConditionFuser({"cross": ["description"], "prepend": [], "sum": [], "input_interpolate": []}),
        n_q=4, card=2048, dim=1024, num_heads=16, hidden_scale=4, norm_first=True, bias_proj=False,
        num_layers=24, causal=True, cross_attention=True, memory_efficient=True, bias_ff=False,
        bias_attn=False, activation="gelu", positional_embedding="sin", dropout=0.0,
    ).eval()  # fmt: skip
    return MusicGen("random", HFEncodecCompressionModel(whole.audio_encoder), lm, max_duration=30)
