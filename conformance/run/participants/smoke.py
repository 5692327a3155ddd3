"""Tells a wrong adapter from a wrong layer, in a few tiny cases.

A kernel of one by one with stride 1 is a matrix product for each pixel: no crop, no overlap, nothing that a layer
can do wrong in its own way. What goes wrong there is how arrays go in and come out. Only then are cases with real
kernels asked of the layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from conformance.cases.drawn.data import position_coded
from conformance.checks import CHECKS, NotSupported, NotTried, Traits
from conformance.judge.evidence import Evidence
from conformance.judge.judging import judge
from conformance.model.case import Case
from conformance.model.observation import Outcome
from conformance.model.steps import Build, Call, GetWeights, SetWeights, Step
from conformance.model.values.codec import Array, in_a_line
from conformance.subjects import Subject
from reports.views.enumeration import how_many

_INPUTS = position_coded((2, 3, 2, 4))
_KERNEL = position_coded((1, 1, 3, 4), start=5)
_BIAS = np.array([100, 200, 300], np.float32)
_ARGUMENTS = {"filters": 3, "kernel_size": [1, 1], "strides": [1, 1], "padding": "valid"}


def adapter_fault(subject: Subject) -> str | None:
    """Return what is wrong with the way to the layer, None where it is right."""
    steps: tuple[Step, ...] = (
        Build(_INPUTS.shape), SetWeights((_KERNEL, _BIAS)), Call(_INPUTS), GetWeights(),
    )  # fmt: skip
    observation = subject.observe(Case("geometry", _ARGUMENTS, steps))
    if observation.crash is not None or observation.not_tried is not None:
        return "a plain float32 layer ends the process: " + in_a_line(
            observation.crash or observation.not_tried or ""
        )
    moments = ("the constructor", "build", "set_weights", "the call", "get_weights")
    outcomes = (observation.constructed, *observation.outcomes)
    if len(outcomes) == 1 and _said(outcomes[0]) is None:
        return "no outcome of any step: there should be one for each"
    for moment, outcome in zip(moments[:4], outcomes):
        said = _said(outcome)
        if said is not None:
            return f"{moment} of a plain float32 layer does not work: {said}"
    if len(outcomes) != len(steps) + 1:
        return f"{how_many(len(outcomes) - 1, 'outcome')} for {how_many(len(steps), 'step')}"
    return _wrong_weights(outcomes[4]) or _wrong_output(outcomes[3].value)


def _said(outcome: Outcome) -> str | None:
    said = str(outcome.error) if outcome.error is not None else outcome.unsupported
    return None if said is None else in_a_line(said)


def _wrong_weights(outcome: Outcome) -> str | None:
    """Return what is wrong with the weights that the layer shows; one that shows none is right."""
    if _said(outcome) is not None or not isinstance(outcome.value, list) or not outcome.value:
        return None
    kernel = outcome.value[0]
    if np.shape(kernel) != _KERNEL.shape:
        return (
            f"the kernel has shape {np.shape(kernel)}, {_KERNEL.shape} is needed: (height, width, filters, "
            "input channels)"
        )
    if not np.array_equal(kernel, _KERNEL):
        return "set_weights([kernel, bias]) does not put the kernel in as it is"
    return None


def _wrong_output(got: Any) -> str | None:
    """Return what is wrong with the output of a product for each pixel, as far as its look tells."""
    right = np.einsum("nhwc,fc->nhwf", _INPUTS, _KERNEL[0, 0]) + _BIAS
    if not isinstance(got, np.ndarray):
        return f"the call gives no array that NumPy understands, but {type(got).__name__}: {got!r:.100}"
    if got.shape == right.shape and np.array_equal(got, right):
        return None if got.dtype == np.float32 else f"float32 went in, {got.dtype} came out"
    for text, other in _misunderstandings(right):
        if got.shape == other.shape and np.array_equal(got, other):
            return text
    if got.shape != right.shape:
        return f"the output of a 1 by 1 kernel has shape {got.shape}, {right.shape} is right"
    return (
        "the output of a 1 by 1 kernel with stride 1 is wrong: it is a product for each pixel, plus the bias. "
        f"The first numbers are {got.reshape(-1)[:3].tolist()}, {right.reshape(-1)[:3].tolist()} is right"
    )


def _misunderstandings(right: Array) -> Iterator[tuple[str, Array]]:
    """Yield what adapters mistake, in words, and the output that comes of it."""
    yield "the output is channels_first, channels_last was asked for", right.transpose(0, 3, 1, 2)
    yield "the output has height and width exchanged", right.transpose(0, 2, 1, 3)
    yield "the bias is not added", right - _BIAS
    yield "the bias is added twice", right + _BIAS
    yield "the weights are not used: the output is zero", np.zeros_like(right)
    yield "the kernel is not used: the output is the bias alone", np.zeros_like(right) + _BIAS
    swapped = _KERNEL.reshape(1, 1, 4, 3).transpose(0, 1, 3, 2)[0, 0]
    text = "the kernel is read as (height, width, input channels, filters), not (..., filters, input channels)"
    yield text, np.einsum("nhwc,fc->nhwf", _INPUTS, swapped) + _BIAS
    as_first = np.moveaxis(_INPUTS.reshape(2, 4, 3, 2), 1, -1)
    yield (
        "the inputs are read as channels_first, they are channels_last",
        np.einsum("nhwc,fc->nhwf", as_first, _KERNEL[0, 0]) + _BIAS,
    )


def layer_faults(subject: Subject, traits: Traits) -> tuple[dict[str, str], int]:
    """Return the first mismatch of each clause in words, and how many cases said anything."""
    evidence, judged = Evidence(), 0
    faults: dict[str, str] = {}
    for case in _layer_cases():
        said = False
        for check in CHECKS.on(case.family):
            if check.claims or not check.applies(case, traits):
                continue
            try:
                failure = judge(evidence, check, case, subject, traits)
            except (NotSupported, NotTried):
                continue
            said = True
            if failure is not None:
                faults.setdefault(check.clause, failure.mismatch.message)
        judged += said
    return faults, judged


def _layer_cases() -> Iterator[Case]:
    for padding in ("valid", "same"):
        for kernel, strides in (
            ((3, 2), (1, 1)),
            ((3, 2), (2, 1)),
            ((2, 3), (1, 2)),
            ((1, 2), (3, 2)),
        ):
            inputs = position_coded((1, 2, 3, 2))
            weights = position_coded((*kernel, 3, 2)), position_coded((3,))
            given = {
                "filters": 3,
                "kernel_size": [*kernel],
                "strides": [*strides],
                "padding": padding,
            }
            steps = Build(inputs.shape), SetWeights(weights), Call(inputs), GetWeights()
            yield Case("geometry", given, steps)
