"""When the device is gone, and not just a song's numbers."""

from __future__ import annotations


def lost_device(error: BaseException) -> bool:
    """Whether nothing that this process computes on its accelerator will come out right any more.

    By type where torch has one (AcceleratorError, since 2.8), else by CUDA's words; never for want of memory.
    """
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "OutOfMemoryError" in kinds:
        return False
    return "AcceleratorError" in kinds or (isinstance(error, RuntimeError) and "CUDA error" in str(error))
