"""A transposed convolution in neutral terms, into which every framework's arguments are read.

The full result has ``(n - 1) * stride + extent`` positions along an axis, with an extent of
``(kernel - 1) * dilation + 1``.
An operation crops it at the front and at the back; a negative crop at the back appends zeros. No argument of any
framework means more than that for space, and the crops do not depend on the input's length.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from conformance.model.geometry import Axis
from conformance.model.lowering import Crop
from fast_impl.weights.layouts import LAYOUTS

Pair = tuple[int, int]

#: The letters of a kernel's axes: height, width, filters (the output's channels), channels (the input's).
KERNEL = LAYOUTS["layer"].axes


class Untranslatable(ValueError):  # noqa: N818 - an answer, no programming error
    """What one side says has no equal on the other; the message is the reason, a sentence."""


@attrs.frozen
class Operation:
    """A transposed convolution.

    Args:
        kernel: taps of height and width.
        strides: of height and width.
        dilations: of height and width.
        crops: what height and width of the full result lose.
        layout: the axes of inputs and outputs, `NHWC` or `NCHW`.
        kernel_layout: the axes of the kernel, a permutation of `HWFC`; `F` counts a group's filters.
        flipped: whether the kernel lies turned by 180 degrees.
        use_bias: whether there is a bias of one number for each filter.
        activation: its name; None is the identity.
        groups: into how many parts the channels are divided.
        filters, channels: how many there are; None is not known.
    """

    kernel: Pair
    strides: Pair
    dilations: Pair
    crops: tuple[Crop, Crop]
    layout: str = "NHWC"
    kernel_layout: str = KERNEL
    flipped: bool = False
    use_bias: bool = True
    activation: str | None = None
    groups: int = 1
    filters: int | None = None
    channels: int | None = None

    @property
    def extents(self) -> Pair:
        """Positions that the dilated kernel spans."""
        height, width = ((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations))
        return height, width

    def output_size(self, size: Sequence[int]) -> Pair:
        """Return the output's height and width for an input of this height and width."""
        height, width = (
            (n - 1) * stride + extent - crop.before - crop.after
            for n, stride, extent, crop in zip(size, self.strides, self.extents, self.crops)
        )
        return height, width

    @property
    def undilated(self) -> Operation:
        """The same operation with zeros between the taps instead of a dilation."""
        return attrs.evolve(self, kernel=self.extents, dilations=(1, 1))


def layer_crops(
    kernel: Pair, strides: Pair, dilations: Pair, padding: str, output_padding: Pair | None
) -> tuple[Crop, Crop]:
    """Return what the page's layer crops; it is the same for every length."""
    extra = (None, None) if output_padding is None else output_padding
    height, width = (
        Crop.of(Axis(kernel[n], strides[n], dilations[n], extra[n], padding == "same"), 1)
        for n in range(2)
    )
    return height, width


def order(source: str, target: str) -> tuple[int, ...]:
    """Return the axes for a transposition: ``NHWC`` to ``NCHW`` is 0, 3, 1, 2."""
    return tuple(source.index(letter) for letter in target)


def pair(name: str, value: object) -> Pair:
    """Return two whole numbers: one that is given stands for both.

    Raises:
        ValueError: it is neither.
    """
    try:
        listed = isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping))
        found = [*value] if listed else [value] * 2  # type: ignore[misc]
        height, width = map(whole, found * 2 if len(found) == 1 else found)
    except (TypeError, ValueError):
        raise ValueError(f"{name}={value!r}: must be a whole number or two of them") from None
    return height, width


def whole(value: Any) -> int:
    """Return a whole number, of Python or NumPy.

    Raises:
        TypeError: it is none; a truth value is none.
    """
    if isinstance(value, bool):
        raise TypeError("a truth value")
    return operator.index(value)
