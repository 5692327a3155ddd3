"""The record of a run: JSON lines, written as the run goes and given their final name when it ends.

What its lines hold is said in `reports.records.record` (and in `record.schema.json`, which is made from there).
Whatever ends a run, the lines that it has written stay: as ``run.partial.jsonl``, which reports read and
``conformance run --resume`` continues.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import json
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

import reports
from conformance.model.values.codec import encode
from reports.records.lines import Line
from reports.records.record import (
    FILE_NAME,
    PARTIAL_NAME,
    PREVIOUS_NAME,
    Entry,
    Explored,
    Footer,
    Header,
    Record,
    Verdict,
    to_json,
)

#: How lines begin, as `RecordWriter.write` writes them: of finished work, and of what verdicts are made of.
_VERDICT, _EXPLORED = b'{"kind": "verdict"', b'{"kind": "explored"'
#: Bytes of a line that are written or read at once: some lines have a hundred megabytes.
_PIECE = 1 << 16


class OutputError(Exception):
    """The record cannot be written; the message is one line for the user."""


class FolderError(OutputError):
    """The folder is none, or another run is writing into it."""


class RecordWriter:
    """Writes a record into `folder`; nothing appears under its final name before `finish`.

    Args:
        folder: where; made where it is missing.
        resume: whether to continue the record of an unfinished run: `earlier` is what it holds, None where
            there is none; `go_on` comes before `write`.

    Raises:
        FolderError: the folder is none, or cannot be made, or another run is writing into it.
        OutputError: the folder cannot be written.
        RecordError: the unfinished record cannot be read.
        ValueError: there is a finished record, and nothing to continue.
    """

    def __init__(self, folder: Path, *, resume: bool = False) -> None:
        self.path = folder / FILE_NAME
        self.partial = folder / PARTIAL_NAME
        #: What an unfinished run had found, if that is to be continued.
        self.earlier: Record | None = None
        #: Where an unfinished record has gone that is not continued.
        self.set_aside: Path | None = None
        self._is_worth_keeping = False
        #: Lines are written by whoever has explored, and by whoever judges.
        self._writing = threading.Lock()
        self._file = self._lock = -1
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            told = f"cannot write to {str(folder)!r}: {error.strerror}"
            raise FolderError(f"{told}; choose another folder with --out") from error
        try:
            self._lock = _locked(folder)
            if self.path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(self.path))
            self._source = self._choose(resume)
            self._file = os.open(self._source, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            if self.earlier is None:
                os.ftruncate(self._file, 0)
            self._end = os.fstat(self._file).st_size
        except OSError as error:
            self._close()
            name = str(error.filename or folder)
            raise OutputError(f"cannot write to {name!r}: {error.strerror}") from error
        except BaseException:
            self._close()
            raise

    def _choose(self, resume: bool) -> Path:
        """Return the file to write, which is to be continued where there is an earlier record."""
        has_partial = self.partial.exists()
        if resume and (_judged(self.partial) if has_partial else self.path.exists()):
            source = self.partial if has_partial else self.path
            self.earlier = reports.load(source)
            self._is_worth_keeping = True
            if self.earlier.footer.complete and not has_partial:
                raise ValueError(
                    f"--resume: {source} is complete; `conformance report` makes its page"
                )
            return source
        if has_partial and _judged(self.partial):
            self.set_aside = self.partial.with_name("run.partial.previous.jsonl")
            self.partial.replace(self.set_aside)
        return self.partial

    def go_on(self) -> None:
        """Continue the unfinished record behind its last verdict.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            self._end = _judged(self._source)
            os.ftruncate(self._file, self._end)
            self._source = self._source.replace(self.partial)
        except OSError as error:
            raise self._failed(error) from error

    def write(self, *entries: Entry) -> None:
        """Append lines, all or none; this is where everything that goes into a record is encoded.

        Raises:
            OutputError: the file takes no more.
        """
        with self._writing:
            self._append(_encoded(entries))
        self._is_worth_keeping |= any(isinstance(entry, (Verdict, Explored)) for entry in entries)

    def _append(self, pieces: Iterable[bytes]) -> None:
        end = self._end
        try:
            for piece in pieces:
                written = 0
                while written < len(piece):
                    written += os.write(self._file, piece[written:])
                end += len(piece)
            self._end = end
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._end)
            if isinstance(error, OSError):
                raise self._failed(error) from error
            raise

    def finish(self, footer: Footer) -> Path:
        """Write the footer and put the record in its place; return where it is.

        Of a complete run nothing is left to be continued: its record is without what was explored.

        Raises:
            OutputError: one of the two is not possible.
        """
        self.write(footer)
        try:
            if footer.complete:
                self._leave_out_explored()
            os.fsync(self._file)
            if self.path.is_file():
                self.path.replace(self.path.with_name(PREVIOUS_NAME))
            self.partial.replace(self.path)
        except OSError as error:
            raise self._failed(error) from error
        self._close()
        return self.path

    def _leave_out_explored(self) -> None:
        """Write the record anew; nothing is lost where that fails, or ends halfway."""
        shorter = self.partial.with_suffix(".tmp")
        with self.partial.open("rb") as long, shorter.open("wb") as short:
            is_left_out, begins = False, True
            while piece := long.readline(_PIECE):
                is_left_out = piece.startswith(_EXPLORED) if begins else is_left_out
                begins = piece.endswith(b"\n")
                if not is_left_out:
                    short.write(piece)
            short.flush()
            os.fsync(short.fileno())
        shorter.replace(self.partial)

    def _failed(self, error: OSError) -> OutputError:
        return OutputError(f"cannot write to {str(self.partial)!r}: {error.strerror}")

    def discard(self) -> None:
        """Leave nothing behind that holds no verdict; does nothing after `finish`."""
        if self._file >= 0 and not self._is_worth_keeping:
            with contextlib.suppress(OSError):
                self.partial.unlink()
        self._close()

    @property
    def kept(self) -> Path | None:
        """Where the verdicts of a run are that did not come to `finish`; None where there are none."""
        return self.partial if self._is_worth_keeping and self.partial.exists() else None

    def _close(self) -> None:
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._lock = -1

    def __enter__(self) -> RecordWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.discard()


def _encoded(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield lines, all at once, or in pieces where they are long."""
    encoder = json.JSONEncoder(allow_nan=False)
    texts, size = [], 0
    for entry in entries:
        for text in itertools.chain(encoder.iterencode(encode(to_json(entry))), "\n"):
            texts.append(text)
            size += len(text)
            if size >= _PIECE:
                yield "".join(texts).encode()
                texts, size = [], 0
    yield "".join(texts).encode()


def _locked(folder: Path) -> int:
    """Keep other runs out of a folder until the descriptor is closed, or this process ends, however it does."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        told = f"another run is writing its record into {str(folder)!r}"
        raise FolderError(f"{told}: choose another folder with --out") from error
    except OSError:
        pass  # a file system without locks
    return descriptor


def _judged(path: Path) -> int:
    """Return where the last line of finished work ends, 0 where there is none; what follows is made again."""
    end = place = 0
    with path.open("rb") as file:
        for line in file:
            place += len(line)
            if line.startswith((_VERDICT, _EXPLORED)) and line.endswith(b"\n"):
                end = place
    return end


def check_same(earlier: Record, header: Header) -> None:
    """Raise ValueError unless the header is that of the earlier part of the same run."""
    for what in differences(read_back(header), earlier.header):
        raise ValueError(
            f"--resume: {earlier.path} was begun with {what}; give the same options, or leave out "
            "--resume to begin anew"
        )


def read_back(header: Header) -> Header:
    """Return a header as it is when it has been written and read."""
    return Line("the header", 1, json.loads(json.dumps(encode(to_json(header))))).read(Header)


def differences(now: Header, then: Header) -> Iterator[str]:
    """Yield what decides verdicts, or what is drawn, and is another in two headers."""
    for name, what in _DECISIVE.items():
        if getattr(now, name) != getattr(then, name):
            yield what
    draws = [header.machine.packages.get("hypothesis") for header in (now, then)]
    if draws[0] != draws[1]:
        yield "another release of Hypothesis, which draws other cases"


#: Fields of the header that decide verdicts, and what another value of them is.
_DECISIVE = {
    "tool": "another version of the suite",
    "seed": "another --seed",
    "shard": "another --shard",
    "examples": "another --profile or --examples",
    "subjects": "other subjects, or other versions of them",
    "clauses": "other clauses",
    "conditions": "other excuses, recorded cases, or another --timeout or --memory",
}
