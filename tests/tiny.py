"""Random MusicGens of a few megabytes, made by transformers' own classes: the oracle of the backends' tests.

path = random_checkpoint(tmp_path / "model", seed=3, stereo=True)
"""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from muscgen.models.leftout import BUILTIN

if TYPE_CHECKING:
    from transformers import MusicgenConfig, MusicgenForConditionalGeneration

MUSCGEN_TINY = BUILTIN / "muscgen-tiny"
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
CODES = 2048
TEXT_VOCABULARY = 2048
MELODY_FRAMES = 19


def random_checkpoint(
    path: Path,
    *,
    seed: int = 0,
    stereo: bool = False,
    head_width: int = 32,
    heads: int = 2,
    layers: int = 2,
    text_width: int = 48,
    max_shard_size: str = "1GB",
    melody: bool = False,
    pad_mode: str = "reflect",
) -> Path:
    """A loadable checkpoint folder: config, safetensors, tokenizer, card. head_width is a multiple of 8."""
    import torch

    config = _config(stereo, head_width, heads, layers, text_width, melody, pad_mode)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = _random_model(config)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # transformers' own
        model.save_pretrained(path, max_shard_size=max_shard_size)
    if melody:
        _fewer_frames(path)
    for name in _TOKENIZER_FILES:
        shutil.copyfile(MUSCGEN_TINY / name, path / name)
    card = (MUSCGEN_TINY / "card.toml").read_text("utf-8")
    card = card.replace('id = "muscgen-tiny"', f"id = {json.dumps(path.name)}")
    if melody:
        card = card.replace('modes = ["text"', 'modes = ["melody", "text"')
    (path / "card.toml").write_text(card, "utf-8")
    return path


def oracle(path: Path) -> MusicgenForConditionalGeneration:
    """transformers' reading of the checkpoint, in float32."""
    import torch
    from transformers import MusicgenForConditionalGeneration, MusicgenMelodyForConditionalGeneration

    melody = json.loads((path / "config.json").read_text())["model_type"] == "musicgen_melody"
    kind = MusicgenMelodyForConditionalGeneration if melody else MusicgenForConditionalGeneration
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = kind.from_pretrained(path, dtype=torch.float32)
    return model.eval()


def _fewer_frames(path: Path) -> None:
    """A feature extractor for short sounds, as preprocessor_config.json tells it."""
    numbers = {"sampling_rate": 32_000, "n_fft": 2_048, "hop_length": 1_024}
    (path / "preprocessor_config.json").write_text(json.dumps(numbers))


def _random_model(config: MusicgenConfig) -> MusicgenForConditionalGeneration:
    """Weights large enough that nothing hides: gains are not 1, biases not 0, logits a few units."""
    import torch
    from transformers import MusicgenForConditionalGeneration, MusicgenMelodyForConditionalGeneration

    melody = config.model_type == "musicgen_melody"
    kind = MusicgenMelodyForConditionalGeneration if melody else MusicgenForConditionalGeneration
    model = kind(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and "codebook" not in name and "original0" not in name:
                parameter.normal_(0, 1.2 / parameter[0].numel() ** 0.5)
            elif name.endswith("bias"):
                parameter.normal_(0, 0.1)
            else:
                parameter.uniform_(0.5, 1.5)
        for name, buffer in model.named_buffers():
            if name.endswith("codebook.embed"):
                buffer.normal_(0, 0.5)
    return model


def _config(
    stereo: bool, head_width: int, heads: int, layers: int, text_width: int, melody: bool, pad_mode: str
) -> MusicgenConfig:
    from transformers import EncodecConfig, MusicgenConfig, MusicgenMelodyConfig, T5Config
    from transformers.models.musicgen.configuration_musicgen import MusicgenDecoderConfig
    from transformers.models.musicgen_melody.configuration_musicgen_melody import MusicgenMelodyDecoderConfig

    text = T5Config(
        vocab_size=TEXT_VOCABULARY, d_model=text_width, d_kv=24, d_ff=96, num_layers=2, num_heads=3,
        feed_forward_proj="relu", is_encoder_decoder=False, use_cache=False,
    )  # fmt: skip
    codec = EncodecConfig(
        target_bandwidths=[2.2], sampling_rate=32_000, num_filters=4, hidden_size=24, codebook_dim=24,
        codebook_size=CODES, upsampling_ratios=[8, 5, 4, 4], use_causal_conv=False, use_conv_shortcut=False,
        norm_type="weight_norm", normalize=False, pad_mode=pad_mode,
    )  # fmt: skip
    decoder = (MusicgenMelodyDecoderConfig if melody else MusicgenDecoderConfig)(
        vocab_size=CODES, hidden_size=head_width * heads, num_hidden_layers=layers, num_attention_heads=heads,
        ffn_dim=4 * head_width * heads, num_codebooks=8 if stereo else 4, audio_channels=2 if stereo else 1,
        pad_token_id=CODES, bos_token_id=CODES, dropout=0.0,
    )  # fmt: skip
    if melody:
        return MusicgenMelodyConfig(
            text_encoder=text, audio_encoder=codec, decoder=decoder, chroma_length=MELODY_FRAMES
        )
    return MusicgenConfig(text_encoder=text, audio_encoder=codec, decoder=decoder)
