"""What a language model says of codes: its loss, without logits of all codebooks at once.

The number is that of transformers' own `labels=` (a test compares them, and their gradients); the memory is
one codebook's, and no cache of keys is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from muscgen.training.batches import IGNORED

MOST_LOGITS = 2**27  # of all codebooks together, that are kept for the gradients; beyond, one codebook's anew


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """ids, mask [B, L]: words. spoken [B]: whose words are heard. labels [B, S, K]: see batches.py.

    fed [B, S, K]: what a step hears of those before it, where that is not their labels.
    """

    ids: Tensor
    mask: Tensor
    spoken: Tensor
    labels: Tensor
    fed: Tensor | None = None

    def to(self, device: torch.device) -> Lesson:
        def there(part: Tensor) -> Tensor:
            return part.to(device, non_blocking=True)

        fed = None if self.fed is None else there(self.fed)
        return Lesson(there(self.ids), there(self.mask), there(self.spoken), there(self.labels), fed)


class Speaker(nn.Module):
    """transformers' or peft's MusicGen, asked for nothing but its loss. halves: products are of bf16."""

    def __init__(self, model: Any, *, halves: bool = False) -> None:  # noqa: ANN401
        super().__init__()
        self.model = model
        plain = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._plain = [plain]  # a list: it is no module beside the model that holds it
        self._halves = halves
        self._text_learns = any(weight.requires_grad for weight in plain.text_encoder.parameters())

    def forward(self, lesson: Lesson) -> Tensor:
        """Cross-entropy in nats a code, the mean over codebooks."""
        with torch.autocast(lesson.labels.device.type, torch.bfloat16, enabled=self._halves):
            return self._heard(lesson)

    def _heard(self, lesson: Lesson) -> Tensor:
        [model] = self._plain
        special = model.config.decoder.pad_token_id
        hidden = model.decoder.model(
            input_ids=_shifted(lesson.labels if lesson.fed is None else lesson.fed, special).flatten(0, 1),
            encoder_hidden_states=self._words(lesson),
            # Who hears nothing may look at every word: they are zeros, and so is what is seen of them. A row
            # that may look at none is not a number on some devices.
            encoder_attention_mask=lesson.mask | ~lesson.spoken[:, None],
            use_cache=False,
        ).last_hidden_state
        labels = lesson.labels.masked_fill(lesson.labels == special, IGNORED)
        heads = model.decoder.lm_heads
        anew = hidden.requires_grad and labels.numel() * model.config.decoder.vocab_size > MOST_LOGITS
        losses = [
            checkpoint(_loss, head, hidden, labels[..., k], use_reentrant=False, preserve_rng_state=False)
            if anew
            else _loss(head, hidden, labels[..., k])
            for k, head in enumerate(heads)
        ]
        return torch.stack(losses).mean()

    def _words(self, lesson: Lesson) -> Tensor:
        """What the decoder hears of words [B, L, D]."""
        [model] = self._plain
        with torch.set_grad_enabled(self._text_learns and torch.is_grad_enabled()):
            states = model.text_encoder(
                input_ids=lesson.ids, attention_mask=lesson.mask.long()
            ).last_hidden_state
        if hasattr(model, "enc_to_dec_proj"):
            states = model.enc_to_dec_proj(states)
        heard: Tensor = states * (lesson.mask & lesson.spoken[:, None])[..., None]
        return heard


def _loss(head: nn.Module, hidden: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(head(hidden).flatten(0, 1), labels.flatten(), ignore_index=IGNORED)


def _shifted(steps: Tensor, special: int) -> Tensor:
    """What the decoder is fed [B, K, S]: the step before, and special tokens before the first."""
    before = torch.full_like(steps[:, :1], special)
    fed = torch.cat([before, steps[:, :-1]], 1).transpose(1, 2)
    return fed.masked_fill(fed == IGNORED, special)
