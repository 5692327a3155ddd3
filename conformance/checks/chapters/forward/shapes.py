"""SHAPE: how large the output is, and what shape inference says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from conformance.cases.scripted.expected import Raises
from conformance.checks.applicability import any_axis, runs_here
from conformance.checks.check import check, claim
from conformance.checks.refusals import NO_SUCH_RANK, NO_SUCH_SHAPE, expect_error
from conformance.checks.view import View
from conformance.model.case import Case
from conformance.model.geometry import Axis, Geometry
from conformance.model.steps import Build, Call, ComputeOutputShape, StaticShape
from conformance.model.traits import Traits
from conformance.oracle.comparison import (
    Mismatch,
    compare_dtype,
    compare_exactly,
    compare_shape,
    describe,
)


def _lengths(view: View, wanted: Sequence[tuple[int, int | None]]) -> Mismatch | None:
    """Compare the output's height and width with `wanted` (place, length); None is not judged.

    What is expected beside the length is the oracle's shape.
    """
    index, _ = view.first(Call)
    got = view.value(index)
    if not isinstance(got, np.ndarray) or got.ndim != 4:
        return Mismatch(f"the output should have rank 4, it is {describe(got)}", 4, got, index)
    for place, length in wanted:
        if length is not None and got.shape[place] != length:
            axis = "height" if place == view.geometry.spatial_axes[0] else "width"
            shape = list(view.expectation.value(index).shape)
            shape[place] = length
            return Mismatch(
                f"the output's {axis} should be {length}, it is {got.shape[place]}",
                shape, list(got.shape), index,
            )  # fmt: skip
    return None


def _axes(view: View) -> list[tuple[int, Axis, int]]:
    """Return place, axis and input length of height and width."""
    _, call = view.first(Call)
    geometry = view.geometry
    return [
        (place, axis, call.inputs.shape[place])
        for place, axis in zip(geometry.spatial_axes, geometry.axes)
    ]


@check("SHAPE-01", "geometry", when=any_axis("plain", same=False))
def check_valid_length(view: View) -> Mismatch | None:
    """Out = H*s + max(k - s, 0)."""
    return _lengths(
        view, [(p, h * a.stride + max(a.kernel - a.stride, 0)) for p, a, h in _axes(view)]
    )


@claim("SHAPE-01", "geometry", when=any_axis("plain", "short", same=False))
def claim_valid_adds_no_padding(view: View) -> Mismatch | None:
    """The page: valid means no padding, so out = (H - 1)*s + k."""
    return _lengths(view, [(p, (h - 1) * a.stride + a.kernel) for p, a, h in _axes(view)])


@check("SHAPE-02", "geometry", when=any_axis("plain", same=True))
def check_same_length(view: View) -> Mismatch | None:
    """Out = H*s."""
    return _lengths(view, [(p, h * a.stride) for p, a, h in _axes(view)])


@claim("SHAPE-02", "geometry", when=any_axis("plain", "strided", same=True))
def claim_same_keeps_the_size(view: View) -> Mismatch | None:
    """The page: the output has the same height/width dimension as the input."""
    return _lengths(view, [(p, h) for p, _, h in _axes(view)])


@check("SHAPE-03", "geometry", when=any_axis("extended"))
def check_length_with_output_padding(view: View) -> Mismatch | None:
    """Out = (H - 1)*s + keff - 2*p + op."""
    wanted = []
    for place, axis, length in _axes(view):
        crop = axis.extent // 2 if axis.same else 0
        extra = axis.output_padding or 0
        wanted.append((place, (length - 1) * axis.stride + axis.extent - 2 * crop + extra))
    return _lengths(view, wanted)


@check("SHAPE-04", "geometry", when=any_axis("dilated"))
def check_length_with_dilation(view: View) -> Mismatch | None:
    """Stride 1: valid H + keff - 1, same H."""
    return _lengths(view, [(p, h if a.same else h + a.extent - 1) for p, a, h in _axes(view)])


def _called(case: Case, traits: Traits) -> bool:
    return runs_here(case, traits) and any(isinstance(step, Call) for step in case.steps)


@check("SHAPE-05", "geometry", "sizes", "pairs", when=_called)
def check_axes_are_independent(view: View) -> Mismatch | None:
    """Height obeys the formula with the height's own arguments, and width with the width's."""
    index, call = view.first(Call)
    return compare_shape(view.value(index), view.geometry.output_shape(call.inputs.shape), index)


@check("SHAPE-06", "geometry")
def check_forward_convolution_returns_to_the_input_size(view: View) -> Mismatch | None:
    """A forward convolution of the output has the input's length again."""
    index, _ = view.first(Call)
    got = view.value(index)
    for place, axis, length in _axes(view):
        if not isinstance(got, np.ndarray) or got.ndim != 4:
            return Mismatch(f"the output should have rank 4, it is {describe(got)}", 4, got, index)
        if axis.forward_length(got.shape[place]) != length:
            back = axis.forward_length(got.shape[place])
            return Mismatch(
                f"a forward convolution of the output would have length {back}, the input has {length}",
                list(view.expectation.value(index).shape), list(got.shape), index,
            )  # fmt: skip
    return None


@check("SHAPE-07", "geometry", "unknown sizes", "handed over")
def check_shape_inference_agrees_with_the_run(view: View) -> Mismatch | None:
    """compute_output_shape of a shape: its known sizes by the norm, its unknown ones unknown."""
    geometry = view.geometry
    for index, step in view.steps(ComputeOutputShape):
        shape = step.input_shape
        assert shape is not None
        wanted = _with_unknowns(
            shape, geometry.output_shape(tuple(n or 1 for n in shape)), geometry.channel_axis
        )
        got = view.value(index)
        if got != wanted:
            return Mismatch(
                f"compute_output_shape({shape}) should be {wanted}, got {got}", wanted, got, index
            )
    return None


@check("SHAPE-07", "unknown sizes", when=lambda _, traits: traits.graph)
def check_static_shape(view: View) -> Mismatch | None:
    """The symbolic output's static shape: as compute_output_shape."""
    index, step = view.first(StaticShape)
    geometry = view.geometry
    assert step.input_shape is not None
    known = geometry.output_shape(tuple(n or 1 for n in step.input_shape))
    wanted = _with_unknowns(step.input_shape, known, geometry.channel_axis)
    got = view.value(index)
    if got != wanted:
        return Mismatch(f"the static shape should be {wanted}, got {got}", wanted, got, index)
    return None


def _with_unknowns(
    shape: tuple[int | None, ...], known: tuple[int, ...], channel_axis: int
) -> list[int | None]:
    return [
        None if n is None and place != channel_axis else size
        for place, (n, size) in enumerate(zip(shape, known))
    ]


@check("SHAPE-08", "unknown ranks", when=lambda _, traits: traits.graph)
def check_unknown_rank_and_channels(view: View) -> Mismatch | None:
    """Unbuilt: ValueError for both. Built: unknown channels are fine, unknown rank since 2.15."""
    index, step = view.first(StaticShape)
    built = any(True for _ in view.steps(Build))
    if not built or (step.input_shape is None and view.traits.of_the_page):
        return expect_error(view, index, Raises("ValueError"))
    wanted = [None, None, None, 3] if step.input_shape is None else [2, 5, 7, 3]
    got = view.value(index)
    if got != wanted:
        return Mismatch(f"the static shape should be {wanted}, got {got}", wanted, got, index)
    return None


@check("SHAPE-09", "shape questions")
def check_compute_output_shape_of_odd_shapes(view: View) -> Mismatch | None:
    """Rank 3: IndexError; None and -1: ValueError; rank 5, unknown channels and large sizes: no error."""
    index, step = view.first(ComputeOutputShape)
    shape = step.input_shape
    if shape is None or -1 in shape:
        return expect_error(view, index, Raises("ValueError") if shape else NO_SUCH_SHAPE)
    if len(shape) < 4:
        return expect_error(view, index, NO_SUCH_RANK)
    if len(shape) > 4 and not view.traits.tensorflow and view.raised(index) is not None:
        return expect_error(view, index, Raises("ValueError"))
    got = view.value(index)
    batch, height, width, *_ = shape
    # The layer's kernel is 2x3.
    wanted = [batch, height and height + 1, width and width + 2, 3]
    if len(shape) == 4 and got != wanted:
        return Mismatch(f"should be {wanted}, got {got}", wanted, got, index)
    return None


@check("SHAPE-10", "ranks")
def check_rank_must_be_four(view: View) -> Mismatch | None:
    """A call on an input of another rank: ValueError."""
    index, call = view.first(Call)
    built = any(True for _ in view.steps(Build))
    fragment = "expected ndim=4"
    if not built:
        fragment = "expected min_ndim=4" if call.inputs.ndim < 4 else "rank 4"
    return expect_error(view, index, Raises("ValueError", fragment))


def _sizes(case: Case) -> tuple[int, int, int, int]:
    """Return the first call's batch, height, width and channels."""
    call = next(step for step in case.steps if isinstance(step, Call))
    batch, height, width, channels = Geometry.of(case.arguments).to_channels_last(call.inputs).shape
    return batch, height, width, channels


def _linear(case: Case, traits: Traits) -> bool:
    return case.argument("activation") is None and runs_here(case, traits)


@check(
    "SHAPE-11",
    "degenerate",
    "pairs",
    when=lambda case, traits: (
        0 in _sizes(case)[:3] and _sizes(case)[3] != 0 and _linear(case, traits)
    ),
)
def check_empty_batches_and_images(view: View) -> Mismatch | None:
    """Shape by the formula; whatever is left of the output holds the bias."""
    return _only_bias(view)


@check(
    "SHAPE-12",
    "degenerate",
    "pairs",
    when=lambda case, traits: _sizes(case)[3] == 0 and _linear(case, traits),
)
def check_no_input_channels(view: View) -> Mismatch | None:
    """The output is the bias everywhere."""
    return _only_bias(view)


def _only_bias(view: View) -> Mismatch | None:
    index, call = view.first(Call)
    got = view.value(index)
    wanted = view.expectation.linear_output(index).values
    return compare_exactly(got, wanted, index) or compare_dtype(got, call.inputs.dtype.name, index)


@check("SHAPE-13", "repeats")
def check_other_sizes_after_the_first_call(view: View) -> Mismatch | None:
    """A second call may have another batch, height and width."""
    index, call = list(view.steps(Call))[1]
    return compare_shape(view.value(index), view.geometry.output_shape(call.inputs.shape), index)


@check("SHAPE-13", "channels")
def check_other_channels_after_the_first_call(view: View) -> Mismatch | None:
    """A second call with another channel count: ValueError."""
    index, _ = list(view.steps(Call))[-1]
    axis = "-3" if view.geometry.channels_first else "-1"
    return expect_error(view, index, Raises("ValueError", f"expected axis {axis}"))
