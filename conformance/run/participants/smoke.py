"""Tells a wrong adapter from a wrong layer, in a few tiny cases.

A kernel of one by one with stride 1 is a matrix product for each pixel: no crop, no overlap, nothing that a layer
can do wrong in its own way. What goes wrong there is how arrays go in and come out. Only then are cases with real
kernels asked of the layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np

from conformance.cases.drawn.data import position_coded
from conformance.checks import CHECKS, NotSupported, NotTried, Traits
from conformance.judge.evidence import Evidence
from conformance.judge.judging import Failure, judge
from conformance.model.case import Case
from conformance.model.observation import Outcome
from conformance.model.steps import Call, GetWeights
from conformance.model.values.codec import Array, dtype_of, in_a_line, is_told, type_name
from conformance.run.participants.plainest import PLAIN, Plainest
from conformance.subjects import Subject
from reports.views.enumeration import how_many


@attrs.frozen
class _Pixels:
    """A matrix product for each pixel, and what comes of it; the arrays are channels_last."""

    inputs: Array
    kernel: Array
    bias: Array

    @staticmethod
    def of(plain: Plainest) -> _Pixels:
        arrays = position_coded((2, 3, 2, 4)), position_coded((1, 1, 3, 4), start=5)
        bias = np.array([100, 200, 300]) if plain.use_bias else np.zeros(3)
        if plain.dtype in ("float16", "bfloat16"):  # whose sums are exact only while they are short
            arrays, bias = (arrays[0] % 5, arrays[1] % 3), bias / 100
        return _Pixels(*(array.astype(dtype_of(plain.dtype)) for array in (*arrays, bias)))

    def product(self, inputs: Array, matrix: Array) -> Array:
        """Return the product without the bias, in the layer's dtype."""
        exact = np.einsum("nhwc,fc->nhwf", *(a.astype(np.float64) for a in (inputs, matrix)))
        result: Array = exact.astype(self.inputs.dtype)
        return result

    @property
    def right(self) -> Array:
        return self.product(self.inputs, self.kernel[0, 0]) + self.bias


def adapter_fault(subject: Subject, plain: Plainest = PLAIN) -> str | None:
    """Return what is wrong with the way to the layer, None where it is right."""
    pixels = _Pixels.of(plain)
    c = plain.configuration((1, 1), batch=2, in_channels=4, filters=3, size=(3, 2))
    inputs = pixels.inputs.transpose(0, 3, 1, 2) if plain.is_first else pixels.inputs
    steps = (*c.weights(pixels.kernel, pixels.bias), Call(inputs), GetWeights())
    arguments = {**c.arguments(), "kernel_size": [1, 1], "strides": [1, 1], "padding": "valid"}
    observation = subject.observe(Case("geometry", arguments, steps))
    layer = f"a plain {plain.dtype} layer"
    if observation.crash is not None or observation.not_tried is not None:
        return f"{layer} ends the process: " + in_a_line(
            observation.crash or observation.not_tried or ""
        )
    moments = ("the constructor", "build", "set_weights", "the call", "get_weights")
    outcomes = observation.all_outcomes
    if len(outcomes) == 1 and _said(outcomes[0]) is None:
        return "no outcome of any step: there should be one for each"
    for moment, outcome in zip(moments[:4], outcomes):
        said = _said(outcome)
        if said is not None:
            return f"{moment} of {layer} does not work: {said}"
    if len(outcomes) != len(steps) + 1:
        return f"{how_many(len(outcomes) - 1, 'outcome')} for {how_many(len(steps), 'step')}"
    return _wrong_weights(outcomes[4], pixels) or _wrong_output(
        outcomes[3].value, pixels, first=plain.is_first
    )


def _said(outcome: Outcome) -> str | None:
    said = str(outcome.error) if outcome.error is not None else outcome.unsupported
    return None if said is None else in_a_line(said)


def _wrong_weights(outcome: Outcome, pixels: _Pixels) -> str | None:
    """Return what is wrong with the weights that the layer shows; one that shows none is right."""
    if _said(outcome) is not None or not isinstance(outcome.value, list) or not outcome.value:
        return None
    kernel = outcome.value[0]
    if np.shape(kernel) != pixels.kernel.shape:
        return (
            f"the kernel has shape {np.shape(kernel)}, {pixels.kernel.shape} is needed: (height, width, filters, "
            "input channels)"
        )
    if not np.array_equal(kernel, pixels.kernel):
        return "set_weights([kernel, bias]) does not put the kernel in as it is"
    return None


def _wrong_output(got: Any, pixels: _Pixels, *, first: bool) -> str | None:
    """Return what is wrong with the output of a product for each pixel, as far as its look tells."""
    layouts = ("channels_first", "channels_last")
    asked, other = layouts if first else layouts[::-1]

    def laid(array: Array) -> Array:
        return array.transpose(0, 3, 1, 2) if first else array

    right = laid(pixels.right)
    if isinstance(got, list):
        return f"the call gives a list, where an array is needed: {in_a_line(repr(got)):.100}"
    if not isinstance(got, np.ndarray):
        shown = got["repr"] if is_told(got) else repr(got)
        kind = f"no array that NumPy understands, but {type_name(got)}"
        return f"the call gives {kind}: {in_a_line(shown):.100}"
    dtype = pixels.inputs.dtype
    if got.shape == right.shape and _near(got, right):
        return None if got.dtype == dtype else f"{dtype} went in, {got.dtype} came out"
    as_other = pixels.right if first else pixels.right.transpose(0, 3, 1, 2)
    mistaken = [(f"the output is {other}, {asked} was asked for", as_other)]
    mistaken += [(text, laid(array)) for text, array in _misunderstandings(pixels, asked, other)]
    for text, array in mistaken:
        if got.shape == array.shape and np.array_equal(got, array):
            return text
    if got.shape != right.shape:
        return f"the output of a 1 by 1 kernel has shape {got.shape}, {right.shape} is right"
    return (
        "the output of a 1 by 1 kernel with stride 1 is wrong: it is a product for each pixel, plus the bias. "
        f"The first numbers are {got.reshape(-1)[:3].tolist()}, {right.reshape(-1)[:3].tolist()} is right"
    )


def _near(got: Array, right: Array) -> bool:
    """Tell whether numbers are right but for digits, which are the layer's: one of 8 bits has few."""
    one, other = (array.astype(np.float64) for array in (got, right))
    return bool(np.all(np.abs(one - other) <= 2**-6 * np.abs(other).max()))


def _misunderstandings(pixels: _Pixels, asked: str, other: str) -> Iterator[tuple[str, Array]]:
    """Yield what adapters mistake, in words, and the output that comes of it, channels_last."""
    right, bias = pixels.right, pixels.bias
    yield "the output has height and width exchanged", right.transpose(0, 2, 1, 3)
    yield "the bias is not added", right - bias
    yield "the bias is added twice", right + bias
    yield "the weights are not used: the output is zero", np.zeros_like(right)
    yield "the kernel is not used: the output is the bias alone", np.zeros_like(right) + bias
    swapped = pixels.kernel.reshape(1, 1, 4, 3).transpose(0, 1, 3, 2)[0, 0]
    text = "the kernel is read as (height, width, input channels, filters), not (..., filters, input channels)"
    yield text, pixels.product(pixels.inputs, swapped) + bias
    if other == "channels_last":
        read = pixels.inputs.transpose(0, 3, 1, 2).reshape(pixels.inputs.shape)
    else:
        read = pixels.inputs.reshape(2, 4, 3, 2).transpose(0, 2, 3, 1)
    text = f"the inputs are read as {other}, they are {asked}"
    yield text, pixels.product(read, pixels.kernel[0, 0]) + bias


def layer_faults(
    subject: Subject, traits: Traits, plain: Plainest = PLAIN
) -> tuple[dict[str, Failure], int]:
    """Return the first failure of each clause, and how many cases said anything."""
    evidence, judged = Evidence(), 0
    faults: dict[str, Failure] = {}
    for case in _layer_cases(plain):
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
                faults.setdefault(check.clause, failure)
        judged += said
    return faults, judged


def _layer_cases(plain: Plainest) -> Iterator[Case]:
    for padding in ("valid", "same"):
        for kernel, strides in (
            ((3, 2), (1, 1)),
            ((3, 2), (2, 1)),
            ((2, 3), (1, 2)),
            ((1, 2), (3, 2)),
        ):
            c = plain.configuration(
                kernel, strides, in_channels=2, filters=3, size=(2, 3), padding=padding
            )
            inputs, taps = (position_coded(s, c.dtype) for s in (c.input_shape(), c.kernel_shape))
            weights = c.weights(taps, position_coded((3,), c.dtype))
            given = {"kernel_size": [*c.kernel_size], "strides": [*c.strides], "padding": padding}
            steps = (*weights, Call(inputs), GetWeights())
            yield Case("geometry", {**c.arguments(), **given}, steps)
