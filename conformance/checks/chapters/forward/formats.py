"""FMT: the two data formats."""

from __future__ import annotations

import numpy as np

from conformance.cases.scripted.expected import Raises
from conformance.checks.chapters.forward.values import compare_call, linear
from conformance.checks.check import check
from conformance.checks.refusals import expect_error
from conformance.checks.view import View
from conformance.model.case import Case
from conformance.model.steps import Call, ConvolutionOp, GetWeights
from conformance.model.traits import Traits
from conformance.oracle.comparison import Mismatch, compare_exactly, compare_numbers, compare_shape


def _channels_last(case: Case, traits: Traits) -> bool:
    return linear(case, traits) and "data_format" not in case.arguments


@check("FMT-01", "geometry", "sizes", when=_channels_last)
def check_channels_last(view: View) -> Mismatch | None:
    """(batch, height, width, channels) is the default, in and out."""
    return compare_call(view)


def _channels_first(case: Case, traits: Traits) -> bool:
    return linear(case, traits) and case.argument("data_format") == "channels_first"


@check("FMT-02", "geometry", "sizes", when=_channels_first)
def check_channels_first(view: View) -> Mismatch | None:
    """(batch, channels, height, width): the same numbers, transposed."""
    return compare_call(view)


@check("FMT-03", "geometry")
def check_kernel_shape_does_not_depend_on_the_format(view: View) -> Mismatch | None:
    """(kernel height, kernel width, filters, input channels) in both formats."""
    index, _ = view.first(GetWeights)
    _, call = view.first(Call)
    geometry = view.geometry
    weights = view.value(index)
    wanted = geometry.kernel_shape(call.inputs.shape[geometry.channel_axis])
    if not isinstance(weights, list) or not weights:
        return Mismatch("get_weights should return the weights", list(wanted), weights, index)
    return compare_shape(weights[0], wanted, index)


@check("FMT-04", "layouts", when=lambda _, traits: traits.tensorflow)
def check_convolution_op_has_no_channels_first_on_the_cpu(view: View) -> Mismatch | None:
    """TensorFlow: UnimplementedError, at the call in eager mode and at the run in graph mode."""
    index, _ = view.first(ConvolutionOp)
    moment = "run" if view.traits.graph else "convolution_op"
    return expect_error(view, index, Raises("UnimplementedError", "only supports the NHWC", moment))


@check("FMT-04", "layouts", when=lambda _, traits: not traits.tensorflow)
def check_convolution_op_serves_channels_first(view: View) -> Mismatch | None:
    """Outside TensorFlow: the forward convolution, in the layer's own format."""
    index, _ = view.first(ConvolutionOp)
    return compare_exactly(view.value(index), view.expectation.value(index), index)


def _softmax_of_numbers(case: Case, _: Traits) -> bool:
    if case.argument("activation") != "softmax" or "dtype" in case.arguments:
        return False
    called = next(step for step in case.steps if isinstance(step, Call))
    return case.argument("data_format") == "channels_first" and bool(
        np.isfinite(called.inputs).all()
    )


@check("FMT-05", "activations", when=_softmax_of_numbers)
def check_softmax_runs_over_the_last_axis(view: View) -> Mismatch | None:
    """Softmax works on the last axis, which is the width in channels_first."""
    index, _ = view.first(Call)
    got = view.value(index)
    mismatch = compare_shape(got, view.expectation.value(index).shape, index)
    if mismatch is not None:
        return mismatch
    sums = got.astype(np.float64).sum(axis=3)
    return compare_numbers(
        sums,
        np.ones(sums.shape),
        np.full(sums.shape, 2.0**-18),
        step=index,
        what="sum over the width",
    )
