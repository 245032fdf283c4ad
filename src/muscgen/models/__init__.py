"""What a model is: its card, its configuration, its tensors. Neither onnxruntime nor torch is imported here."""
