"""GRAD: gradients by input, kernel and bias."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np

import reference_impl
from conformance.checks.applicability import on_tensorflow, runs_here
from conformance.checks.check import check
from conformance.checks.view import Misbehaved, View
from conformance.model.case import Case
from conformance.model.steps import (
    Call,
    ConvolutionOp,
    Gradients,
    LossGradients,
    SecondGradient,
    SetWeights,
)
from conformance.model.traits import Traits
from conformance.model.values.codec import Array, Value
from conformance.oracle.comparison import (
    Mismatch,
    compare_exactly,
    compare_numbers,
    compare_shape,
    describe,
)
from conformance.oracle.expectation import Exact, function_arguments
from conformance.oracle.tolerance import allowed_error, unit_roundoff

_NAMES = ("input gradient", "kernel gradient", "bias gradient")


def _found(view: View, index: int) -> list[Value] | Mismatch:
    got = view.value(index)
    if not isinstance(got, list) or len(got) != 3:
        return Mismatch(f"gradients should return three arrays, got {describe(got)}", 3, got, index)
    return got


def _asked(case: Case, _: Traits) -> bool:
    return any(isinstance(step, Gradients) for step in case.steps)


@check("GRAD-01", "gradients", "sizes", when=_asked)
def check_gradients(view: View) -> Mismatch | None:
    """All three equal the loops, within the bound of their sums; of every call on its own."""
    return _compared(view, view.expectation.gradients)


def _compared(
    view: View, gradients: Callable[[int], tuple[Exact, Exact, Exact | None]]
) -> Mismatch | None:
    for index, _ in view.steps(Gradients):
        got = _found(view, index)
        if isinstance(got, Mismatch):
            return got
        for name, one, exact in zip(_NAMES, got, gradients(index)):
            if exact is None:
                if one is not None:
                    return Mismatch(f"without bias there is no {name}", None, one, index)
                continue
            mismatch = exact.compare(one, step=index, what=name)
            if mismatch is not None:
                return mismatch
    return None


@check("GRAD-06", "activation gradients", when=runs_here)
def check_gradients_through_an_activation(view: View) -> Mismatch | None:
    """G is the output gradient times the activation's slope; of softmax its whole Jacobian."""
    mismatch = _compared(view, view.expectation.activated_gradients)
    if mismatch is None:
        return None
    # A transform makes nearly 0 of 0, and so takes the slope of either side.
    own = {index: _own_argument(view, index) for index, _ in view.steps(Gradients)}
    if all(argument is None for argument in own.values()):
        return mismatch
    return _compared(view, lambda i: view.expectation.activated_gradients(i, own[i]))


def _own_argument(view: View, index: int) -> Array | None:
    """Return what the subject gives its activation in step `index`, where that has the errors of a transform."""
    step = view.case.steps[index]
    assert isinstance(step, Gradients)
    linear = {k: v for k, v in view.case.arguments.items() if k != "activation"}
    call = Call(step.inputs)
    given = view.ask(
        attrs.evolve(view.case, arguments=linear, steps=(*view.case.steps[:index], call))
    )
    exact = view.expectation.linear_output(index)
    if given is None or exact.compare(given, step=index) is not None:
        return None
    assert isinstance(given, np.ndarray)
    found: Array = given.astype(np.float64)
    return None if np.array_equal(found, exact.values) else found


@check("GRAD-01", "frozen gradients")
def check_gradients_flow_through_a_frozen_layer(view: View) -> Mismatch | None:
    """The inputs' gradient is that of a layer that is trained; those of its weights are not asked for."""
    index, _ = view.first(Gradients)
    got = _found(view, index)
    if isinstance(got, Mismatch):
        return got
    plain = view.case.argument("activation") is None
    gradients = view.expectation.gradients if plain else view.expectation.activated_gradients
    return gradients(index)[0].compare(got[0], step=index, what=_NAMES[0])


@check("GRAD-07", "special gradients")
def check_nan_and_infinity_in_gradients(view: View) -> Mismatch | None:
    """NaN and infinities reach exactly the gradients whose sums hold them; what overflows is infinite."""
    return _compared(view, view.expectation.gradients)


def _served(case: Case, traits: Traits) -> bool:
    # TensorFlow's convolution_op has no channels_first on the CPU (FMT-04).
    first = case.argument("data_format") == "channels_first"
    return not (traits.tensorflow and first)


@check("GRAD-02", "gradients", when=_served)
def check_convolution_op_is_the_input_gradient(view: View) -> Mismatch | None:
    """dx == convolution_op(dy, kernel), and db is the sum of dy."""
    index, step = view.first(Gradients)
    op_index, _ = view.first(ConvolutionOp)
    exact, _, _ = view.expectation.gradients(index)
    forward = view.value(op_index)
    mismatch = exact.compare(forward, step=op_index, what="convolution_op")
    if mismatch is not None or not view.geometry.use_bias:
        return mismatch
    got = _found(view, index)
    if isinstance(got, Mismatch):
        return got
    upstream = view.geometry.to_channels_last(step.output_gradient).astype(np.float64)
    total, size = upstream.sum(axis=(0, 1, 2)), np.abs(upstream).sum(axis=(0, 1, 2))
    terms = upstream.size // max(upstream.shape[3], 1)
    allowed = allowed_error(size, terms, step.output_gradient.dtype.name, exact=False)
    return compare_numbers(got[2], total, allowed, step=index, what="bias gradient")


@check("GRAD-03", "gradients", when=on_tensorflow)
def check_second_gradient(view: View) -> Mismatch | None:
    """d(sum dx^2)/dK = 2 * kernel gradient of a layer whose input is dx."""
    index, step = view.first(SecondGradient)
    exact = _second_gradient(view, index, step)
    return exact.compare(view.value(index), step=index, what="second gradient")


def _second_gradient(view: View, index: int, step: SecondGradient) -> Exact:
    kernel, _ = view.expectation.weights_at(index)
    inner, _, _ = view.expectation.gradients(index)
    keywords = function_arguments(view.case)

    def by_kernel(inputs: Array, upstream: Array) -> Array:
        found = reference_impl.conv2d_transpose_gradients(inputs, kernel, upstream, **keywords)
        return 2 * found.kernel

    upstream = step.output_gradient.astype(np.float64)
    values = by_kernel(inner.values, upstream)
    magnitude = by_kernel(inner.magnitude, np.abs(upstream))
    # Each summand already carries the inner sum's roundings.
    terms = inner.terms + inner.values.size // max(kernel.shape[3], 1) + 1
    return Exact(values, magnitude, terms, exact=False, dtype_name=inner.dtype_name)


@check("GRAD-04", "loss gradients")
def check_loss_gradients(view: View) -> Mismatch | None:
    """Gradient of l1*sum|w| + l2*sum(w^2): l1*sign(w) + 2*l2*w."""
    index, _ = view.first(LossGradients)
    got = view.value(index)
    _, weights = view.first(SetWeights)
    for place, (name, weight) in enumerate(zip(("kernel", "bias"), weights.values)):
        form = view.case.argument(f"{name}_regularizer")
        one = got[place] if isinstance(got, list) and place < len(got) else None
        if form is None:
            if one is not None:
                return Mismatch(f"no loss depends on the {name}", None, one, index)
            continue
        l1, l2 = _factors(form)
        wide = weight.astype(np.float64)
        # A penalty that is not asked for makes no NaN of an infinity.
        wanted = np.zeros(wide.shape)
        wanted += l1 * np.sign(wide) if l1 else 0
        wanted += 2 * l2 * wide if l2 else 0
        allowed = 8 * unit_roundoff(weight.dtype.name) * np.abs(wanted)
        mismatch = compare_numbers(one, wanted, allowed, step=index, what=f"{name} gradient")
        if mismatch is not None:
            return mismatch
    return None


def _factors(form: Value) -> tuple[float, float]:
    if isinstance(form, dict):
        return form["config"].get("l1", 0.0), form["config"].get("l2", 0.0)
    return (0.01 if "l1" in form else 0.0), (0.01 if "l2" in form else 0.0)


def _empty_batch(case: Case, _: Traits) -> bool:
    return any(isinstance(s, Gradients) and s.inputs.shape[0] == 0 for s in case.steps)


@check("GRAD-05", "degenerate gradients", when=_empty_batch)
def check_gradients_of_an_empty_batch(view: View) -> Mismatch | None:
    """Zeros of the weights' shapes, and an empty input gradient."""
    return _zeros(view)


@check(
    "GRAD-05",
    "degenerate gradients",
    when=lambda case, t: not t.tensorflow and not _empty_batch(case, t),
)
def check_gradients_of_an_empty_image(view: View) -> Mismatch | None:
    """Outside TensorFlow: the kernel's gradient is zero, the bias' the sum of the output gradient."""
    return _zeros(view)


def _zeros(view: View) -> Mismatch | None:
    index, step = view.first(Gradients)
    got = _found(view, index)
    if isinstance(got, Mismatch):
        return got
    upstream = view.geometry.to_channels_last(step.output_gradient).astype(np.float64)
    kernel, _ = view.expectation.weights_at(index)
    bias = [upstream.sum(axis=(0, 1, 2))] if view.geometry.use_bias else []
    targets = (np.zeros(step.inputs.shape), np.zeros(kernel.shape), *bias)
    for name, one, target in zip(_NAMES, got, targets):
        mismatch = compare_exactly(one, target, index, name)
        if mismatch is not None:
            return mismatch
    return None


@check(
    "GRAD-05",
    "degenerate gradients",
    when=lambda case, t: t.tensorflow and not _empty_batch(case, t),
)
def check_tensorflow_gradients_of_an_empty_image(view: View) -> Mismatch | None:
    """TensorFlow: the kernel gradient is uninitialised memory, or the process dies."""
    index, _ = view.first(Gradients)
    try:
        got = view.outcome(index)
    except Misbehaved as reason:
        if reason.error is None:
            return None  # the process was killed: documented (K1)
        raise
    if got.error is not None or not isinstance(got.value, list):
        return None
    kernel, _ = view.expectation.weights_at(index)
    return compare_shape(got.value[1], kernel.shape, index)
