"""transformers' MusicGen, made ready to learn: which weights move, and how they are named."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from muscgen.errors import InvalidRequest
from muscgen.models.card import Card
from muscgen.models.checkpoint import Checkpoint
from muscgen.training.config import Config, Lora

_ATTENTION = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")
_DECODER = "decoder.model.decoder"


def refuse_adapter(base: Card) -> None:
    """Raises InvalidRequest: what would be trained is the model beneath, as if there were no adapter."""
    if base.adapter is not None:
        raise InvalidRequest(
            f"{base.id} is an adapter beside another model's weights, which cannot be trained further",
            param="base",
            suggestion="the model that it adapts, or more steps of the training that made it",
        )


def refuse_own_folder(base: Card, out: Path) -> None:
    """Raises InvalidRequest: what comes out would be written over what it is made of."""
    if out.resolve() == base.path.resolve():
        raise InvalidRequest(f"out is {base.id}'s own folder, {out}", param="out", suggestion="another")


def load(base: Path, config: Config) -> Any:  # noqa: ANN401  (transformers' or peft's model)
    """The base with what is to be trained requiring gradients. Raises InvalidRequest for a melody model."""
    checkpoint = Checkpoint(base)
    if checkpoint.config.melody is not None:
        raise InvalidRequest(
            f"{config.base} is a melody model, which cannot be trained here",
            param="base",
            suggestion="a model that reads text by cross-attention: musicgen-small, -medium, -large, stereo",
        )
    if not (base / "config.json").is_file():
        raise InvalidRequest(
            f"{config.base} is in audiocraft's layout; transformers reads its own only", param="base"
        )
    from transformers import MusicgenForConditionalGeneration

    with quiet():
        model = MusicgenForConditionalGeneration.from_pretrained(  # nosec B615  a folder, and nothing else
            base, dtype=torch.float32, local_files_only=True
        )
    special = model.config.decoder.pad_token_id
    model.config.decoder.decoder_start_token_id = special  # what `labels=` asks for
    model.requires_grad_(False)
    if config.from_nothing:
        _forget(model, config.seed)
    if config.gradient_checkpointing:
        model.decoder.gradient_checkpointing_enable({"use_reentrant": False})
    if config.method == "lora":
        return _adapted(model, config.lora, config.seed)
    model.decoder.requires_grad_(True)
    model.text_encoder.requires_grad_(config.learn_text)
    if hasattr(model, "enc_to_dec_proj"):
        model.enc_to_dec_proj.requires_grad_(True)
    return model


def tokenizer(base: Path) -> Any:  # noqa: ANN401  (transformers')
    from transformers import AutoTokenizer

    with quiet():
        return AutoTokenizer.from_pretrained(base, local_files_only=True)  # nosec B615


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """By name, in one order."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


@contextmanager
def quiet() -> Iterator[None]:
    """transformers warns of the special token, which stands behind the vocabulary in every MusicGen."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()


def _adapted(model: Any, lora: Lora, seed: int) -> Any:  # noqa: ANN401
    """Names in full: short ones are found in T5 too."""
    from peft import LoraConfig, get_peft_model

    names = [
        name
        for name, module in model.named_modules()
        if name.startswith(f"{_DECODER}.layers.") and name.rpartition(".")[2] in _ATTENTION
        if isinstance(module, nn.Linear)
    ]
    names += ["enc_to_dec_proj"] if hasattr(model, "enc_to_dec_proj") else []
    if lora.heads:
        books = range(model.config.decoder.num_codebooks)
        names += [f"decoder.lm_heads.{k}" for k in books] + [f"{_DECODER}.embed_tokens.{k}" for k in books]
    config = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=names)
    torch.manual_seed(seed)
    with quiet():
        return get_peft_model(model, config)


def _forget(model: Any, seed: int) -> None:  # noqa: ANN401
    """The decoder anew, as transformers begins one; text encoder and codec stay."""
    torch.manual_seed(seed)
    parts = [model.decoder, *([model.enc_to_dec_proj] if hasattr(model, "enc_to_dec_proj") else [])]
    deviation = model.config.decoder.initializer_factor
    with torch.no_grad():
        for part in parts:
            for module in part.modules():
                if isinstance(module, nn.Linear | nn.Embedding):
                    module.weight.normal_(0.0, deviation)
                if isinstance(module, nn.Linear) and module.bias is not None:
                    module.bias.zero_()
                if isinstance(module, nn.LayerNorm):
                    module.reset_parameters()
