"""The pages of docs/ that are written by program: `python -m pages` writes them, and a test compares."""
