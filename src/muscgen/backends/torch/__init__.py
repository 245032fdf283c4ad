"""Inference with PyTorch: CUDA where songs are served; a CPU in tests, as the second opinion on ONNX."""

from muscgen.backends.torch.backend import TorchBackend

__all__ = ["TorchBackend"]
