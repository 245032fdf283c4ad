"""From a graph and its promised weights to a running session.

The weights go to a file one by one, onnxruntime maps it, optimises the graph, packs the weights for this CPU
and saves the result; what runs is a session over that result, mapped as well. So loading holds about the
weights' size once, and processes that serve one model share its pages.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnxruntime as ort

from muscgen.backends.onnx.graph import Graph, Weight
from muscgen.backends.onnx.proto import Message

MODEL, WEIGHTS = "model.onnx", "model.data"
_PROVIDERS = ["CPUExecutionProvider"]
_PAGE_BYTES = 4096  # mapped tensors begin on a page
_INLINE_BYTES = 1024  # smaller tensors stay inside model.onnx
_ERRORS_ONLY = 3
_SPIN_US = 50  # bridges the gaps within a step, whose 1,200 operations take some 20 us each


def prepare(graph: Graph, folder: Path) -> None:
    """Leaves MODEL and WEIGHTS in `folder`: the graph optimised for this CPU, its weights packed."""
    raw, data = folder / "raw.onnx", folder / "raw.data"
    offsets = _write(graph.weights, data)
    places = {name: {"location": data.name, "offset": offset} for name, offset in offsets.items()}
    raw.write_bytes(graph.model(places))
    options = session_options(threads=0)
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.optimized_model_filepath = str(folder / MODEL)
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", WEIGHTS)
    options.add_session_config_entry(
        "session.optimized_model_external_initializers_min_size_in_bytes", str(_INLINE_BYTES)
    )
    options.add_session_config_entry("session.save_external_prepacked_constant_initializers", "1")
    ort.InferenceSession(str(raw), options, providers=_PROVIDERS)
    raw.unlink()
    data.unlink()


def load(folder: Path, threads: int) -> ort.InferenceSession:
    """A session over what `prepare` left. threads 0: one a core."""
    return ort.InferenceSession(str(folder / MODEL), _as_prepared(threads), providers=_PROVIDERS)


def load_changed(folder: Path, threads: int, change: Callable[[Message], Message]) -> ort.InferenceSession:
    """A session over what `change` makes of the model that `prepare` left, with the same weights."""
    options = _as_prepared(threads)
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
    return ort.InferenceSession(change((folder / MODEL).read_bytes()), options, providers=_PROVIDERS)


def _as_prepared(threads: int) -> ort.SessionOptions:
    options = session_options(threads)
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL  # done when it was prepared
    return options


def session_options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    # A number, always: left to itself onnxruntime ties each thread to a core, where other work may wait.
    options.intra_op_num_threads = threads or cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    options.enable_mem_pattern = False  # shapes change from call to call
    # Threads that wait longer sleep: the machine has other work (finishing, the API, another worker).
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    options.add_session_config_entry("session.intra_op.spin_duration_us", str(_SPIN_US))
    return options


def cores() -> int:
    """Cores that this process may use; the threads of one core count once."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    return len({_siblings(cpu) for cpu in os.sched_getaffinity(0)})


def _siblings(cpu: int) -> str:
    """The CPUs that share a core with `cpu`, as Linux writes them."""
    try:
        return Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text("utf-8")
    except OSError:
        return str(cpu)


def _write(weights: Mapping[str, Weight], data: Path) -> dict[str, int]:
    """Writes the weights to `data`, one at a time -> name: its first byte."""
    offsets = {}
    with data.open("wb") as file:
        for name, weight in weights.items():
            array = np.ascontiguousarray(weight.make(), weight.dtype)
            if array.shape != weight.shape:
                raise ValueError(f"{name} has shape {array.shape}, {weight.shape} was promised")
            file.seek(-file.tell() % _PAGE_BYTES, 1)
            offsets[name] = file.tell()
            file.write(array.reshape(-1).view(np.uint8).data)
    return offsets
