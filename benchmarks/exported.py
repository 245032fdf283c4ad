"""musicgen as an exporter leaves it, and the loop around it: the way of MusicGPT and of OpenVINO's users.

transformers' own modules, traced and divided as optimum's export of text-to-audio models divides them: `text`
(T5, the projection, every layer's cross-attention keys and values), `decoder` (one token a row, whose past
keys and values go in and come out one longer) and `codec` (EnCodec's decoder). Their int8 twins are
onnxruntime's quantize_dynamic.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import nn
from transformers import AutoTokenizer, DynamicCache, EncoderDecoderCache, MusicgenForConditionalGeneration

from muscgen.engine.delay import DelayPattern
from muscgen.engine.sampling import draw, guide, knobs_of
from muscgen.request import Sampling

FOLDER = "exported"
OPSET = 17
CODEBOOKS, VOCABULARY, SPECIAL = 4, 2048, 2048
Array = NDArray[Any]


class Parts(Protocol):
    """Whoever runs the exported graphs."""

    def begin(self, ids: Array, mask: Array) -> None:
        """A batch of rows that listen to these texts [B, L] and have heard nothing yet."""
        ...

    def step(self, tokens: Array) -> Array:
        """tokens [B x K, 1] -> logits [B x K, 1, V]."""
        ...

    def sound(self, codes: Array) -> Array:
        """codes [K, S, F] -> samples [S, 1, T]."""
        ...


def generate(parts: Parts, folder: Path, prompts: Sequence[str], frames: int, sampling: Sampling) -> Array:
    """Songs [S, 1, T] of all prompts at once, with guidance: rows 0..S-1 and their null rows behind them."""
    songs, rows = len(prompts), np.arange(len(prompts))
    inputs = AutoTokenizer.from_pretrained(folder)(list(prompts), return_tensors="np", padding=True)
    ids = np.tile(inputs["input_ids"], (2, 1))
    mask = np.concatenate([inputs["attention_mask"], np.zeros_like(inputs["attention_mask"])])
    parts.begin(ids, mask)
    pattern, knobs = DelayPattern((0, 1, 2, 3), frames), knobs_of([sampling] * songs, VOCABULARY)
    random, has_code = np.random.default_rng(0), pattern.has_code()
    line = np.full((songs, CODEBOOKS), SPECIAL, np.int32)
    track = []
    for at in range(pattern.steps):
        logits = parts.step(np.tile(line, (2, 1)).reshape(-1, 1).astype(np.int64))
        guided = guide(logits.reshape(2 * songs, CODEBOOKS, VOCABULARY), rows, rows + songs, knobs.scale)
        codes, _ = draw(guided, knobs, random.random((songs, CODEBOOKS)))
        line = np.where(has_code[at], codes, SPECIAL).astype(np.int32)
        track.append(line)
    whole = np.stack(track)  # [steps, S, K]
    codes = np.stack([pattern.frames_of(whole[:, song], 0, frames) for song in range(songs)], axis=1)
    return parts.sound(codes.astype(np.int64))


class OnnxParts:
    """onnxruntime over the exported graphs, as they are. Keys and values stay its own from step to step."""

    def __init__(self, folder: Path, precision: str) -> None:
        end = "" if precision == "fp32" else f".{precision}"
        text, decoder = (folder / f"{name}{end}.onnx" for name in ("text", "decoder"))
        self._text, self._decoder, self._codec = map(_session, (text, decoder, folder / "codec.onnx"))
        self._past = [value.name for value in self._decoder.get_inputs() if value.name.startswith("past")]
        self._heads, self._width = self._decoder.get_inputs()[-1].shape[1::2]

    def begin(self, ids: Array, mask: Array) -> None:
        cross = self._text.run(None, {"ids": ids, "mask": mask})
        empty = np.zeros((len(mask), self._heads, 0, self._width), np.float32)
        fixed = {"mask": mask} | {f"cross_{at}": part for at, part in enumerate(cross)}
        self._fixed = {name: ort.OrtValue.ortvalue_from_numpy(array) for name, array in fixed.items()}
        self._memory = [ort.OrtValue.ortvalue_from_numpy(empty) for _ in self._past]

    def step(self, tokens: Array) -> Array:
        binding = self._decoder.io_binding()
        binding.bind_cpu_input("tokens", tokens)
        for name, value in (self._fixed | dict(zip(self._past, self._memory, strict=True))).items():
            binding.bind_ortvalue_input(name, value)
        for output in self._decoder.get_outputs():
            binding.bind_output(output.name, "cpu")
        self._decoder.run_with_iobinding(binding)
        logits, *self._memory = binding.get_outputs()
        return np.asarray(logits.numpy())

    def sound(self, codes: Array) -> Array:
        return np.asarray(self._codec.run(None, {"codes": codes})[0])


def export(checkpoint: Path, folder: Path) -> Path:
    """The graphs in `folder`, made once."""
    if (folder / "decoder.int8.onnx").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    model = MusicgenForConditionalGeneration.from_pretrained(checkpoint, attn_implementation="eager").eval()
    decoder = model.decoder.config
    layers, heads = decoder.num_hidden_layers, decoder.num_attention_heads
    rows, text = {0: "B"}, {0: "B", 1: "L"}
    crosses, pasts, presents = (
        {f"{name}_{at}": {0: "B", 2: length} for at in range(2 * layers)}
        for name, length in (("cross", "L"), ("past", "P"), ("present", "T"))
    )
    ids = torch.ones((2, 5), dtype=torch.long)
    memory = [torch.zeros(2, heads, 5, decoder.hidden_size // heads) for _ in range(4 * layers)]
    texts = {"ids": text, "mask": text}
    _write(_Text(model), (ids, ids), folder / "text.onnx", texts, crosses)
    tokens = torch.zeros((2 * CODEBOOKS, 1), dtype=torch.long)
    inputs = {"tokens": {0: "N"}, "mask": text} | crosses | pasts
    outputs = {"logits": {0: "N"}} | presents
    _write(_Decoder(model), (tokens, ids, *memory), folder / "decoder.onnx", inputs, outputs)
    codes = torch.zeros((CODEBOOKS, 2, 50), dtype=torch.long)
    codec_in, codec_out = {"codes": {1: "B", 2: "F"}}, {"samples": rows | {2: "T"}}
    _write(_Codec(model), (codes,), folder / "codec.onnx", codec_in, codec_out)
    _quantise(folder)
    return folder


class _Text(nn.Module):
    """ids, mask [B, L] -> keys and values of each layer's cross-attention [B, heads, L, head width]."""

    def __init__(self, model: MusicgenForConditionalGeneration) -> None:
        super().__init__()
        self.encoder, self.projection = model.text_encoder, model.enc_to_dec_proj
        self.attentions = nn.ModuleList(layer.encoder_attn for layer in model.decoder.model.decoder.layers)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        states = self.projection(states) * mask[..., None]
        found = []
        for attention in self.attentions:
            for part in (attention.k_proj, attention.v_proj):
                y = part(states).view(*states.shape[:2], attention.num_heads, attention.head_dim)
                found.append(y.transpose(1, 2))
        return tuple(found)


class _Decoder(nn.Module):
    """tokens [B x K, 1], mask [B, L], keys and values (cross, past) a layer -> logits, present ones."""

    def __init__(self, model: MusicgenForConditionalGeneration) -> None:
        super().__init__()
        self.decoder = model.decoder

    def forward(
        self, tokens: torch.Tensor, mask: torch.Tensor, *memory: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        half = len(memory) // 2
        cross, past = (DynamicCache(_pairs(part)) for part in (memory[:half], memory[half:]))
        states = memory[0].new_zeros((*mask.shape, self.decoder.config.hidden_size))
        made = self.decoder(
            input_ids=tokens,
            encoder_hidden_states=states,  # not looked at, for its keys and values are there
            encoder_attention_mask=mask,
            cache=EncoderDecoderCache(past, cross),
            use_cache=True,
        )
        return (made.logits, *(part for layer in past.layers for part in (layer.keys, layer.values)))


class _Codec(nn.Module):
    """codes [K, B, F] -> samples [B, 1, T]."""

    def __init__(self, model: MusicgenForConditionalGeneration) -> None:
        super().__init__()
        self.codec = model.audio_encoder

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        samples: torch.Tensor = self.codec.decoder(self.codec.quantizer.decode(codes))
        return samples


def _write(
    module: nn.Module,
    arguments: tuple[torch.Tensor, ...],
    path: Path,
    inputs: dict[str, dict[int, str]],
    outputs: dict[str, dict[int, str]],
) -> None:
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter is deprecated, and is what was used
        torch.onnx.export(
            module,
            arguments,
            path,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes=inputs | outputs,
            opset_version=OPSET,
            dynamo=False,
        )


def _quantise(folder: Path) -> None:
    from onnxruntime.quantization import quantize_dynamic

    for name in ("text", "decoder"):
        quantize_dynamic(folder / f"{name}.onnx", folder / f"{name}.int8.onnx")


def _pairs(memory: Sequence[torch.Tensor]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return list(zip(memory[::2], memory[1::2], strict=True))


def _session(path: Path) -> ort.InferenceSession:
    return ort.InferenceSession(path, providers=["CPUExecutionProvider"])
