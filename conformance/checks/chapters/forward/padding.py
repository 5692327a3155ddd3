"""PAD: where the crop or the added rows go."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from conformance.checks.applicability import any_axis
from conformance.checks.chapters.forward.values import compare_call
from conformance.checks.check import check, claim
from conformance.checks.view import View
from conformance.model.case import Case
from conformance.model.geometry import Axis, Geometry
from conformance.model.steps import Call
from conformance.model.traits import Traits
from conformance.model.values.codec import Array
from conformance.oracle.comparison import Mismatch, compare_numbers, compare_shape, describe


@check("PAD-01", "geometry", when=any_axis("plain", "long", same=True))
def check_same_crops_the_odd_row_at_the_end(view: View) -> Mismatch | None:
    """k >= s: (k - s)//2 rows are cropped before, the rest after."""
    return compare_call(view)


def _odd_crop(case: Case, traits: Traits) -> bool:
    return any_axis("plain", "long", "odd", same=True)(case, traits)


@claim("PAD-01", "geometry", when=_odd_crop)
def claim_same_is_even(view: View) -> Mismatch | None:
    """The page: padding evenly to the left/right or up/down."""
    return _even(view, lambda axis: axis.extent >= axis.stride)


@check("PAD-02", "geometry", when=any_axis("plain", "short", same=True))
def check_same_appends_rows_for_a_short_kernel(view: View) -> Mismatch | None:
    """k < s: nothing cropped, s - k rows of bias appended at the bottom/right."""
    return compare_call(view)


@claim("PAD-02", "geometry", when=any_axis("plain", "short", same=True))
def claim_same_pads_evenly_for_a_short_kernel(view: View) -> Mismatch | None:
    """The page: padding evenly, so as many rows of bias at the top as at the bottom."""
    return _even(view, lambda axis: axis.extent < axis.stride)


def _even(view: View, concerns: Callable[[Axis], bool]) -> Mismatch | None:
    """Measure crop (positive) or padding (negative) before and after, from the output alone."""
    index, call = view.first(Call)
    geometry = view.geometry
    kernel, bias = view.expectation.weights_at(index)
    got = view.value(index)
    if not isinstance(got, np.ndarray) or got.ndim != 4:
        return Mismatch(f"the output should have rank 4, it is {describe(got)}", 4, got, index)
    if got.shape[geometry.channel_axis] != kernel.shape[2] or got.shape[0] != call.inputs.shape[0]:
        return compare_shape(got, geometry.output_shape(call.inputs.shape), index)
    linear = geometry.to_channels_last(got).astype(np.float64) - (0 if bias is None else bias)
    for number, (place, axis) in enumerate(zip(geometry.spatial_axes, geometry.axes)):
        if not concerns(axis):
            continue
        before = _rows_dropped(
            linear, geometry.to_channels_last(call.inputs), kernel, number, geometry
        )
        full = (call.inputs.shape[place] - 1) * axis.stride + axis.extent
        after = full - before - got.shape[place]
        if before != after:
            name = ("height", "width")[number]
            return Mismatch(
                f"{name}: kernel {axis.kernel}, stride {axis.stride}: the full result of length {full} loses "
                f"{before} at the beginning and {after} at the end; even would be the same on both sides",
                "as many rows before as after", f"{before} before, {after} after", index,
            )  # fmt: skip
    return None


def _rows_dropped(
    linear: Array, inputs: Array, kernel: Array, number: int, geometry: Geometry
) -> int:
    """Find the offset at which the output's rows stand in the full, uncropped result.

    Along one axis the first row of the full result is x[0] * w[0]; its sum over everything else
    gives a profile that the output's profile is matched against.
    """
    axis: Axis = geometry.axes[number]
    other = geometry.axes[1 - number]
    lines = inputs.astype(np.float64)
    # Sum over batch and output channels; keep both spatial axes of input and kernel.
    weights = kernel.astype(np.float64).sum(axis=2)
    summed = lines.sum(axis=0)
    full = np.zeros([(n - 1) * a.stride + a.extent for n, a in zip(summed.shape, geometry.axes)])
    for i in range(summed.shape[0]):
        for j in range(summed.shape[1]):
            products = weights @ summed[i, j]
            top, left = i * geometry.height.stride, j * geometry.width.stride
            for a in range(products.shape[0]):
                for b in range(products.shape[1]):
                    full[
                        top + a * geometry.height.dilation, left + b * geometry.width.dilation
                    ] += products[a, b]
    window = linear.sum(axis=(0, 3))
    if number == 1:
        full, window = full.T, window.T
    # The other axis keeps at least one column, found by its own documented crop.
    offset = other.crop_before(summed.shape[1 - number])
    shared = min(window.shape[1], full.shape[1] - offset)
    window, full = window[:, :shared], full[:, offset : offset + shared]
    reach = max(axis.extent, axis.stride)
    for before in sorted(range(-reach, reach + 1), key=abs):
        if _matches(window, full, before):
            return before
    return 0


def _matches(window: Array, full: Array, before: int) -> bool:
    rows = np.arange(window.shape[0]) + before
    inside = (rows >= 0) & (rows < full.shape[0])
    moved = np.zeros_like(window)
    moved[inside] = full[rows[inside]]
    return bool(np.array_equal(moved, window))


@check("PAD-03", "geometry", when=any_axis("plain", same=False))
def check_valid_keeps_the_full_result(view: View) -> Mismatch | None:
    """k >= s: the full result; k < s: s - k rows of bias appended at the bottom/right."""
    return compare_call(view)


@claim("PAD-03", "geometry", when=any_axis("plain", "short", same=False))
def claim_valid_adds_nothing(view: View) -> Mismatch | None:
    """The page: valid means no padding, so no row that the kernel does not reach."""
    index, call = view.first(Call)
    got = view.value(index)
    for place, axis in zip(view.geometry.spatial_axes, view.geometry.axes):
        reached = (call.inputs.shape[place] - 1) * axis.stride + axis.extent
        if isinstance(got, np.ndarray) and got.shape[place] > reached:
            return Mismatch(
                f"kernel {axis.kernel}, stride {axis.stride}: the kernel reaches {reached} of the output's "
                f"{got.shape[place]} rows: {got.shape[place] - reached} added at the end",
                reached, list(got.shape), index,
            )  # fmt: skip
    return None


@check("PAD-04", "geometry", when=any_axis("extended"))
def check_crop_with_output_padding(view: View) -> Mismatch | None:
    """Same: total = 2*(keff//2) - op, total//2 of it before; valid: op rows appended at the end."""
    return compare_call(view)


@check("PAD-05", "geometry", when=any_axis("dilated", same=True))
def check_crop_with_dilation(view: View) -> Mismatch | None:
    """Total = keff - 1, half of it (rounded down) before."""
    return compare_call(view)


def _has_unreached_rows(case: Case, _: Traits) -> bool:
    geometry = Geometry.of(case.arguments)
    return geometry.use_bias and any(axis.extent < axis.stride for axis in geometry.axes)


@check("PAD-06", "geometry", "activations", when=_has_unreached_rows)
def check_rows_without_input_get_bias_and_activation(view: View) -> Mismatch | None:
    """Rows that no product reaches hold activation(bias), like all others."""
    index, call = view.first(Call)
    got, wanted = view.value(index), view.expectation.value(index)
    if not isinstance(got, np.ndarray) or got.shape != wanted.shape:
        return compare_shape(got, wanted.shape, index)
    reach = np.zeros(got.shape, bool)
    for place, axis in zip(view.geometry.spatial_axes, view.geometry.axes):
        line = np.ones(got.shape[place], bool)
        before = axis.crop_before(call.inputs.shape[place])
        for i in range(call.inputs.shape[place]):
            for a in range(axis.kernel):
                position = i * axis.stride + a * axis.dilation - before
                if 0 <= position < line.size:
                    line[position] = False
        reach |= line.reshape([-1 if n == place else 1 for n in range(4)])
    if case_couples_positions(view.case):
        return None
    scale = np.abs(wanted).astype(np.float64) * 2.0**-18
    found = np.where(reach, got, wanted)
    linear = view.expectation.linear_output(index)
    name = view.case.argument("activation") or "linear"
    return compare_numbers(found, wanted, scale, step=index, normwise=linear.carried(name))


def case_couples_positions(case: Case) -> bool:
    """Tell whether the activation mixes elements, so that one row's value depends on others."""
    return bool(case.argument("activation") == "softmax")
