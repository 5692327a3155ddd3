"""Writing the page: the whole file or nothing."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from reports.outputs.page import render
from reports.records.record import Record


def write(record: Record, path: str | os.PathLike[str], before: Record | None = None) -> None:
    """Write the page of `record` to `path`, replacing a page that is there.

    `before` is the run before it, as for `reports.render`.

    The text goes to a temporary file in the same folder, which then takes the place of `path` in
    one step; whatever happens, no half-written page is left.

    Raises:
        OSError: the folder is missing or cannot be written.

    """
    write_text(render(record, before), path)


def write_text(text: str, path: str | os.PathLike[str]) -> None:
    """Write a page's text as `write` does."""
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        with temporary.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
