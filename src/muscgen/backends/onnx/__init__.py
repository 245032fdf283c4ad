"""Inference on a CPU: onnxruntime over graphs that are built here from the checkpoint's tensors."""

import os

# onnxruntime 1.32 otherwise writes a device id and telemetry under ~/.cache/Microsoft when it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from muscgen.backends.onnx.backend import OnnxBackend

__all__ = ["OnnxBackend"]
