"""The limited process: a sound file on descriptor 0 becomes a line of JSON, and samples where wanted.

Run as a file, not as a module: beside the standard library it imports numpy and soundfile alone, chromaprint
for fingerprints, or c2pa for the task in child_credentials.py. It limits itself before it looks at the file,
since what it does up to there does not depend on the file.

    argument   {"task", "cpu_s", "memory_bytes"}, and for decoding {"max_s", "start_s", "end_s", "samples"}
    answer     {"format", "subtype", "sample_rate", "channels", "frames", "kept"} or {"refused": words},
               a line feed, then `kept` frames as float32, channels interleaved, where `samples` is true;
               for the task fingerprint {"bytes"} and a fingerprint as chromaprint packs it
"""

from __future__ import annotations

import json
import resource
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

RATES_HZ = (4_000, 192_000)
MAX_CHANNELS = 8
BLOCK_FRAMES = 32_768
OPEN_FILES = 16
MAX_SAMPLE = 65_536.0  # times full scale: room for floats that were scaled as integers, none for overflows


def confine(cpu_s: int, memory_bytes: int) -> None:
    """No more time, memory or files than these; nothing written but the answer; no core."""
    limits = {
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: OPEN_FILES,
    }
    if sys.platform == "linux":  # elsewhere it is not kept, or refused
        limits[resource.RLIMIT_AS] = memory_bytes
    for kind, most in limits.items():
        resource.setrlimit(kind, (most, most))


class Refused(Exception):  # noqa: N818  (as the service's own errors are named)
    """Why the file is not taken."""


def read(order: dict[str, Any], answer: BinaryIO) -> None:
    """Answer with the file's facts, every sample of it decoded; with samples only up to end_s."""
    sound = opened()
    rate = sound.samplerate
    first = round(order["start_s"] * rate)
    end = None if order["end_s"] is None else round(order["end_s"] * rate)
    frames, kept = 0, []
    for block in blocks(sound, order["max_s"], end):
        if order["samples"]:
            kept.append(block[max(first - frames, 0) : None if end is None else end - frames].tobytes())
        frames += len(block)
    if not frames:
        raise Refused("it holds no sound")
    samples = b"".join(kept)
    facts = {
        "format": sound.format,
        "subtype": sound.subtype,
        "sample_rate": rate,
        "channels": sound.channels,
        "frames": frames,
        "kept": len(samples) // (4 * sound.channels),
    }
    say(facts, answer)
    answer.write(samples)


def fingerprint(order: dict[str, Any], answer: BinaryIO) -> None:
    """Answer with what chromaprint hears in the whole file."""
    import chromaprint
    import numpy as np

    sound = opened()
    printer = chromaprint.Fingerprinter()
    printer.start(sound.samplerate, sound.channels)
    for block in blocks(sound, order["max_s"], None):
        printer.feed((np.clip(block, -1, 1) * 32_767).astype("<i2").tobytes())
    packed: bytes = printer.finish()
    say({"bytes": len(packed)}, answer)
    answer.write(packed)


def opened() -> Any:  # noqa: ANN401  (a SoundFile, which is imported after the limits are set)
    import soundfile

    try:
        sound = soundfile.SoundFile(0, closefd=False)
    except soundfile.SoundFileError:
        raise Refused("this is no sound file that can be read") from None
    check_header(sound.samplerate, sound.channels)
    return sound


def blocks(sound: Any, max_s: float, end: int | None) -> Iterator[Any]:  # noqa: ANN401
    """float32 [frames, channels], up to the file's end, or until `end` frames came."""
    import numpy as np
    import soundfile

    frames = 0
    while end is None or frames < end:
        try:
            block = sound.read(BLOCK_FRAMES, dtype="float32", always_2d=True)
        except soundfile.SoundFileError:
            raise Refused(f"the sound is damaged after {frames / sound.samplerate:.2f} s") from None
        if not len(block):
            return
        if not np.isfinite(block).all():
            raise Refused("it holds samples that are not finite")
        if len(block) and np.abs(block).max() > MAX_SAMPLE:
            raise Refused(f"it holds samples beyond {MAX_SAMPLE:g} times full scale")
        yield block
        frames += len(block)
        if frames > max_s * sound.samplerate:
            raise Refused(f"it is longer than {max_s:g} s")


def check_header(sample_rate: int, channels: int) -> None:
    low, high = RATES_HZ
    if not low <= sample_rate <= high:
        raise Refused(f"its sample rate is {sample_rate} Hz; {low} to {high} Hz are allowed")
    if not 1 <= channels <= MAX_CHANNELS:
        raise Refused(f"it has {channels} channels; 1 to {MAX_CHANNELS} are allowed")


def say(words: dict[str, Any], answer: BinaryIO) -> None:
    answer.write(json.dumps(words).encode() + b"\n")


def main() -> None:
    order = json.loads(sys.argv[1])
    confine(order["cpu_s"], order["memory_bytes"])
    answer = sys.stdout.buffer
    work = fingerprint if order["task"] == "fingerprint" else read
    if order["task"] == "credentials":  # a file beside this one; nothing else of the package is imported
        work = runpy.run_path(str(Path(__file__).with_name("child_credentials.py")))["read"]
    try:
        work(order, answer)
    except Refused as refused:
        say({"refused": str(refused)}, answer)
    except MemoryError:
        say({"refused": "it needs more memory to decode than is allowed"}, answer)
    answer.flush()


if __name__ == "__main__":
    main()
