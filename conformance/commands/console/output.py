"""Standard output that takes no more: a disk is full, or nobody reads. A command does its work all the same."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from typing import Any, TextIO

import click


class _Outlet(io.FileIO):
    """A stream of the process. What cannot be written is dropped, and why is remembered."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.failure: OSError | None = None

    def write(self, data: Any) -> int:
        """Write `data`, or drop it."""
        try:
            return super().write(data)
        except BlockingIOError:  # it will take the rest later
            raise
        except OSError as error:
            self.failure = self.failure or error
            return memoryview(data).nbytes


def _through(outlet: _Outlet, stream: TextIO) -> TextIO:
    return io.TextIOWrapper(
        io.BufferedWriter(outlet),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.isatty() or stream is sys.__stderr__,
    )


@contextlib.contextmanager
def dropped_where_it_cannot_be_written() -> Iterator[None]:
    """Go on when standard output or standard error takes no more; at the end, exit status 3 if output was lost.

    Bad usage and an interruption keep their status. A reader that has gone (``| head``) has what it wanted: no
    status changes.
    """
    outlets: dict[str, _Outlet] = {}
    before = {}
    for name, own in (("stdout", sys.__stdout__), ("stderr", sys.__stderr__)):
        stream = getattr(sys, name)
        # Not a stream that tests, or a caller, have put there; nor one that was closed from the beginning.
        if stream is own and stream is not None:
            stream.flush()
            outlets[name], before[name] = _Outlet(stream.fileno()), stream
            setattr(sys, name, _through(outlets[name], stream))
    ended: SystemExit | None = None
    lost: OSError | None = None
    try:
        yield
    except SystemExit as error:
        ended = error
    finally:
        for name in before:
            getattr(sys, name).flush()
        lost = outlets["stdout"].failure if "stdout" in outlets else None
        if isinstance(lost, BrokenPipeError):
            lost = None
        if lost is not None:
            click.echo(f"cannot write to standard output: {lost.strerror}", err=True)
        for name, stream in before.items():
            setattr(sys, name, stream)
    if lost is not None and (ended is None or ended.code in (None, 0, 1)):
        raise SystemExit(3)
    if ended is not None:
        raise ended
