"""When a new codec's codebooks begin, and when codes that are not used are moved.

A codec from nothing first learns without codes: else its encoder soon says the same of everything.
"""

from __future__ import annotations

from typing import Literal

from muscgen.errors import ConfigurationError
from muscgen.training.checkpoints import State
from muscgen.training.codec_config import CodecTraining

Change = Literal["begin", "refresh", ""]
_PLAIN = 0.3  # of the steps of a codec from nothing: without codes
_REFRESH_STEPS, _REFRESHED = 5, 0.7  # codes that are not used are moved; not any more towards the end


def begun(config: CodecTraining, state: State) -> bool:
    """Whether there are codes after the steps that are done. Of an older state the steps tell.

    Raises ConfigurationError where there are none, and no step is left that would begin them.
    """
    found = state.books
    if found is None:
        found = not _from_nothing(config) or state.steps > _begins(config)
    if not found and state.steps == config.steps:
        raise ConfigurationError(
            f"{state.steps} steps are done in {config.out}, all of them without codes",
            param="steps",
            suggestion=f"more than {state.steps}",
        )
    return found


def due(config: CodecTraining, step: int, *, begun: bool) -> Change:
    """What is done to the codebooks before a step. `steps` may have changed since the steps before."""
    if config.learn != "all":
        return ""
    if not begun:
        return "begin" if step >= _begins(config) else ""
    moves = step % _REFRESH_STEPS == 0 and step < _REFRESHED * config.steps
    return "refresh" if moves else ""


def _from_nothing(config: CodecTraining) -> bool:
    return config.learn == "all" and config.from_nothing


def _begins(config: CodecTraining) -> int:
    return round(_PLAIN * config.steps)
