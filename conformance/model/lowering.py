"""The layer's result out of the full one: what is cropped, and what is appended.

Every framework has the full transposed convolution, in which each input adds ``kernel`` positions and nothing is
dropped. The page's layer is that result, cropped at the front and cropped or extended with zeros at the back: no
framework's own padding says this for all arguments, so this is what a layer is lowered to.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from conformance.model.geometry import Axis

Pair = tuple[int, int]


@attrs.frozen
class Crop:
    """What one axis of the full result loses.

    Args:
        before: positions dropped at the front; never below zero.
        after: positions dropped at the back; below zero, so many zeros are appended.
    """

    before: int
    after: int

    @staticmethod
    def of(axis: Axis, length: int) -> Crop:
        """Return the crop for an input of `length`."""
        before = axis.crop_before(length)
        return Crop(before, axis.full_length(length) - before - axis.output_length(length))

    @property
    def dropped(self) -> int:
        """Positions dropped at the back."""
        return max(self.after, 0)

    @property
    def appended(self) -> int:
        """Zeros appended at the back; less than the stride for all arguments that TensorFlow accepts."""
        return max(-self.after, 0)

    @property
    def kept(self) -> slice:
        """What stays of the full result."""
        return slice(self.before, -self.dropped or None)


def crops(axes: Sequence[Axis], lengths: Sequence[int]) -> tuple[Crop, Crop]:
    """Return the crops of height and width.

    Args:
        axes: height and width.
        lengths: the input's height and width.
    """
    height, width = map(Crop.of, axes, lengths)
    return height, width


def pads(cut: Sequence[Crop]) -> tuple[int, int, int, int]:
    """Return ``top, left, bottom, right``, as ONNX's `pads` and OpenVINO's two attributes have them."""
    return cut[0].before, cut[1].before, cut[0].dropped, cut[1].dropped


def output_padding(cut: Sequence[Crop]) -> Pair:
    """Return the `output_padding` of ONNX and OpenVINO: zeros appended to height and width."""
    return cut[0].appended, cut[1].appended
