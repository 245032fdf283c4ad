"""Measurements against peers; see RESULTS.md."""
