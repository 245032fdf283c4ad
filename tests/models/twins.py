"""A checkpoint written again in audiocraft's layout: names back, q, k, v stacked."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

LAYER = r"decoder\.model\.decoder\.layers\.(\d+)"
LM_NAMES = (
    (r"decoder\.model\.decoder\.embed_tokens\.", "emb."),
    (r"decoder\.lm_heads\.", "linears."),
    (r"decoder\.model\.decoder\.layer_norm\.", "out_norm."),
    (rf"{LAYER}\.self_attn_layer_norm\.", r"transformer.layers.\1.norm1."),
    (rf"{LAYER}\.encoder_attn_layer_norm\.", r"transformer.layers.\1.norm_cross."),
    (rf"{LAYER}\.final_layer_norm\.", r"transformer.layers.\1.norm2."),
    (rf"{LAYER}\.fc([12])\.", r"transformer.layers.\1.linear\2."),
    (rf"{LAYER}\.self_attn\.", r"transformer.layers.\1.self_attn."),
    (rf"{LAYER}\.encoder_attn\.", r"transformer.layers.\1.cross_attention."),
    (r"enc_to_dec_proj\.", "condition_provider.conditioners.description.output_proj."),
    (r"audio_enc_to_dec_proj\.", "condition_provider.conditioners.self_wav.output_proj."),
)
UPSAMPLING = (3, 6, 9, 12)
LM_CFG = """\
device: cuda
lm_model: transformer_lm
codebooks_pattern:
  modeling: delay
  delay:
    delays:
{delays}
    flatten_first: 0
transformer_lm:
  dim: {width}
  num_heads: {heads}
  activation: gelu
  norm_first: true
  positional_embedding: sin
sample_rate: 32000
"""
MELODY_CFG = """\
conditioners:
  self_wav:
    model: chroma_stem
    chroma_stem:
      sample_rate: ${sample_rate}
      n_chroma: 12
      radix2_exp: 11
      duration: 1
      argmax: true
"""
CODEC_CFG = """\
sample_rate: 32000
compression_model: encodec
encodec:
  sample_rate: ${sample_rate}
  causal: false
  renormalize: false
seanet:
  causal: ${encodec.causal}
  ratios: [8, 5, 4, 4]
  activation: ELU
  dilation_base: 2
"""


def audiocraft_twin(original: Path, path: Path, dtype: torch.dtype = torch.float32) -> Path:
    """The same weights as `original`, in `path`."""
    tensors = load_file(original / "model.safetensors")
    config = json.loads((original / "config.json").read_text("utf-8"))
    text = path / "text_encoder"
    text.mkdir(parents=True)
    (text / "config.json").write_text(json.dumps(config["text_encoder"]), "utf-8")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(original / name, text / name)
    t5 = {k.removeprefix("text_encoder."): v for k, v in tensors.items() if k.startswith("text_encoder.")}
    save_file(t5, text / "model.safetensors")
    decoder = config["decoder"]
    delays = [k // decoder["audio_channels"] for k in range(decoder["num_codebooks"])]
    cfg = LM_CFG.format(
        width=decoder["hidden_size"],
        heads=decoder["num_attention_heads"],
        delays="\n".join(f"    - {delay}" for delay in delays),
    )
    lm = {k: v.to(dtype) for k, v in packed(tensors).items()}
    if config["model_type"] == "musicgen_melody":
        cfg += MELODY_CFG
        lm["condition_provider.conditioners.self_wav.chroma.spec.window"] = torch.ones(2048)
    save(path / "state_dict.bin", {"best_state": lm, "xp.cfg": cfg, "version": "1.0.0", "exported": True})
    save(path / "compression_state_dict.bin", {"best_state": codec(tensors), "xp.cfg": CODEC_CFG})
    return path


def save(path: Path, package: object) -> None:
    torch.save(package, path)


def packed(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The language model's best_state."""
    found = {}
    for name, tensor in tensors.items():
        for pattern, replacement in LM_NAMES:
            renamed, count = re.subn(f"^{pattern}", replacement, name)
            if count:
                found[renamed] = tensor
    for name in [name for name in found if name.endswith("q_proj.weight")]:
        thirds = [found.pop(name.replace("q_proj", f"{letter}_proj")) for letter in "qkv"]
        found[name.replace("q_proj.weight", "in_proj_weight")] = torch.cat(thirds)
    return found


def codec(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The codec's best_state, with the old names of weight norm."""
    mine = {k.removeprefix("audio_encoder."): v for k, v in tensors.items() if k.startswith("audio_encoder.")}
    return {codec_name(name): tensor for name, tensor in mine.items()}


def codec_name(name: str) -> str:
    up = re.match(r"decoder\.layers\.(\d+)\.conv\.", name)
    kind = "convtr.convtr." if up and int(up[1]) in UPSAMPLING else "conv.conv."
    name = re.sub(r"^quantizer\.layers\.(\d+)\.codebook", r"quantizer.vq.layers.\1._codebook", name)
    name = re.sub(r"^(encoder|decoder)\.layers", r"\1.model", name)
    name = name.replace("parametrizations.weight.original0", "weight_g")
    return name.replace("parametrizations.weight.original1", "weight_v").replace("conv.", kind)
