"""The record of a run: JSON lines, written as the run goes and put in place when it ends.

What its lines hold is said in `reports.record` (and in `record.schema.json`, which is made from there).
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import IO

from conformance.model.codec import encode
from reports.record import Entry, Footer, to_json

FILE_NAME = "run.jsonl"


class OutputError(Exception):
    """The output folder cannot be written; the message is one line for the user."""


class RecordWriter:
    """Writes a record into `folder`; nothing appears under its final name before `finish`.

    Raises:
        OutputError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self._partial = folder / f".{FILE_NAME}.{os.getpid()}.partial"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file: IO[str] = self._partial.open("w", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"cannot write to {str(folder)!r}: {error.strerror}") from error

    def write(self, entry: Entry) -> None:
        """Append one line; this is where everything that goes into a record is encoded.

        Raises:
            OutputError: the file takes no more.
        """
        line = json.dumps(encode(to_json(entry)), allow_nan=False)
        try:
            self._file.write(line + "\n")
            self._file.flush()
        except OSError as error:
            raise OutputError(
                f"cannot write to {str(self._partial)!r}: {error.strerror}"
            ) from error

    def finish(self, footer: Footer) -> Path:
        """Write the footer and put the record in its place; return where it is."""
        self.write(footer)
        self._file.close()
        self._partial.replace(self.path)
        return self.path

    def discard(self) -> None:
        """Leave nothing behind; does nothing after `finish`."""
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            self._partial.unlink()

    def __enter__(self) -> RecordWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.discard()
