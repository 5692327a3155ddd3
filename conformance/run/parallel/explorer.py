"""What explores the pieces of a run somewhere else, ahead of whoever judges them."""

from __future__ import annotations

import abc
import threading
from collections.abc import Callable, Iterable

import attrs

from conformance.run.parallel.pieces import Asked, Found, Piece, Recipe

#: Seconds between two looks at what has come meanwhile.
INTERVAL = 0.1


@attrs.frozen
class Task:
    """A piece, and all that is needed to explore it elsewhere."""

    piece: Piece
    recipe: Recipe
    asked: Asked


class Explorer(abc.ABC):
    """Hands over what is found of pieces, each once, to whoever asks for it.

    Args:
        tasks: in the order in which they will be asked for.
        finished: called with what was found, in whatever thread finds it, each piece once.
    """

    def __init__(self, tasks: Iterable[Task], finished: Callable[[Found], None]) -> None:
        self._finished = finished
        self._pending = {task.piece for task in tasks}
        self._found: dict[Piece, Found] = {}
        self._error: BaseException | None = None
        #: Guards what several threads change.
        self._changed = threading.Condition()

    @property
    @abc.abstractmethod
    def at(self) -> tuple[Piece, ...]:
        """The pieces that are explored now."""

    @abc.abstractmethod
    def close(self) -> None:
        """End what explores."""

    @abc.abstractmethod
    def _go_on(self, progress: Callable[[Piece, int], None]) -> None:
        """Keep what explores busy, and tell what was done meanwhile."""

    def knows(self, piece: Piece) -> bool:
        """Tell whether the piece is found, or will be."""
        return piece in self._pending

    def found(self, piece: Piece, progress: Callable[[Piece, int], None]) -> Found:
        """Return what was found, once it is; each piece can be taken once.

        Args:
            piece: one that the explorer `knows`.
            progress: called meanwhile with pieces, and how many of their cases are done.

        Raises:
            Exception: what `finished`, or what explores, has raised.
        """
        while True:
            self._go_on(progress)
            with self._changed:
                if self._error is not None:
                    raise self._error
                if piece in self._found:
                    self._pending.discard(piece)
                    return self._found.pop(piece)
                self._changed.wait(INTERVAL)

    def drop(self, key: tuple[str, str]) -> None:
        """Explore no more of a participant."""
        self._pending = {piece for piece in self._pending if piece.key != key}

    def _keep(self, found: Found) -> None:
        """Have what was found ready for whoever asks."""
        with self._changed:
            self._found[found.piece] = found
            self._changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        """Have an error raised where somebody asks."""
        with self._changed:
            self._error = error
            self._changed.notify_all()
