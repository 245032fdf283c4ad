"""Models of one's own: from a prepared data set and a base to a checkpoint or an adapter with its card.

config ─► manifest, shards ─► batches, a function of seed and step ─► transformers' modules under accelerate
       ─► checkpoints that appear whole, checked samples, a log ─► weights and card, served as they are
"""
