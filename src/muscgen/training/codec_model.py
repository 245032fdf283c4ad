"""An EnCodec that learns: transformers' modules, and codebooks that are parameters while they do.

After Défossez et al., "High Fidelity Neural Audio Compression" (2022), without its discriminators: what
is lost with them is crispness, not time or pitch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from muscgen.training.codec_config import Learn, Losses
from muscgen.training.hearing import Changes, changed

_SCALES = (64, 128, 256, 512, 1_024)  # samples of a hop; windows are four times as long
_BANDS = 40
_FLOOR = 1e-5
_MOVED = 16  # of a codebook, one in so many at once


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """sound [N, T]; or codes [N, K, F] where the encoder learns pairs, with the sound of the first of them.

    changes: of the sound, before it is heard.
    """

    sound: Tensor | None = None
    codes: Tensor | None = None
    changes: Changes | None = None

    def to(self, device: torch.device) -> Windows:
        sound = self.sound if self.sound is None else self.sound.to(device, non_blocking=True)
        codes = self.codes if self.codes is None else self.codes.to(device, non_blocking=True)
        return Windows(sound, codes, self.changes)


class Codec(nn.Module):
    """encoder, decoder: of transformers' EncodecModel. books: [codes, D] each, of the codebooks in use.

    Sound of several channels is several sounds.
    """

    def __init__(self, model: Any, books: int, learn: Learn, losses: Losses, rate: int) -> None:  # noqa: ANN401
        super().__init__()
        self.encoder, self.decoder = model.encoder, model.decoder
        embeds = [layer.codebook.embed for layer in model.quantizer.layers[:books]]
        self.books = nn.ParameterList([nn.Parameter(embed.detach().clone()) for embed in embeds])
        self._learn, self._losses, self._rate = learn, losses, rate
        self.encoder.requires_grad_(learn != "decoder")
        self.decoder.requires_grad_(learn != "encoder")
        self.books.requires_grad_(learn == "all")

    def freeze_front(self) -> None:
        """What is before the encoder's LSTM stays as it is."""
        for name, weight in self.named_parameters():
            weight.requires_grad_(weight.requires_grad and not self.is_front(name))

    def is_front(self, name: str) -> bool:
        """Whether the weight of that name is of the encoder, before its LSTM."""
        layers = self.encoder.layers
        lstm = next(n for n, layer in enumerate(layers) if hasattr(layer, "lstm"))
        part = name.removeprefix("encoder.layers.")
        return part != name and int(part.partition(".")[0]) < lstm

    def forward(self, windows: Windows, *, plain: bool = False, told: bool = True) -> dict[str, Tensor]:
        """`loss`, and what it is made of. told: also what costs time and is not learnt from.

        plain: the decoder hears the encoder itself, and nothing becomes a code.
        """
        if windows.codes is not None:
            return self._pairs(windows.codes, windows, told=told)
        assert windows.sound is not None  # noqa: S101 - one of the two is there
        return self._sound(windows.sound, plain)

    def _pairs(self, codes: Tensor, windows: Windows, *, told: bool) -> dict[str, Tensor]:
        with torch.no_grad():
            wanted = self.vectors(codes)
            sound = self._of(wanted, windows.sound)
            if windows.changes is not None:
                sound = changed(sound, windows.changes, self._rate)
        found = self.encoder(sound[:, None])
        near = (found - wanted).pow(2).mean() / wanted.pow(2).mean().clamp_min(1e-8)
        named = self._named(found, codes)
        figures = {"loss": near + named, "near": near, "named": named}
        return figures | ({"right": self._right(found, codes)} if told else {})

    def _of(self, wanted: Tensor, own: Tensor | None) -> Tensor:
        """The sound [N, T] of vectors: of the first their own, of the others what the decoder makes."""
        if own is None:
            made: Tensor = self.decoder(wanted)[:, 0]
            return made
        if len(own) == len(wanted):
            return own
        return torch.cat([own, self.decoder(wanted[len(own) :])[:, 0, : own.shape[1]]])

    @torch.no_grad()
    def _right(self, found: Tensor, codes: Tensor) -> Tensor:
        """The share of codes that are heard right."""
        return (self.quantised(found)[0] == codes).double().mean()

    def _named(self, found: Tensor, codes: Tensor) -> Tensor:
        """Cross-entropy of each code, after those before it were right."""
        left, losses = found.transpose(1, 2), []
        for k, book in enumerate(self.books):
            away = -_distances(left, book)
            width = -away.detach().mean().clamp(max=-1e-8) / book.shape[0] ** 0.5
            losses.append(functional.cross_entropy((away / width).flatten(0, 1), codes[:, k].flatten()))
            left = left - book[codes[:, k]]
        return torch.stack(losses).mean()

    def _sound(self, sound: Tensor, plain: bool) -> dict[str, Tensor]:
        found = self.encoder(sound[:, None])
        codes, quantised = self.quantised(found)
        near = (found.detach() - quantised).pow(2).mean()
        commit = (found - quantised.detach()).pow(2).mean()
        through = found + (quantised - found).detach() if self._learn == "all" else quantised.detach()
        through = found if plain else through
        made = self.decoder(through)[:, 0, : sound.shape[1]]
        wave = (made - sound).abs().mean()
        mel = mel_distance(made, sound, self._rate)
        loss = self._losses.wave * wave + self._losses.mel * mel
        if self._learn == "all":
            loss = loss + (0.0 if plain else 1.0) * (near + self._losses.commit * commit)
        return {"loss": loss, "wave": wave, "mel": mel, "used": _used(codes, len(self.books[0]))}

    def quantised(self, found: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors [N, D, F] -> codes [N, K, F], and the vectors that they stand for."""
        left, all_codes, total = found.detach().transpose(1, 2), [], torch.zeros_like(found.transpose(1, 2))
        for book in self.books:
            codes = _distances(left, book.detach()).argmin(-1)
            vectors = functional.embedding(codes, book)
            left = left - vectors.detach()
            total = total + vectors
            all_codes.append(codes)
        return torch.stack(all_codes, 1), total.transpose(1, 2)

    @torch.no_grad()
    def again(self, sound: Tensor) -> Tensor:
        """Sound [N, T] as its codes give it back."""
        _, vectors = self.quantised(self.encoder(sound[:, None]))
        again: Tensor = self.decoder(vectors)[:, 0, : sound.shape[1]]
        return again

    def vectors(self, codes: Tensor) -> Tensor:
        """Codes [N, K, F] -> vectors [N, D, F]."""
        total = sum(functional.embedding(codes[:, k], book) for k, book in enumerate(self.books))
        assert isinstance(total, Tensor)  # noqa: S101 - there is a book
        return total.transpose(1, 2)

    @torch.no_grad()
    def begin_books(self, sound: Tensor) -> None:
        """Codebooks anew, of vectors that the encoder makes of sound [N, T], and of what is left of them."""
        left = self.encoder(sound[:, None]).transpose(1, 2).flatten(0, 1)
        for book in self.books:
            chosen = torch.randint(len(left), (len(book),))
            spread = left.std() * 0.01 * torch.randn(book.shape)
            book.copy_(left[chosen] + spread.to(book.device))
            left = left - book[_distances(left, book).argmin(-1)]

    @torch.no_grad()
    def refresh_books(self, sound: Tensor) -> None:
        """Of the codes that this sound [N, T] does not use, a few are moved to where vectors are.

        Without that a new codec soon has a handful of codes that are ever used.
        """
        left = self.encoder(sound[:, None]).transpose(1, 2).flatten(0, 1)
        for book in self.books:
            codes = _distances(left, book).argmin(-1)
            unused = torch.ones(len(book), dtype=torch.bool, device=book.device)
            unused[codes] = False
            moved = torch.nonzero(unused)[:, 0]
            moved = moved[torch.randperm(len(moved))[: max(1, len(book) // _MOVED)].to(moved.device)]
            book[moved] = left[torch.randint(len(left), (len(moved),)).to(left.device)]
            left = left - book[_distances(left, book).argmin(-1)]

    @torch.no_grad()
    def put_into(self, model: Any) -> None:  # noqa: ANN401  (transformers' EncodecModel)
        """The codebooks back to where transformers has them."""
        for layer, book in zip(model.quantizer.layers, self.books, strict=False):
            layer.codebook.embed.copy_(book)
            layer.codebook.embed_avg.copy_(book)
            layer.codebook.cluster_size.fill_(1.0)


def mel_distance(made: Tensor, wanted: Tensor, sample_rate: int) -> Tensor:
    """Mean difference of log-mel bands of sounds [N, T] at several resolutions."""
    found = []
    for hop in _SCALES:
        size = 4 * hop
        if wanted.shape[1] <= size:
            continue
        bands = _bands(size, sample_rate).to(made)
        window = torch.hann_window(size, device=made.device)
        pair = [
            torch.log10(
                _FLOOR + torch.stft(one, size, hop, window=window, return_complex=True).abs().mT @ bands
            )
            for one in (made, wanted)
        ]
        found.append((pair[0] - pair[1]).abs().mean())
    return torch.stack(found).mean()


@lru_cache(16)
def _bands(size: int, sample_rate: int) -> Tensor:
    """Triangles, evenly apart in mel [bins, BANDS]."""
    hz = torch.linspace(0, sample_rate / 2, size // 2 + 1)[:, None]
    most = 2595 * torch.log10(torch.tensor(1 + sample_rate / 2 / 700))
    edges = 700 * (10 ** (torch.linspace(0, 1, _BANDS + 2) * most / 2595) - 1)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    return torch.minimum((hz - low) / (middle - low), (high - hz) / (high - middle)).clamp_min(0)


def _distances(vectors: Tensor, book: Tensor) -> Tensor:
    """Squares [..., codes], as transformers takes them."""
    return vectors.pow(2).sum(-1, keepdim=True) - 2 * vectors @ book.T + book.pow(2).sum(-1)


@torch.no_grad()
def _used(codes: Tensor, size: int) -> Tensor:
    """How many codes of a codebook are in use, in effect: the perplexity, the mean over codebooks."""
    shares: Sequence[Tensor] = [
        torch.bincount(codes[:, k].flatten(), minlength=size).double() for k in range(codes.shape[1])
    ]
    rows = torch.stack([share / share.sum() for share in shares])
    return torch.exp(-(rows * torch.log(rows.clamp_min(1e-12))).sum(1)).mean()
