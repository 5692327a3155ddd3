"""Runs the steps of a case on a backend: the one place where a case turns into calls."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.model import named
from conformance.model.case import Case
from conformance.model.observation import Error, Observation, Outcome, Unsupported
from conformance.model.steps import Backend
from conformance.model.values import limits
from conformance.model.values.codec import Array, Value


def observe(
    case: Case,
    backend: Backend,
    before_step: Callable[[], None] = lambda: None,
    *,
    is_alone: bool = False,
) -> Observation:
    """Run `case` on `backend`, calling `before_step` before each of its steps.

    An exception is an outcome, and the steps after it are still tried; only a constructor that raises
    ends the case. What says that a capability is missing is no error. A result that is too large to be read
    counts as a crash.

    Args:
        case: what is asked.
        backend: who is asked.
        before_step: called before each step.
        is_alone: the process does nothing else, so that exceptions which are none of `Exception` are the
            backend's own, too (asyncio's, say). In a test they may be pytest's.
    """
    caught = BaseException if is_alone else Exception
    try:
        if case.situation is not None and backend.takes_arrays:
            backend.situation = case.situation.name
        constructed = _attempt(
            backend, "construct", lambda: backend.construct(case.arguments), caught
        )
        if constructed.error is not None or constructed.unsupported is not None:
            return Observation(constructed)
        outcomes = []
        for step in case.steps:
            before_step()
            outcomes.append(
                _attempt(backend, step.tag, functools.partial(backend.do, step), caught)
            )
        return Observation(constructed, backend.later(outcomes))
    except limits.TooLarge as reason:
        return Observation(crash=f"{backend.moment} gave {reason}")
    finally:
        backend.close()


def _attempt(
    backend: Backend, name: str, action: Callable[[], Value], caught: type[BaseException]
) -> Outcome:
    backend.moment = name
    backend.modified = ()
    named.RAISED.clear()
    try:
        value = action()
    except Unsupported as reason:
        told = None if reason.refusal is None else Error.of(reason.refusal, backend.moment)
        return Outcome(unsupported=limits.message_of(reason) or f"has no {name}", refusal=told)
    except (limits.TooLarge, KeyboardInterrupt, SystemExit):
        raise
    except caught as error:
        if named.RAISED:  # whatever a framework makes of it on its way out
            return Outcome(unsupported=named.RAISED[0])
        raised = Error.of(error, backend.moment)
        if backend.may_lack and raised.means_not_implemented:
            return Outcome.lacking(raised)
        return Outcome(error=raised, modified=backend.modified)
    return Outcome(value=value, modified=backend.modified)


def plain(result: Any, array_limit: int = limits.ARRAY) -> Value:
    """Return what an implementation gave back as a value: arrays copied, the rest unchanged.

    The copy matters: a layer may reuse the buffer it handed out.

    Args:
        result: what it gave.
        array_limit: how many bytes of an array are read.

    Raises:
        TooLarge: it is more than is read.
    """
    return _plain(result, 1, limits.Budget(array_limit))


def _plain(result: Any, depth: int, budget: limits.Budget) -> Value:
    if result is None or isinstance(result, (bool, float)):
        return result
    if isinstance(result, int):
        limits.check_integer(result)
        return result
    if isinstance(result, str):
        limits.check_text(result)
        return result
    if isinstance(result, (list, tuple, types.GeneratorType)):
        result = limits.items(result)
        budget.enter(len(result), depth)
        return [_plain(item, depth + 1, budget) for item in result]
    if isinstance(result, dict):
        budget.enter(len(result), depth)
        return {
            _plain(str(k), depth, budget): _plain(v, depth + 1, budget) for k, v in result.items()
        }
    if any(hasattr(result, name) for name in _PROTOCOLS) or isinstance(result, memoryview):
        array = _as_array(result)
        budget.check_array(array.shape, array.dtype.name, array.dtype.itemsize)
        return np.array(array)
    return result


#: By what a result says that it is an array.
_PROTOCOLS = ("__array__", "__array_interface__", "__array_struct__", "__dlpack__")


def _as_array(result: Any) -> Array:
    """Return an array or a tensor as an array, whether it is on a device or carries a gradient's history."""
    for method in ("detach", "cpu"):
        if not isinstance(result, np.ndarray) and callable(getattr(result, method, None)):
            result = getattr(result, method)()
    if not isinstance(result, memoryview) and not any(hasattr(result, n) for n in _PROTOCOLS[:3]):
        found: Array = np.from_dlpack(result)
        return found
    return np.asarray(result)


def shown(instance: object, name: str) -> Any:
    """Return an attribute that nobody has asked the instance for; None where it has none, or raises yet."""
    try:
        return getattr(instance, name, None)
    except Exception:  # a property of what has no weights yet
        return None


def has_attribute(instance: object, name: str) -> bool:
    """Tell whether an instance has an attribute, without running a property."""
    try:
        inspect.getattr_static(instance, name)
    except AttributeError:
        return hasattr(type(instance), "__getattr__") and hasattr(instance, name)
    return True
