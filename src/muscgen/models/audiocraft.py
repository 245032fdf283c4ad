"""A checkpoint in audiocraft's layout: `state_dict.bin`, `compression_state_dict.bin` and a folder with a T5.

Each .bin is {"best_state": tensors, "xp.cfg": the configuration as YAML}. Tensors get transformers' names,
sizes come from the tensors' shapes, and what no shape tells from xp.cfg.
Names: transformers' convert_musicgen_transformers.py and convert_encodec_checkpoint_to_pytorch.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from muscgen.errors import CheckpointInvalid
from muscgen.models.audiocraft_sizes import codec_config, decoder_config, melody_config
from muscgen.models.config import ModelConfig, check, read_text_config
from muscgen.models.layout import DECODER
from muscgen.models.tensorfile import Stored, stored_tensors, weight_files
from muscgen.models.torchfile import read_torch

LM, CODEC, TEXT_FOLDER = "state_dict.bin", "compression_state_dict.bin", "text_encoder"
_CONDITIONERS = "condition_provider.conditioners."
_LAYER = r"transformer\.layers\.(\d+)"
_STAGE = r"(encoder|decoder)\.model\.(\d+)"
_RENAMED = (
    (r"emb\.(\d+)\.weight", rf"{DECODER}.embed_tokens.\1.weight"),
    (r"linears\.(\d+)\.weight", r"decoder.lm_heads.\1.weight"),
    (r"out_norm\.(weight|bias)", rf"{DECODER}.layer_norm.\1"),
    (rf"{_LAYER}\.self_attn\.(in|out)_proj", rf"{DECODER}.layers.\1.self_attn.\2_proj"),
    (rf"{_LAYER}\.cross_attention\.(in|out)_proj", rf"{DECODER}.layers.\1.encoder_attn.\2_proj"),
    (rf"{_LAYER}\.linear([12])\.weight", rf"{DECODER}.layers.\1.fc\2.weight"),
    (rf"{_LAYER}\.norm1", rf"{DECODER}.layers.\1.self_attn_layer_norm"),
    (rf"{_LAYER}\.norm_cross", rf"{DECODER}.layers.\1.encoder_attn_layer_norm"),
    (rf"{_LAYER}\.norm2", rf"{DECODER}.layers.\1.final_layer_norm"),
    (r"condition_provider\.conditioners\.description\.output_proj", "enc_to_dec_proj"),
    (r"condition_provider\.conditioners\.self_wav\.output_proj", "audio_enc_to_dec_proj"),
    (rf"{_STAGE}\.(?:conv\.conv|convtr\.convtr)\.", r"audio_encoder.\1.layers.\2.conv."),
    (rf"{_STAGE}\.(block\.\d+|shortcut)\.conv\.conv\.", r"audio_encoder.\1.layers.\2.\3.conv."),
    (rf"{_STAGE}\.lstm\.", r"audio_encoder.\1.layers.\2.lstm."),
    (r"quantizer\.vq\.layers\.(\d+)\._codebook\.", r"audio_encoder.quantizer.layers.\1.codebook."),
)  # fmt: skip
_COMPUTED = f"{_CONDITIONERS}self_wav.chroma.spec.window"
_PACKED = ".in_proj_weight"  # queries, keys and values, one below the other
_T5_DECODER = ("decoder.", "lm_head.")  # in the files of a whole T5; only its encoder is run


def is_audiocraft(folder: Path) -> bool:
    """Whether the folder has audiocraft's files and no safetensors, which go first."""
    has_safetensors = any(
        (folder / name).exists() for name in ("model.safetensors", "model.safetensors.index.json")
    )
    return (folder / LM).is_file() and not has_safetensors


def files(folder: Path) -> list[Path]:
    """The files that hold the weights, in a fixed order. Raises CheckpointInvalid naming the one missing."""
    for path in (
        folder / CODEC,
        folder / TEXT_FOLDER / "config.json",
        folder / TEXT_FOLDER / "tokenizer.json",
    ):
        if not path.is_file():
            raise CheckpointInvalid(
                f"{folder} has {LM} but no {path.relative_to(folder)}: audiocraft's layout is {LM}, {CODEC} "
                f"and a folder {TEXT_FOLDER} with the T5 (config.json, model.safetensors, tokenizer.json)"
            )
    return [folder / LM, folder / CODEC, *weight_files(folder / TEXT_FOLDER)]


def read_audiocraft(folder: Path) -> tuple[ModelConfig, dict[str, Stored]]:
    """Configuration and tensors, as transformers' layout has them. Raises CheckpointInvalid."""
    files(folder)
    lm, lm_cfg = _package(folder / LM)
    codec, codec_cfg = _package(folder / CODEC)
    knows_melody = "self_wav" in _conditioners(lm)
    codec_sizes = codec_config(codec, codec_cfg)
    config = ModelConfig(
        text=read_text_config(folder / TEXT_FOLDER),
        decoder=decoder_config(lm, lm_cfg, codec_sizes),
        codec=codec_sizes,
        melody=melody_config(lm_cfg) if knows_melody else None,
    )
    check(config)
    tensors = {**dict(_renamed(lm)), **dict(_renamed(codec)), **_t5(folder / TEXT_FOLDER)}
    return config, tensors


def _package(path: Path) -> tuple[dict[str, Stored], str]:
    """(best_state, xp.cfg) of one file."""
    saved = read_torch(path)
    if not isinstance(saved, dict):
        raise CheckpointInvalid(f"{path.name} holds no dictionary")
    if (model := dict.get(saved, "pretrained")) is not None:
        raise CheckpointInvalid(
            f"{path.name} is only a pointer to {model}: put in its place that model's own {path.name}, "
            f"which holds the weights"
        )
    state, cfg = dict.get(saved, "best_state"), dict.get(saved, "xp.cfg", "")
    if not isinstance(state, dict) or not isinstance(cfg, str):
        raise CheckpointInvalid(f"{path.name} has no best_state, or an xp.cfg that is no text")
    tensors = dict(dict.items(state))
    for name, value in tensors.items():
        if not isinstance(name, str) or not isinstance(value, Stored):
            raise CheckpointInvalid(f"{path.name}: {name!r} is no tensor")
    return tensors, cfg


def _conditioners(lm: Mapping[str, Any]) -> set[str]:
    """What the model listens to. Raises CheckpointInvalid for more than text and melody."""
    names = (str(name) for name in lm if str(name).startswith(_CONDITIONERS))
    found = {name.removeprefix(_CONDITIONERS).split(".")[0] for name in names}
    if others := sorted(found - {"description", "self_wav"}):
        raise CheckpointInvalid(
            f"{LM} listens to {', '.join(others)}; supported are description and self_wav"
        )
    return found


def _renamed(tensors: Mapping[str, Stored]) -> Iterator[tuple[str, Stored]]:
    """What has no counterpart keeps its name, which is then reported as unknown."""
    for source, tensor in tensors.items():
        if source == _COMPUTED:
            continue
        name = _transformers_name(source)
        if name.endswith(_PACKED) and name != source and tensor.shape and tensor.shape[0] % 3 == 0:
            for n, letter in enumerate("qkv"):
                yield f"{name.removesuffix(_PACKED)}.{letter}_proj.weight", tensor.part(n, 3)
        else:
            yield name, tensor


def _transformers_name(name: str) -> str:
    for pattern, replacement in _RENAMED:
        renamed, count = re.subn(rf"^{pattern}", replacement, name)
        if count:
            return renamed
    return name


def _t5(folder: Path) -> dict[str, Stored]:
    return {
        f"text_encoder.{name}": tensor
        for name, tensor in stored_tensors(folder).items()
        if not name.startswith(_T5_DECODER)
    }
