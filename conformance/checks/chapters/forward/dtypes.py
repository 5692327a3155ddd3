"""DTYPE: where the layer's dtype comes from, which ones work, NaN and infinities."""

from __future__ import annotations

from conformance.cases.scripted.expected import Expected, Raises
from conformance.checks.applicability import runs_here
from conformance.checks.chapters.forward.values import compare_call, linear
from conformance.checks.check import check
from conformance.checks.refusals import (
    NO_SUCH_DTYPE,
    REFUSED_BY_KERNEL,
    REFUSED_COMPLEX,
    expect_error,
)
from conformance.checks.view import View
from conformance.model.case import Case
from conformance.model.steps import Call, GetWeights
from conformance.model.traits import Traits
from conformance.oracle.comparison import Mismatch, compare_dtype


@check("DTYPE-01", "inferred dtypes")
def check_dtype_comes_from_the_first_input(view: View) -> Mismatch | None:
    """The first call's dtype is that of the weights and outputs; after `build` alone float32."""
    calls = list(view.steps(Call))
    name = calls[0][1].inputs.dtype.name if calls else "float32"
    index, _ = view.first(GetWeights)
    weights = view.value(index)
    for weight in weights:
        mismatch = compare_dtype(weight, name, index)
        if mismatch is not None:
            return mismatch
    for index, _ in calls:
        mismatch = compare_dtype(view.value(index), name, index)
        if mismatch is not None:
            return mismatch
    return None


def _floating(case: Case, traits: Traits) -> bool:
    return case.argument("dtype") != "int32" and runs_here(case, traits)


@check("DTYPE-02", "numbers", when=_floating)
def check_floating_dtypes(view: View) -> Mismatch | None:
    """The output has the layer's dtype, and is as precise as the dtype allows."""
    return _typed_output(view)


def _of_another_dtype(case: Case, traits: Traits) -> bool:
    return _floating(case, traits) and "dtype" in case.arguments and linear(case, traits)


@check("DTYPE-02", "sizes", when=_of_another_dtype)
def check_floating_dtypes_of_large_layers(view: View) -> Mismatch | None:
    """The same where a layer is large."""
    return _typed_output(view)


def _of_a_name(case: Case, traits: Traits) -> bool:
    return _floating(case, traits) and isinstance(case.argument("activation"), str)


@check("DTYPE-02", "activations", when=_of_a_name)
def check_an_activation_keeps_the_dtype(view: View) -> Mismatch | None:
    """What a named activation gives has the layer's dtype, too."""
    index, call = view.first(Call)
    return compare_dtype(view.value(index), call.inputs.dtype.name, index)


@check("DTYPE-02", "numbers", when=lambda case, traits: not runs_here(case, traits))
def check_bfloat16_before_2_10(view: View) -> Mismatch | None:
    """TensorFlow 2.9 on a CPU has no bfloat16 BiasAdd: with a bias the call fails."""
    index, _ = view.first(Call)
    if not view.geometry.use_bias:
        return None
    refused = Expected(Raises("InvalidArgumentError"), Raises("InternalError"))
    return expect_error(view, index, refused)


@check("DTYPE-03", "numbers", "sizes", when=lambda case, _: case.argument("dtype") == "int32")
def check_int32(view: View) -> Mismatch | None:
    """An int32 layer computes exactly."""
    return _typed_output(view)


@check("DTYPE-03", "other dtypes")
def check_other_dtypes_are_refused(view: View) -> Mismatch | None:
    """int64, int8, uint8, bool: refused at the call; complex: ValueError."""
    index, call = view.first(Call)
    if call.inputs.dtype.kind == "c":
        return expect_error(view, index, REFUSED_COMPLEX)
    return expect_error(view, index, REFUSED_BY_KERNEL)


@check("DTYPE-04", "mixed dtypes")
def check_no_silent_cast(view: View) -> Mismatch | None:
    """Another dtype than the layer's is refused; `autocast` casts floating input."""
    arguments = view.case.arguments
    if arguments.get("dtype") == "foo":
        return expect_error(view, None, NO_SUCH_DTYPE)
    mixed = arguments.get("dtype") == "mixed_float16"
    # A reference variable is not cast.
    if arguments.get("autocast") and not (mixed and view.traits.v1):
        index, _ = view.first(Call)
        weights_index, _ = view.first(GetWeights)
        wanted = "float16" if mixed else "float32"
        weights = view.value(weights_index)
        kernel = weights[0] if isinstance(weights, list) and weights else None
        return compare_dtype(view.value(index), wanted, index) or compare_dtype(
            kernel, "float32", weights_index
        )
    *_, (index, _) = view.steps(Call)
    if mixed:
        # Which error TensorFlow gives depends on the op that notices first.
        in_v1 = "RuntimeError|" if view.traits.v1 else ""
        return expect_error(
            view, index, Raises(f"{in_v1}TypeError|InvalidArgumentError|ValueError")
        )
    return expect_error(view, index, REFUSED_BY_KERNEL)


@check("DTYPE-05", "specials", when=runs_here)
def check_nan_and_infinity_propagate_by_the_sum(view: View) -> Mismatch | None:
    """NaN and infinities reach exactly the outputs whose sums hold them."""
    return compare_call(view)


def _typed_output(view: View) -> Mismatch | None:
    index, call = view.first(Call)
    got = view.value(index)
    return compare_dtype(got, call.inputs.dtype.name, index) or compare_call(view)
