"""KILL: cases in which some build of TensorFlow ends its process, or computes a wrong gradient."""

from __future__ import annotations

from conformance.cases.scripted.expected import Expected, Raises
from conformance.checks.check import check
from conformance.checks.refusals import expect_error
from conformance.checks.view import View
from conformance.model.case import Case
from conformance.model.steps import Call, ConvolutionOp, Gradients
from conformance.model.traits import Traits
from conformance.oracle.comparison import Mismatch, compare_shape


def _asked(_: Case, traits: Traits) -> bool:
    # With the default backend too the process ends (GRAD-05 says so); one restart of it is not worth the time
    # in every run, so this is asked of TensorFlow where its other backend is on trial.
    return traits.onednn or not traits.tensorflow


@check("KILL-01", "killers KILL-01", when=_asked)
def check_an_image_without_rows(view: View) -> Mismatch | None:
    """The gradient ends nothing, and the gradients have the shapes of inputs and kernel."""
    index, step = view.first(Gradients)
    if view.traits.graph:
        return expect_error(view, index, Raises("ValueError"))
    kernel, _ = view.expectation.weights_at(index)
    by_inputs, by_kernel, _ = view.value(index)
    return compare_shape(by_inputs, step.inputs.shape, index) or compare_shape(
        by_kernel, kernel.shape, index
    )


@check("KILL-02", "killers KILL-02")
def check_kernel_gradient_of_a_1x1_kernel(view: View) -> Mismatch | None:
    """The loops' kernel gradient."""
    index, _ = view.first(Gradients)
    exact = view.expectation.gradients(index)[1]
    return exact.compare(view.value(index)[1], step=index, what="kernel gradient")


@check("KILL-03", "killers KILL-03")
def check_convolution_op_of_rank_three(view: View) -> Mismatch | None:
    """An exception, and the process lives."""
    index, _ = view.first(ConvolutionOp)
    refused = Expected(Raises("InvalidArgumentError"), Raises("ValueError"))
    return expect_error(view, index, refused)


@check("KILL-04", "killers KILL-04")
def check_a_stride_of_a_million(view: View) -> Mismatch | None:
    """Out of memory, and the process lives."""
    index, _ = view.first(Call)
    return expect_error(view, index, Raises("ResourceExhaustedError"))
