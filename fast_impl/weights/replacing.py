"""Files that are whole, or not there at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[IO[bytes]]:
    """Give a new file that takes the place of `path` when the block ends without an error.

    After an error, nothing has changed. Links are followed, and an old file's permissions are kept.
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(target.parent))
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(_permissions(target))
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def replaced_checkpoint(prefix: Path) -> Iterator[Path]:
    """Give a prefix whose files take the places of `prefix`'s; the index, which makes it one, comes last."""
    folder = Path(tempfile.mkdtemp(prefix=f".{prefix.name}.", suffix=".part", dir=prefix.parent))
    try:
        yield folder / prefix.name
        index = prefix.with_name(prefix.name + ".index")
        index.unlink(missing_ok=True)
        for file in sorted(folder.iterdir(), key=lambda file: file.suffix == ".index"):
            file.replace(prefix.parent / file.name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _permissions(target: Path) -> int:
    try:
        return target.stat().st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
