"""Where tensors live."""

from muscgen.backends.loading import Choice, choose, load

__all__ = ["Choice", "choose", "load"]
