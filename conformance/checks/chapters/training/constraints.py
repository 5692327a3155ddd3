"""CONS: projections after the update, their forms, their formulas, their refusals."""

from __future__ import annotations

import attrs
import numpy as np

from conformance.cases.scripted.expected import Raises
from conformance.checks.applicability import on_tensorflow
from conformance.checks.check import check
from conformance.checks.refusals import REFUSED_BY_KERNEL, expect_error
from conformance.checks.view import View
from conformance.model.case import Case
from conformance.model.steps import GetWeights, Train
from conformance.model.traits import Traits
from conformance.model.values.codec import Array, Value
from conformance.oracle.comparison import Mismatch, compare_exactly, compare_numbers
from conformance.oracle.expectation import Expectation
from conformance.oracle.tolerance import gamma, unit_roundoff

_NORMS = {"max_norm", "MaxNorm", "unit_norm", "UnitNorm", "min_max_norm", "MinMaxNorm"}
_EPSILON = 1e-7


def constraint_of(case: Case, part: str) -> str | None:
    """Return the name of a weight's constraint: a string, a class name or a named function."""
    form = case.argument(f"{part}_constraint")
    if isinstance(form, dict):
        return str(form.get("function", form.get("class_name")))
    return None if form is None else str(form)


def _trained(view: View) -> tuple[int, list[Value]] | Mismatch:
    index, _ = view.first(Train)
    got = view.value(index)
    wanted = view.expectation.value(index)
    if not isinstance(got, list) or len(got) != len(wanted):
        return Mismatch(
            f"the number of weights after the step should be {len(wanted)}", len(wanted), got, index
        )
    return index, got


def _compare_weight(view: View, place: int, wanted: Array | None = None) -> Mismatch | None:
    """Compare one weight after the step with the oracle's, or with `wanted`."""
    trained = _trained(view)
    if isinstance(trained, Mismatch):
        return trained
    index, got = trained
    target = view.expectation.value(index)[place] if wanted is None else wanted
    part = ("kernel", "bias")[place]
    # The update is exact on these integers. A norm then sums squares, takes a root, clips,
    # adds epsilon, divides and multiplies: one rounding each.
    norm = constraint_of(view.case, part) in _NORMS
    roundings = target.size + 12 if norm else 0
    roundoff = unit_roundoff(view.case.argument("dtype", "float32"))
    allowed = gamma(roundings, roundoff) * np.abs(target)
    mismatch = compare_numbers(got[place], target, allowed, step=index, what=part)
    if mismatch is None:
        return None
    return _explained(view, mismatch, place, index)


def _explained(view: View, mismatch: Mismatch, place: int, index: int) -> Mismatch:
    """Say so where the constraint seems to have been left out, or applied before the step."""
    before = view.expectation.weights_at(index)[place]
    _, step = view.first(Train)
    gradient = view.expectation.gradients(index)[1 + place]
    got = mismatch.got
    if before is None or gradient is None or not isinstance(got, np.ndarray):
        return mismatch
    stepped = before - step.learning_rate * gradient.values
    hints = {
        "this is the updated weight without the projection": stepped,
        "this is the weight as it was before the step": before,
    }
    moved_by_step = got.astype(np.float64) + step.learning_rate * gradient.values
    for text, candidate in hints.items():
        if np.array_equal(got.astype(np.float64), candidate):
            return attrs.evolve(mismatch, message=f"{mismatch.message}; {text}")
    if np.allclose(moved_by_step, _project(view, place), atol=1e-5):
        text = "; this is the projection of the old weight followed by the step"
        return attrs.evolve(mismatch, message=mismatch.message + text)
    return mismatch


def _project(view: View, place: int) -> Array:
    """Return what the constraint makes of a weight, found by training with a step of size 0."""
    index, step = view.first(Train)
    still = attrs.evolve(step, learning_rate=0.0)
    case = attrs.evolve(view.case, steps=(*view.case.steps[:index], still))
    found: Array = Expectation(case).value(index)[place]
    return found


@check("CONS-01", "constraints", when=lambda case, _: constraint_of(case, "kernel") is not None)
def check_kernel_is_projected_after_the_update(view: View) -> Mismatch | None:
    """w_new = C(w - learning_rate * gradient) for the kernel."""
    return _compare_weight(view, 0)


@check("CONS-01", "constraints")
def check_no_projection_without_an_update(view: View) -> Mismatch | None:
    """Weights that were set are not projected."""
    index, _ = view.first(GetWeights)
    return compare_exactly(view.value(index), view.expectation.value(index), index, "weight")


@check("CONS-02", "optimizers", when=on_tensorflow)
def check_optimizers_apply_the_constraint(view: View) -> Mismatch | None:
    """Every tf.compat.v1 optimizer projects; the constraint here clips to [-2, 2]."""
    index, step = view.first(Train)
    if step.optimizer.startswith("keras.") and view.traits.graph:
        return None  # CONS-03
    got, (before, _) = view.value(index), view.expectation.weights_at(index)
    kernel = got[0]
    if np.array_equal(kernel, before):
        return Mismatch(f"{step.optimizer} left the kernel as it was", None, kernel, index)
    inside = np.abs(kernel).max() <= 2
    if not inside:
        return Mismatch(
            f"{step.optimizer}: the kernel should be within [-2, 2], its largest element is "
            f"{np.abs(kernel).max():g}", None, kernel, index,
        )  # fmt: skip
    return None


@check(
    "CONS-03",
    "optimizers",
    when=lambda case, traits: (
        traits.graph
        and any(isinstance(s, Train) and s.optimizer.startswith("keras.") for s in case.steps)
    ),
)
def check_keras_optimizers_in_a_graph(view: View) -> Mismatch | None:
    """2.9: fine. 2.15 and later: the op that apply_gradients returns updates nothing. V1: AttributeError."""
    index, step = view.first(Train)
    if view.traits.v1:
        kind = "AttributeError|ValueError" if view.traits.of_the_page else "AttributeError"
        return expect_error(view, index, Raises(kind))
    got, (before, _) = view.value(index), view.expectation.weights_at(index)
    changed = not np.array_equal(got[0], before)
    should_change = view.traits.of_the_page
    if changed != should_change:
        text = "should update the kernel" if should_change else "should update nothing"
        return Mismatch(f"the op of {step.optimizer} {text}", should_change, changed, index)
    return None


@check(
    "CONS-04",
    "constraints",
    when=lambda case, _: constraint_of(case, "kernel") in ("double plus one", "negate"),
)
def check_the_constraint_sees_the_updated_weight(view: View) -> Mismatch | None:
    """The function gets the weight after the update, once, and its result becomes the weight."""
    return _compare_weight(view, 0)


@check("CONS-05", "constraint results", when=lambda case, t: t.tensorflow or not _other_dtype(case))
def check_the_result_must_fit(view: View) -> Mismatch | None:
    """Wrong shape, wrong dtype, None: ValueError when the training step is made, not earlier."""
    index, _ = view.first(Train)
    by_assign = view.traits.v1 and _other_dtype(view.case)
    return expect_error(view, index, Raises("TypeError" if by_assign else "ValueError"))


def _other_dtype(case: Case) -> bool:
    # A NumPy array of another dtype is cast (ADD-04); only TensorFlow's tensors are refused.
    return "other dtype" in (constraint_of(case, "kernel"), constraint_of(case, "bias"))


@check("CONS-06", "constraints")
def check_each_weight_has_its_own_constraint(view: View) -> Mismatch | None:
    """The kernel's constraint does not touch the bias, nor the other way round."""
    mismatch = _compare_weight(view, 0)
    if mismatch is None and view.case.argument("use_bias", True):
        mismatch = _compare_weight(view, 1)
    return mismatch


@check("CONS-07", "constraint forms")
def check_constraint_forms(view: View) -> Mismatch | None:
    """Strings, dicts and functions are accepted; unknown strings and numbers are not."""
    name = constraint_of(view.case, "kernel")
    if name in ("non_pos", "7"):
        return expect_error(view, None, Raises("ValueError"))
    if name == "numpy clip" and view.traits.graph:
        index, _ = view.first(Train)
        kind = "TypeError" if view.traits.v1 else "NotImplementedError"
        return expect_error(view, index, Raises(kind))
    return _compare_weight(view, 0)


@check("CONS-08", "untrainable")
def check_an_untrainable_layer_cannot_be_trained(view: View) -> Mismatch | None:
    """trainable=False: ValueError when training is asked for."""
    index, _ = view.first(Train)
    return expect_error(view, index, Raises("ValueError", "No "))


def _default_axis(case: Case, _: Traits) -> bool:
    form = case.argument("kernel_constraint")
    return isinstance(form, str) and form in _NORMS


@check("CONS-09", "constraints", when=_default_axis)
def check_norms_run_over_the_kernel_rows(view: View) -> Mismatch | None:
    """Default axis 0: the norm over the kernel's rows, for each column, filter and channel."""
    index, step = view.first(Train)
    gradient = view.expectation.gradients(index)[1]
    kernel, _ = view.expectation.weights_at(index)
    updated = kernel - step.learning_rate * gradient.values
    norm = np.sqrt((updated**2).sum(axis=0))
    name = str(constraint_of(view.case, "kernel")).lower().replace("_", "")
    target = {
        "maxnorm": np.minimum(norm, 2),
        "unitnorm": np.ones_like(norm),
        "minmaxnorm": np.minimum(norm, 1),
    }[name]
    return _compare_weight(view, 0, updated * target / (_EPSILON + norm))


@check("CONS-10", "constraints", when=lambda case, _: constraint_of(case, "kernel") in _NORMS)
def check_norm_formulas(view: View) -> Mismatch | None:
    """MaxNorm, UnitNorm, MinMaxNorm with their axes, limits and rate; epsilon 1e-7."""
    return _compare_weight(view, 0)


@check(
    "CONS-10",
    "special norms",
    when=lambda case, t: not t.graph or constraint_of(case, "kernel") != "min_max_norm",
)
def check_norms_that_are_no_numbers(view: View) -> Mismatch | None:
    """Where a norm is infinite, finite numbers become 0 and infinite ones NaN; where it is NaN, all are NaN."""
    trained = _trained(view)
    if isinstance(trained, Mismatch):
        return trained
    index, got = trained
    # MinMaxNorm multiplies the norm by 1 - rate as well: 0 times infinity.
    lost = np.nan if constraint_of(view.case, "kernel") == "min_max_norm" else 0.0
    first = [np.nan, np.nan, lost, np.nan, 0, lost]
    second = [lost, np.nan, np.nan, np.nan, 0, np.nan]
    wanted = np.array([first, second], np.float32).reshape(2, 1, 3, 2)
    return compare_exactly(got[0], wanted, index, "kernel")


def _float64(case: Case) -> bool:
    return bool(case.argument("dtype") == "float64")


@check("CONS-11", "non-negative", when=lambda case, _: not _float64(case))
def check_non_negative_multiplies(view: View) -> Mismatch | None:
    """w * (w >= 0): -0.0 for negative entries, NaN for -inf."""
    trained = _trained(view)
    if isinstance(trained, Mismatch):
        return trained
    index, got = trained
    wanted = np.array([3.0, -0.0, -0.0, 0.0, np.nan, np.inf], np.float32).reshape(2, 1, 3, 1)
    mismatch = compare_exactly(got[0], wanted, index, "kernel")
    if mismatch is not None:
        return mismatch
    numbers = ~np.isnan(wanted)
    if not np.array_equal(np.signbit(got[0])[numbers], np.signbit(wanted)[numbers]):
        return Mismatch("the signs of the zeros should be those of w * 0", wanted, got[0], index)
    return None


@check("CONS-11", "non-negative", when=lambda case, t: _float64(case) and t.tensorflow)
def check_non_negative_refuses_float64(view: View) -> Mismatch | None:
    """TensorFlow casts the mask to floatx: any other kernel dtype fails."""
    index, _ = view.first(Train)
    return expect_error(view, index, REFUSED_BY_KERNEL)


@check("CONS-11", "non-negative", when=lambda case, t: _float64(case) and not t.tensorflow)
def check_non_negative_serves_float64(view: View) -> Mismatch | None:
    """Outside TensorFlow: the same formula in float64."""
    return _compare_weight(view, 0)


def _square(case: Case, _: Traits) -> bool:
    height, width = case.arguments["kernel_size"]
    return bool(height == width and height > 1)


@check("CONS-12", "radial", when=_square)
def check_radial_rings(view: View) -> Mismatch | None:
    """Ring r takes w[t+r-1, t+r-1] (odd side) or w[t+r, t+r] (even side); the centre w[t-1, t-1]."""
    index, _ = view.first(Train)
    kernel, _ = view.expectation.weights_at(index)
    return _compare_weight(view, 0, _rings(kernel))


def _rings(kernel: Array) -> Array:
    """Return the radial projection of a square kernel, by its rings."""
    side = kernel.shape[0]
    half = side // 2
    result = np.empty_like(kernel)
    for row in range(side):
        for column in range(side):
            if side % 2:
                ring = max(abs(row - half), abs(column - half))
                source = half + ring - 1
            else:
                ring = max(*(half - 1 - n if n < half else n - half for n in (row, column)))
                source = half - 1 if ring == 0 else half + ring
            result[row, column] = kernel[source, source]
    return result


@check("CONS-12", "radial", when=lambda case, traits: not _square(case, traits))
def check_radial_needs_a_square_kernel(view: View) -> Mismatch | None:
    """1x1 and non-square kernels: InvalidArgumentError at the step."""
    index, _ = view.first(Train)
    return expect_error(view, index, Raises("InvalidArgumentError"))
