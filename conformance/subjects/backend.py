"""Runs the steps of a case on a backend: the one place where a case turns into calls."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.model.case import Case
from conformance.model.codec import Value
from conformance.model.observation import Error, Observation, Outcome
from conformance.model.steps import Backend


def observe(
    case: Case, backend: Backend, before_step: Callable[[], None] = lambda: None
) -> Observation:
    """Run `case` on `backend`, calling `before_step` before each of its steps.

    An exception is an outcome, and the steps after it are still tried; only a constructor that raises
    ends the case. The backend's `absences` say that a capability is missing, which is no error.
    """
    try:
        constructed = _attempt(backend, "construct", lambda: backend.construct(case.arguments))
        if constructed.error is not None or constructed.unsupported is not None:
            return Observation(constructed)
        outcomes = []
        for step in case.steps:
            before_step()
            outcomes.append(_attempt(backend, step.tag, functools.partial(backend.do, step)))
        return Observation(constructed, tuple(outcomes))
    finally:
        backend.close()


def _attempt(backend: Backend, name: str, action: Callable[[], Value]) -> Outcome:
    backend.moment = name
    backend.modified = ()
    try:
        value = action()
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


def has_attribute(instance: object, name: str) -> bool:
    """Tell whether an instance has an attribute, without running a property."""
    try:
        inspect.getattr_static(instance, name)
    except AttributeError:
        return hasattr(type(instance), "__getattr__") and hasattr(instance, name)
    return True
