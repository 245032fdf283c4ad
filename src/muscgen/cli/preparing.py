"""What `muscgen data prepare` needs beside its options: the codec, the sound, a bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from muscgen import telemetry
from muscgen.data.preparer import CodecChoice, codec_choice
from muscgen.data.run import Progress as Run
from muscgen.data.work import Sound
from muscgen.errors import ConfigurationError, InvalidRequest

DEFAULT_RATE_HZ = 32_000
_NEEDED = ("librosa", "ijson", "google_crc32c")
_SCORES = "codes"  # of which no sound is looked at


def check_installed(dataset: str) -> None:
    """Raises ConfigurationError where the extra `data` is needed and not installed."""
    if dataset == _SCORES:
        return
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise ConfigurationError(
            f"preparing data needs {', '.join(missing)}",
            param="data",
            suggestion="pip install 'muscgen[data]'",
        )


def check_heard(dataset: str, codec: str | None, **chosen: str | None) -> None:
    """Raises InvalidRequest where a backend or a device is chosen, and no encoder will run."""
    if codec is not None and dataset != _SCORES:
        return
    why = "a set of codes has none" if dataset == _SCORES else "that needs --codec"
    for name, given in chosen.items():
        if given is not None:
            raise InvalidRequest(f"--{name} is for an encoder that hears sounds; {why}", param=name)


def codec_of(
    model: str,
    backend: Literal["auto", "onnx", "torch"] | None,
    device: str | None,
    home: Path | None,
) -> tuple[CodecChoice, Sound]:
    """A model's codec, by its id or as a folder. Raises ModelNotFound, CheckpointInvalid, InvalidRequest."""
    from muscgen.backends.loading import choose
    from muscgen.models.registry import Registry, find
    from muscgen.settings import load

    settings = load(home=home, backend=backend, device=device)
    card = find(Registry(settings.models_path, strict=False), model)
    choice = choose(settings.backend, settings.device, "fp32")
    return codec_choice(card.id, card.path, choice, settings.cache_path)


def sound_of(heard: Sound | None, sample_rate: int | None, channels: int | None, lufs: float | None) -> Sound:
    """Raises InvalidRequest where the codec hears another rate or number of channels than is asked for."""
    if heard is None:
        return Sound(sample_rate or DEFAULT_RATE_HZ, channels or 1, lufs)
    for name, asked, has in (
        ("--sample-rate", sample_rate, heard.sample_rate),
        ("--channels", channels, heard.channels),
    ):
        if asked is not None and asked != has:
            raise InvalidRequest(
                f"{name} {asked}: the codec hears {has}", param=name, suggestion=f"{name} {has}"
            )
    return Sound(heard.sample_rate, heard.channels, lufs)


@contextmanager
def bar() -> Iterator[Callable[[Run], None]]:
    """A bar on standard error; takes how the run stands."""
    telemetry.show_warnings()
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with progress:
        task = progress.add_task("listing", total=None, rate="")

        def tell(run: Run) -> None:
            rate = f"{run.audio_s / max(run.took_s, 1e-9):.1f} x real time, {run.bad} bad"
            progress.update(task, description="preparing", total=run.orders, completed=run.done, rate=rate)

        yield tell
