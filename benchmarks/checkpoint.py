"""A checkpoint of musicgen-small's true shapes with random weights: speed does not depend on their values."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from transformers import EncodecConfig, MusicgenConfig, MusicgenForConditionalGeneration, T5Config
from transformers.models.musicgen.configuration_musicgen import MusicgenDecoderConfig

TINY = Path(__file__).parent.parent / "src" / "muscgen" / "models" / "builtin" / "muscgen-tiny"
SEED = 0


def small() -> MusicgenConfig:
    """facebook/musicgen-small: 24 layers of 1,024, T5-base, EnCodec at 32 kHz."""
    text = T5Config(
        vocab_size=32128, d_model=768, d_kv=64, d_ff=3072, num_layers=12, num_heads=12, dense_act_fn="relu"
    )
    decoder = MusicgenDecoderConfig(
        hidden_size=1024, ffn_dim=4096, num_hidden_layers=24, num_attention_heads=16, num_codebooks=4
    )
    codec = EncodecConfig(
        sampling_rate=32_000,
        audio_channels=1,
        codebook_size=2048,
        codebook_dim=128,
        hidden_size=128,
        num_filters=64,
        upsampling_ratios=[8, 5, 4, 4],
        target_bandwidths=[2.2],
        norm_type="weight_norm",
        use_causal_conv=False,
        use_conv_shortcut=False,
        num_residual_layers=1,
        normalize=False,
    )
    return MusicgenConfig(text_encoder=text, audio_encoder=codec, decoder=decoder)


def make(folder: Path) -> Path:
    """The checkpoint in `folder`, made once (2.4 GB)."""
    if (folder / "model.safetensors").exists():
        return folder
    torch.manual_seed(SEED)
    part = folder.with_suffix(".part")
    model = MusicgenForConditionalGeneration(small()).eval()
    model.generation_config.guidance_scale = 3.0
    model.save_pretrained(part, max_shard_size="100GB")
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(TINY / name, part / name)
    part.rename(folder)
    return folder
