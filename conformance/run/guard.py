"""What the harness itself does wrong costs one clause, never the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from conformance.judge.judging import HarnessError
from conformance.run.record import OutputError

T = TypeVar("T")


class Guard:
    """Does parts of a run's work; what raises is kept in `broken`, and the run goes on."""

    def __init__(self) -> None:
        self.broken: list[HarnessError] = []

    def __call__(self, what: str, compute: Callable[[], T], otherwise: T) -> T:
        """Return what `compute` does, or `otherwise` where it raises.

        Raises:
            OutputError: the record cannot be written, so going on is in vain.
        """
        try:
            return compute()
        except OutputError:
            raise
        except Exception as error:
            self.broken.append(HarnessError.of(error, what))
            return otherwise
