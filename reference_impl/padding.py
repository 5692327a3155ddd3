"""Which part of the full result is kept (clauses PAD-01 to PAD-05).

A transposed convolution first makes the full result, of length `(H - 1) * s + k` per axis; the
padding then only says what is cropped from it. What the page calls padding the *input* never
happens.
"""

from __future__ import annotations

from typing import NamedTuple

from reference_impl.shapes import dilated_size, output_length

__all__ = ["Axis", "axis"]


class Axis(NamedTuple):
    """One spatial axis of a transposed convolution.

    Tap `a` of the kernel takes input position `i` to position `i * stride + a * dilation` of the
    full result, which is position `i * stride + a * dilation - before` of the result.

    stride: distance between the landing places of two neighbouring input positions.
    dilation: distance between two neighbouring taps.
    full: length of the full result, `(H - 1) * s + k`, or 0 for an empty input.
    before: how many leading positions of the full result are dropped.
    kept: length of the result. Where `before + kept` exceeds `full`, the rest is zeros that no
        product reaches (PAD-02, PAD-03).
    """

    stride: int
    dilation: int
    full: int
    before: int
    kept: int


def axis(
    input_length: int,
    kernel_size: int,
    *,
    stride: int,
    same: bool,
    dilation: int = 1,
    output_padding: int | None = None,
) -> Axis:
    """Everything about one axis, the crop included.

    "valid" drops nothing in front. "same" drops `total // 2` in front and the rest behind, where
    `total = max((H - 1) * s + k - out, 0)`: an odd one goes to the end, and a kernel smaller than
    the stride loses nothing in front (PAD-01, PAD-02, PAD-04, PAD-05).
    """
    covered = dilated_size(kernel_size, dilation)
    kept = output_length(
        input_length,
        kernel_size,
        stride=stride,
        same=same,
        dilation=dilation,
        output_padding=output_padding,
    )
    full = (input_length - 1) * stride + covered if input_length > 0 else 0
    before = max(full - kept, 0) // 2 if same else 0
    return Axis(stride, dilation, full, before, kept)
