"""How far apart two clouds of embeddings are, as if both were Gaussian.

    FAD = |m1 - m2|² + tr(S1 + S2 - 2 (S1 S2)^½)

Kilgour et al., "Fréchet Audio Distance" (Interspeech 2019). Of few windows it comes out too large, by about
c / N; so it is fitted over 1/N, and the line's value at 0 is told too: Chong & Forsyth, "Effectively Unbiased
FID and Inception Score" (CVPR 2020); Gui et al., "Adapting Fréchet Audio Distance for Generative Music
Evaluation" (ICASSP 2024).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from muscgen.evaluation.spectra import Floats

_SIZES = 10
_DRAWS = 4  # of each size
_LEAST = 2  # of all windows, the smallest size: one of so many; from a quarter on, 1/N no longer is a line


@dataclass(frozen=True, slots=True, eq=False)
class Cloud:
    """mean [D], covariance [D, D], of `windows` windows."""

    mean: Floats
    covariance: Floats
    windows: int

    @classmethod
    def of(cls, values: Floats) -> Cloud:
        """values [W, D], at least two windows."""
        if len(values) < 2:
            raise ValueError("one window has no spread")
        return cls(values.mean(axis=0), np.atleast_2d(np.cov(values, rowvar=False)), len(values))


class Gathering:
    """A cloud of more windows than need be kept: what is added is summed up."""

    def __init__(self) -> None:
        self._count = 0
        self._shift: Floats | None = None  # near the mean, so that squares stay small
        self._sum: Floats = np.zeros(0)
        self._squares: Floats = np.zeros((0, 0))

    def add(self, values: Floats) -> None:
        """values [W, D], W at least 1."""
        if self._shift is None:
            self._shift = values.mean(axis=0)
            self._sum, self._squares = np.zeros_like(self._shift), np.zeros((values.shape[1],) * 2)
        moved = values - self._shift
        self._count += len(values)
        self._sum += moved.sum(axis=0)
        self._squares += moved.T @ moved

    def cloud(self) -> Cloud | None:
        """None of fewer than two windows."""
        if self._count < 2 or self._shift is None:
            return None
        mean = self._sum / self._count
        covariance = (self._squares - self._count * np.outer(mean, mean)) / (self._count - 1)
        return Cloud(self._shift + mean, covariance, self._count)


@dataclass(frozen=True, slots=True)
class Extrapolated:
    """points: (1 / windows, distance), means of draws. fit: the share of their variance that a line tells."""

    distance: float
    fit: float
    points: tuple[tuple[float, float], ...]


def distance(one: Cloud, other: Cloud) -> float:
    """Never below 0, 0 for equal clouds; in the square of the embedding's unit."""
    root = _root(one.covariance)
    cross = np.linalg.eigvalsh(root @ other.covariance @ root)
    traces = np.trace(one.covariance) + np.trace(other.covariance)
    apart = float(((one.mean - other.mean) ** 2).sum() + traces - 2 * np.sqrt(np.maximum(cross, 0)).sum())
    return max(apart, 0.0)


def infinity(values: Floats, reference: Cloud, seed: int) -> Extrapolated:
    """The distance that endless windows like these [W, D] would have; it may be a little below 0."""
    draws = np.random.default_rng(seed)
    most = len(values)
    sizes = np.unique((1 / np.linspace(1 / most, _LEAST / most, _SIZES)).astype(int))
    points = []
    for size in sizes[sizes >= 2]:
        found = [
            distance(Cloud.of(values[draws.choice(most, size, replace=False)]), reference)
            for _ in range(1 if size == most else _DRAWS)
        ]
        points.append((1 / float(size), float(np.mean(found))))
    across, up = np.array(points).T
    if len(points) < 2:
        return Extrapolated(float(up[0]), 0.0, tuple(points))
    slope, start = np.polyfit(across, up, 1)
    spread = float(((up - up.mean()) ** 2).sum())
    left = float(((up - start - slope * across) ** 2).sum())
    return Extrapolated(float(start), 1 - left / spread if spread > 0 else 1.0, tuple(points))


def _root(covariance: Floats) -> Floats:
    values, vectors = np.linalg.eigh(covariance)
    root: Floats = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return root
