"""VGGish in PyTorch, for weights in torchvggish's layout.

Hershey et al., "CNN Architectures for Large-Scale Audio Classification" (ICASSP 2017). The numbers before the
PCA, as FAD is usually taken of.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError  # nosec B403  (its name; torch reads weights alone)
from typing import TYPE_CHECKING, Any

import numpy as np

from muscgen.audio import Audio
from muscgen.errors import ConfigurationError
from muscgen.evaluation.embeddings import Embedding, Plain
from muscgen.evaluation.spectra import Floats
from muscgen.intake import fitted

if TYPE_CHECKING:
    from torch import nn

RATE_HZ = 16_000
_WINDOW, _HOP, _FFT = 400, 160, 512
_BANDS, _LOWEST_HZ, _HIGHEST_HZ = 64, 125.0, 7_500.0
_OFFSET = 0.01
_EXAMPLE = 96  # frames: 0.96 s
_LAYERS = (64, "M", 128, "M", 256, 256, "M", 512, 512, "M")


def embedding(folder: Path) -> Embedding:
    """A folder with vggish*.pth or .safetensors. Raises ConfigurationError."""
    from muscgen.evaluation.pretrained import check_installed

    check_installed("vggish")
    files = [path for path in sorted(folder.glob("*")) if path.suffix in (".pth", ".safetensors")]
    if not files:
        raise ConfigurationError(
            f"{folder} holds no weights of vggish: nothing is downloaded for an evaluation",
            param="vggish",
            suggestion="torchvggish's vggish-10086976.pth",
        )
    net = network(_weights(files[0]))

    def made(audio: Audio) -> Floats:
        import torch

        with torch.inference_mode():
            return np.asarray(net(torch.from_numpy(examples(audio))[:, None]).double().numpy())

    return Plain("vggish", made)


def network(weights: Mapping[str, Any]) -> nn.Module:
    """features.N, embeddings.N -> [W, 1, 96, 64] to [W, 128]. Raises ConfigurationError for other weights."""
    from torch import nn

    layers: list[nn.Module] = []
    width = 1
    for size in _LAYERS:
        if isinstance(size, int):
            layers += [nn.Conv2d(width, size, 3, padding=1), nn.ReLU()]
            width = size
        else:
            layers.append(nn.MaxPool2d(2, 2))
    dense = [nn.Linear(512 * 4 * 6, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 128)]
    parts = nn.ModuleDict(
        {"features": nn.Sequential(*layers), "embeddings": nn.Sequential(*dense, nn.ReLU())}
    )
    kept = {name: value for name, value in weights.items() if not name.startswith("pproc.")}
    try:
        parts.load_state_dict(kept)
    except RuntimeError as error:
        raise ConfigurationError(f"these are no weights of VGGish: {error}", param="vggish") from error
    return nn.Sequential(parts["features"], _ChannelsLast(), parts["embeddings"]).eval()


def examples(audio: Audio) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Log-mel examples of 0.96 s [W, 96, 64], at least one."""
    samples = fitted(audio, rate=RATE_HZ, channels=1)[0].astype(np.float64)
    samples = np.pad(samples, (0, max(0, _WINDOW + (_EXAMPLE - 1) * _HOP - samples.size)))
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi / _WINDOW * np.arange(_WINDOW))
    magnitudes = np.abs(np.fft.rfft(frames * hann, _FFT))
    loud = np.log(magnitudes @ _mel() + _OFFSET)
    count = len(loud) // _EXAMPLE
    return loud[: count * _EXAMPLE].reshape(count, _EXAMPLE, _BANDS).astype(np.float32)


def _mel() -> Floats:
    def mel(hz: Floats) -> Floats:
        return 1127.0 * np.log(1.0 + hz / 700.0)

    lowest, highest = mel(np.array([_LOWEST_HZ, _HIGHEST_HZ]))
    edges = np.linspace(float(lowest), float(highest), _BANDS + 2)
    bins = mel(np.linspace(0.0, RATE_HZ / 2, _FFT // 2 + 1))[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0.0, np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)))
    weights[0] = 0.0
    return np.asarray(weights)


def _weights(path: Path) -> Mapping[str, Any]:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found: Mapping[str, Any] = torch.load(path, map_location="cpu", weights_only=True)  # nosec B614
    except (SafetensorError, UnpicklingError, RuntimeError, EOFError) as error:
        raise ConfigurationError(f"vggish: {path} cannot be loaded: {error}", param="vggish") from error
    return found


def _ChannelsLast() -> nn.Module:  # noqa: N802  (a module that needs torch to be made)
    """[W, 512, 6, 4] as TensorFlow flattens it [W, 12288]."""
    from torch import Tensor, nn

    class Flat(nn.Module):
        def forward(self, found: Tensor) -> Tensor:
            return found.permute(0, 2, 3, 1).flatten(1)

    return Flat()
