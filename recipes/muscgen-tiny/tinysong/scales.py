"""How much of everything: one word for a try, a night or what a model is made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Training:
    """Of one of the two trainings."""

    steps: int
    batch: int
    window_s: float
    learning_rate: float
    every_steps: int


@dataclass(frozen=True, slots=True)
class Scale:
    """songs: by split, of so many seconds each. prompts: that judge the model, with songs of judged_s."""

    songs: dict[str, int]
    seconds: float
    ears: Training
    lm: Training
    prompts: int
    judged_s: float


SCALES = {
    "smoke": Scale(
        songs={"train": 3, "valid": 1, "test": 2},
        seconds=4.0,
        ears=Training(steps=2, batch=1, window_s=0.6, learning_rate=1e-3, every_steps=2),
        lm=Training(steps=2, batch=1, window_s=2.0, learning_rate=1e-3, every_steps=2),
        prompts=2,
        judged_s=2.0,
    ),
    "night": Scale(
        songs={"train": 600, "valid": 24, "test": 48},
        seconds=30.0,
        ears=Training(steps=4_000, batch=4, window_s=4.0, learning_rate=1e-3, every_steps=500),
        lm=Training(steps=3_000, batch=8, window_s=8.0, learning_rate=1e-3, every_steps=500),
        prompts=48,
        judged_s=10.0,
    ),
    "full": Scale(
        songs={"train": 6_000, "valid": 48, "test": 48},
        seconds=30.0,
        ears=Training(steps=40_000, batch=8, window_s=6.0, learning_rate=1e-3, every_steps=2_000),
        lm=Training(steps=40_000, batch=16, window_s=30.0, learning_rate=1e-3, every_steps=2_000),
        prompts=48,
        judged_s=30.0,
    ),
}
