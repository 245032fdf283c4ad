"""How good a model is, in figures: the same prompts, seeds and reference give the same ones again.

prompts ─► sounds (made here, or a folder) ─┬─► embeddings ─► Fréchet distance, diversity ─┐
reference ──────────────────────────────────┼─► tempo, key, families against what is asked ┼─► JSON, a page,
                                            ├─► near-copies                                │   a baseline
                                            └─► codec and watermark: what they cost ───────┘
"""
