"""Runs the steps of a case on a backend: the one place where a case turns into calls."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from conformance.model import limits, steps
from conformance.model.case import Case
from conformance.model.codec import Array, Value, text_of
from conformance.model.observation import Error, Observation, Outcome, Unsupported


class Backend(Protocol):
    """One implementation's way to run a case."""

    #: What is going on: the step's name, or `run` while a graph is executed.
    moment: str
    #: Arguments that the last step damaged in place.
    modified: tuple[str, ...]
    #: Exceptions that say "this implementation does not have that".
    absences: tuple[type[Exception], ...]

    def construct(self, case: Case) -> None:
        """Make the layer."""

    def do(self, step: steps.Step) -> Value:
        """Do a step; raise Unsupported where there is no way to."""

    def close(self) -> None:
        """Give back what `construct` took."""


def observe(
    case: Case, backend: Backend, before_step: Callable[[], None] = lambda: None
) -> Observation:
    """Run `case` on `backend`, calling `before_step` before each of its steps.

    An exception is an outcome, and the steps after it are still tried; only a constructor that raises
    ends the case. The backend's `absences` say that a capability is missing, which is no error. A result
    that is too large to be read counts as a crash.
    """
    try:
        constructed = _attempt(backend, "construct", functools.partial(backend.construct, case))
        if constructed.error is not None or constructed.unsupported is not None:
            return Observation(constructed)
        outcomes = []
        for step in case.steps:
            before_step()
            outcomes.append(_attempt(backend, step.tag, functools.partial(backend.do, step)))
        return Observation(constructed, tuple(outcomes))
    except limits.TooLarge as reason:
        return Observation(crash=f"{backend.moment} gave {reason}")
    finally:
        backend.close()


def _attempt(backend: Backend, name: str, action: Callable[[], Value]) -> Outcome:
    backend.moment = name
    backend.modified = ()
    try:
        value = action()
    except backend.absences as reason:
        text = limits.cut(text_of(reason))
        return Outcome(unsupported=text or f"{name} raised {type(reason).__name__}")
    except limits.TooLarge:
        raise
    except Exception as error:
        return Outcome(error=Error.of(error, backend.moment), modified=backend.modified)
    return Outcome(value=value, modified=backend.modified)


class ObjectBackend(steps.Backend):
    """Drives a layer that is a Python object.

    A step is done by the method ``do_`` and its tag, where there is one, else as the step itself says.
    """

    absences: tuple[type[Exception], ...] = (Unsupported,)

    def __init__(self, layer_class: Callable[..., Any]) -> None:
        self.layer_class = layer_class
        self.moment = "construct"
        self.modified: tuple[str, ...] = ()
        self.last: tuple[Any, Any] = (None, None)

    def construct(self, case: Case) -> None:
        """Make the case's own layer."""
        self.layers = {}
        self.arguments = case.arguments
        self.layer = self.layers["layer"] = self.make(case.arguments)

    def do(self, step: steps.Step) -> Value:
        """Do a step."""
        own: Callable[[steps.Step], Value] | None = getattr(self, f"do_{step.tag}", None)
        return step.run(self) if own is None else own(step)

    def close(self) -> None:
        """Forget the last call."""
        self.last = (None, None)

    def lend(self, **arrays: Array) -> list[Any]:
        """Return `native` copies; damage to them does not show."""
        return list(map(self.native, arrays.values()))

    def functional(self, _: Array) -> Any:
        """Raise Unsupported."""
        raise Unsupported("there is no functional form")


def plain(result: Any) -> Value:
    """Return what an implementation gave back as a value: arrays copied, the rest unchanged.

    The copy matters: a layer may reuse the buffer it handed out.

    Raises:
        TooLarge: it is more than is read of a subject.
    """
    return _plain(result, 1, limits.Budget())


def _plain(result: Any, depth: int, budget: limits.Budget) -> Value:
    if result is None or isinstance(result, (bool, float)):
        return result
    if isinstance(result, int):
        limits.check_integer(result)
        return result
    if isinstance(result, str):
        limits.check_text(result)
        return result
    if isinstance(result, (list, tuple)):
        budget.enter(len(result), depth)
        return [_plain(item, depth + 1, budget) for item in result]
    if isinstance(result, dict):
        budget.enter(len(result), depth)
        return {
            _plain(str(k), depth, budget): _plain(v, depth + 1, budget) for k, v in result.items()
        }
    if hasattr(result, "__array__"):
        array = np.asarray(result)
        limits.check_array(array.shape, array.dtype.name, array.dtype.itemsize)
        return np.array(array)
    return result


def has_attribute(instance: object, name: str) -> bool:
    """Tell whether an instance has an attribute, without running a property."""
    try:
        inspect.getattr_static(instance, name)
    except AttributeError:
        return hasattr(type(instance), "__getattr__") and hasattr(instance, name)
    return True
