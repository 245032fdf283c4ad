"""What the watermark survives, how seldom it is found where it is not, how well it hides: `__main__.py`."""
