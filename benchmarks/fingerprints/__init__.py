"""How well recordings of a block list are found, and how seldom one is taken for another."""
