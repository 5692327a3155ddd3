"""Runs the steps of a case on a backend: the one place where a case turns into calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from conformance.model.case import Case, Construct, Step, step_name
from conformance.model.codec import Value
from conformance.model.observation import Error, Observation, Outcome


class Backend(Protocol):
    """One implementation's way to do each step.

    Besides `construct`, a backend has a method for every kind of step it supports, called by the
    step's name in JSON with the step (`call`, `set_weights` ...).
    """

    #: What is going on: the step's name, or `run` while a graph is executed.
    moment: str
    #: Arguments that the last step damaged in place.
    modified: tuple[str, ...]
    #: Exceptions that say "this implementation does not have that".
    absences: tuple[type[Exception], ...]

    def construct(self, case: Case) -> None:
        """Make the layer."""

    def close(self) -> None:
        """Give back what `construct` took."""


def observe(
    case: Case, backend: Backend, before_step: Callable[[], None] = lambda: None
) -> Observation:
    """Run `case` on `backend`, calling `before_step` before each of its steps.

    An exception is an outcome, and the steps after it are still tried; only a constructor that raises
    ends the case. The backend's `absences` say that a capability is missing, which is no error.
    """
    try:
        constructed = _attempt(backend, "construct", case)
        if constructed.error is not None or constructed.unsupported is not None:
            return Observation(constructed)
        outcomes = []
        for step in case.steps:
            before_step()
            outcomes.append(_step(backend, step))
        return Observation(constructed, tuple(outcomes))
    finally:
        backend.close()


def _step(backend: Backend, step: Step) -> Outcome:
    # `construct` is the case's own layer.
    name = "construct_another" if isinstance(step, Construct) else step_name(step)
    if not hasattr(backend, name):
        return Outcome(unsupported=f"has no step {name!r}")
    return _attempt(backend, name, step)


def _attempt(backend: Backend, name: str, argument: Case | Step) -> Outcome:
    backend.moment = name
    backend.modified = ()
    try:
        value = getattr(backend, name)(argument)
    except backend.absences as reason:
        return Outcome(unsupported=str(reason) or f"{name} raised {type(reason).__name__}")
    except Exception as error:
        return Outcome(error=Error.of(error, backend.moment), modified=backend.modified)
    return Outcome(value=value, modified=backend.modified)


def plain(result: Any) -> Value:
    """Return what an implementation gave back as a value: arrays copied, the rest unchanged.

    The copy matters: a layer may reuse the buffer it handed out.
    """
    if result is None or isinstance(result, (bool, int, float, str)):
        return result
    if isinstance(result, (list, tuple)):
        return [plain(item) for item in result]
    if isinstance(result, dict):
        return {str(key): plain(item) for key, item in result.items()}
    if hasattr(result, "__array__"):
        return np.array(result)
    return result
