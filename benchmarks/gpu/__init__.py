"""What a GPU makes of MusicGen's sizes: `python -m benchmarks.gpu`."""
