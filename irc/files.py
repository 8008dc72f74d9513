"""Files are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from irc.ir.diagnostics import fail


def write_atomically(path: str | os.PathLike, data: str | bytes, scratch: bool = False) -> None:
    """Write a file by way of a temporary one in the same directory, so that a failure leaves the old contents.

    ``scratch``: a file that can be made again. It is for this user alone, and need not survive a failure of power.
    """
    target = Path(path)
    content = data.encode("utf-8") if isinstance(data, str) else data
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            temporary = file.name
            file.write(content)
            if not scratch:
                file.flush()
                os.fsync(file.fileno())
        if not scratch:
            mode = target.stat().st_mode if target.exists() else 0o666 & ~_umask()
            os.chmod(temporary, mode)
        os.replace(temporary, target)
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        fail(f"cannot write '{path}': {error.strerror or error}")


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
