"""`python -m chaos.shim ...` is `python -m muscgen ...` on a disk that is full while a flag is there.

For where nobody is root and no small disk can be mounted: whoever syncs a file then finds no space.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from chaos.places import FLAG, SHIMMED


def main() -> None:
    folder, sync = Path(os.environ.pop(SHIMMED)), os.fsync
    flag = folder.with_name(FLAG)

    def full_sync(descriptor: int) -> None:
        if flag.exists() and stat.S_ISREG(os.fstat(descriptor).st_mode) and _of(descriptor, folder):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    os.fsync = full_sync  # type: ignore[assignment]
    from muscgen.cli import main as muscgen

    muscgen()


def _of(descriptor: int, folder: Path) -> bool:
    return Path(f"/proc/self/fd/{descriptor}").resolve().is_relative_to(folder)


if __name__ == "__main__":
    main()
