"""Results that are right but for the errors of a transform, made exact: then every clause can judge the rest."""

from __future__ import annotations

import contextlib

import attrs
import numpy as np

from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.model.steps import (
    Build,
    Call,
    Collection,
    Construct,
    ConvolutionOp,
    GetWeights,
    Gradients,
    Invoke,
    Losses,
    LossesFor,
    Read,
    SecondGradient,
    SetWeights,
    Train,
)
from conformance.model.values.codec import Array, Value
from conformance.model.values.dtypes import SIGNIFICAND_BITS
from conformance.oracle.bounds import OracleError
from conformance.oracle.expectation import Expectation
from conformance.oracle.normwise import relative_error

#: Sums of small integers, halved a few times by a learning rate, are multiples of this.
_FINEST = 2.0**-8
#: Steps whose results are convolutions, and those that show what one has done to weights, or to losses.
_CONVOLVE = (Call, ConvolutionOp, Gradients, SecondGradient)
_PLAIN = (Build, SetWeights, *_CONVOLVE)
_CALLS = ("apply", "call", "__call__", "convolution_op")
_SHOW_WEIGHTS = (GetWeights, Read, Invoke)
_SHOW_LOSSES = (Losses, LossesFor, Collection)


def settled(case: Case, observation: Observation, expectation: Expectation) -> Observation | None:
    """Return what the subject did, with the right numbers where a transform's errors hide them; None if nowhere.

    That is where the oracle's numbers are integers (or multiples of a small power of two), those of the subject
    round to them, and none is off by more than a transform's bound beside the largest. Only steps count that
    convolve, and what is read of the weights that a training step has changed, or of losses of outputs.
    """
    outcomes, judged = list(observation.outcomes), list(_CONVOLVE)
    others = any(isinstance(step, Construct) for step in case.steps)
    if others or "activity_regularizer" in case.arguments:
        judged += _SHOW_LOSSES
    known: dict[bytes, Value] = {}
    for index, step in enumerate(case.steps[: len(outcomes)]):
        if isinstance(step, Train):
            judged += _SHOW_WEIGHTS
        convolves = isinstance(step, tuple(judged))
        convolves = convolves or (isinstance(step, Invoke) and step.method in _CALLS)
        value = outcomes[index].value
        if not convolves or value is None:
            continue
        # Nobody knows what is right of some steps, but it may be what an earlier one gave.
        bits = value.tobytes() if isinstance(value, np.ndarray) else b""
        new = known.get(bits, value) if bits else value
        with contextlib.suppress(OracleError):
            new = known[bits] = _settled(value, _right(case, index, expectation))
        outcomes[index] = attrs.evolve(outcomes[index], value=new)
    changed = any(new.value is not old.value for new, old in zip(outcomes, observation.outcomes))
    return attrs.evolve(observation, outcomes=tuple(outcomes)) if changed else None


def _right(case: Case, index: int, expectation: Expectation) -> Value:
    """Return the oracle's value of a step; of large layers without loops."""
    step, is_plain = case.steps[index], all(isinstance(one, _PLAIN) for one in case.steps)
    is_plain = is_plain and expectation.weights_at(index)[0] is not None
    if is_plain and case.argument("activation") is None:
        if isinstance(step, Call):
            return expectation.linear_output(index).values
        if isinstance(step, Gradients):
            return [None if one is None else one.values for one in expectation.gradients(index)]
    return expectation.value(index)


def _settled(value: Value, right: Value) -> Value:
    """Return `right` in the form of `value` where that is right; else `value` itself."""
    if isinstance(value, list) and isinstance(right, list) and len(value) == len(right):
        items = [_settled(one, target) for one, target in zip(value, right)]
        return items if any(new is not old for new, old in zip(items, value)) else value
    if not (isinstance(value, np.ndarray) and isinstance(right, np.ndarray)):
        return value
    if value.dtype.name not in SIGNIFICAND_BITS or value.shape != right.shape or not value.size:
        return value
    return right.astype(value.dtype) if _is_right(value, right) else value


def _is_right(value: Array, right: Array) -> bool:
    got, target = value.astype(np.float64), right.astype(np.float64)
    if not (np.isfinite(got).all() and np.isfinite(target).all()):
        return False
    unit = 1.0
    while np.any(np.mod(target, unit)):
        unit /= 2
        if unit < _FINEST:
            return False
    # The largest number stands for the largest sum of absolute products, which is never smaller.
    levels = (value.size - 1).bit_length() + 1
    allowed = relative_error(levels, levels, value.dtype.name) * np.abs(target).max()
    error = np.abs(got - target)
    return bool(error.any() and (error <= min(allowed, 0.49 * unit)).all())
