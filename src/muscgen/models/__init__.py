"""What a model is: its card, its configuration, its tensors. No onnxruntime, no torch."""
