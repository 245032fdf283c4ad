"""Options that several commands share: what makes the songs."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

BackendOption = Annotated[Literal["auto", "onnx", "torch"] | None, typer.Option(help="Default: auto.")]
DeviceOption = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:N or mps; default: auto.")]
PrecisionOption = Annotated[
    Literal["fp32", "int8", "fp16", "bf16"] | None, typer.Option(help="Default: fp32.")
]
