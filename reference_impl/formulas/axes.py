"""One spatial axis: the length of the result, and where products land (SHAPE-01 to 05, PAD-01 to 05).

The full result has the length `(H - 1) * s + k`; padding keeps a part of it, and pads no *input*.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Axis", "convolved", "covered", "output_length", "transposed"]


class Axis(NamedTuple):
    """Tap `a` takes position `i` to the place `i * stride + a * dilation - before`."""

    length: int  # of the positions i
    taps: int
    stride: int
    dilation: int
    full: int  # length of the full result
    before: int  # how many places of the full result are dropped in front
    kept: int  # length of the result; beyond the full one it is zeros (PAD-02, PAD-03)

    def meetings(self) -> list[tuple[int, int, int]]:
        """Every (position, tap, place) whose place is one of the result."""
        return [
            (i, a, place)
            for i in range(self.length)
            for a in range(self.taps)
            if 0 <= (place := i * self.stride + a * self.dilation - self.before) < self.kept
        ]


def covered(taps: int, dilation: int) -> int:
    """k, the length that a kernel covers with its taps `dilation` apart."""
    return (taps - 1) * dilation + 1


def output_length(
    length: int, taps: int, stride: int, same: bool, dilation: int = 1, extra: int | None = None
) -> int:
    """Length of a transposed convolution; `extra` is the output padding (SHAPE-01 to SHAPE-03)."""
    k = covered(taps, dilation)
    if extra is not None:
        return (length - 1) * stride + k - 2 * (k // 2 if same else 0) + extra
    return length * stride + (0 if same else max(k - stride, 0))


def transposed(
    length: int, taps: int, stride: int, same: bool, dilation: int = 1, extra: int | None = None
) -> Axis:
    """An axis of a transposed convolution. "same" drops the smaller half of what is too much in front."""
    kept = output_length(length, taps, stride, same, dilation, extra)
    full = (length - 1) * stride + covered(taps, dilation) if length > 0 else 0
    before = max(full - kept, 0) // 2 if same else 0
    return Axis(length, taps, stride, dilation, full, before, kept)


def convolved(size: int, taps: int, stride: int, same: bool, dilation: int = 1) -> Axis:
    """An axis of the forward convolution; below 0 long where the kernel is far larger (METH-04)."""
    k = covered(taps, dilation)
    length = -(-size // stride) if same else int((size - k + stride) / stride)
    full = (length - 1) * stride + k
    return Axis(length, taps, stride, dilation, full, max(full - size, 0) // 2 if same else 0, size)
