"""Inference on a CPU: onnxruntime over graphs that are built here from the checkpoint's tensors."""

from muscgen.backends.onnx.backend import OnnxBackend

__all__ = ["OnnxBackend"]
