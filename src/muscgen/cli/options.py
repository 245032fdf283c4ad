"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Home = Annotated[Path | None, typer.Option(help="Folder of the installation's files.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
RedisUrl = Annotated[
    str | None,
    typer.Option(
        "--redis-url", help="The queue; default: the embedded server in the home.", show_default=False
    ),
]
ServiceKey = Annotated[str | None, typer.Option("--key", help="Its API key.")]

BackendOption = Annotated[Literal["auto", "onnx", "torch"] | None, typer.Option(help="Default: auto.")]
DeviceOption = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:N or mps; default: auto.")]
PrecisionOption = Annotated[
    Literal["fp32", "int8", "fp16", "bf16"] | None, typer.Option(help="Default: fp32.")
]
