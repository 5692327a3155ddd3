"""Where each tap of a transposed convolution lands, along one spatial axis.

The arithmetic is deliberately duplicated in ``reference_impl``: the two implementations share
no code, so that a mistake in one cannot hide in the other. Do not merge them.

The full result of a scatter has length ``(input - 1) * stride + extent``; the layer crops its
first ``before`` rows and keeps ``output`` of the rest, appending empty rows where the full
result is shorter. Tap ``a`` of input row ``i`` lands in output row
``i*stride + a*dilation - before``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fast_impl.problem.errors import InvalidArgumentError


def output_length(
    input_length: int,
    kernel: int,
    stride: int,
    padding: str,
    dilation: int = 1,
    output_padding: int | None = None,
) -> int:
    """Length of the output along one axis (clauses SHAPE-01 to SHAPE-04).

    Args:
        input_length: Rows (or columns) of the input.
        kernel: Taps along the axis.
        stride: Distance between the patches of neighbouring input rows.
        padding: ``"valid"`` or ``"same"``.
        dilation: Distance between neighbouring taps.
        output_padding: ``None`` (inferred length) or rows added to the length of the inverse
            of a forward convolution; ``0`` is not ``None``.

    Returns:
        The length. It is negative for some combinations of an empty input with an output padding.
    """
    extent = (kernel - 1) * dilation + 1
    if output_padding is None:
        surplus = max(extent - stride, 0) if padding == "valid" else 0
        return input_length * stride + surplus
    begin = extent // 2 if padding == "same" else 0
    return (input_length - 1) * stride + extent - 2 * begin + output_padding


@dataclass(frozen=True)
class Axis:
    """One spatial axis of a transposed convolution, all numbers known."""

    input: int
    kernel: int
    stride: int
    dilation: int
    output: int
    before: int

    @classmethod
    def resolve(
        cls,
        name: str,
        input_length: int,
        kernel: int,
        stride: int,
        padding: str,
        dilation: int,
        output_padding: int | None,
    ) -> Axis:
        """The axis for these arguments.

        Raises:
            InvalidArgumentError: A forward convolution of the output would not give the input
                back ("same", an even extent and an output padding of 0; clause ARG-14).
        """
        output = output_length(input_length, kernel, stride, padding, dilation, output_padding)
        extent = (kernel - 1) * dilation + 1
        if output < 0:
            raise InvalidArgumentError(
                f"output_padding={output_padding} gives a negative output {name} ({output}) for "
                f"input {name} {input_length}, kernel {kernel} and stride {stride}: leave "
                f"output_padding out for empty images"
            )
        if padding == "valid":
            return cls(input_length, kernel, stride, dilation, output, 0)
        rows = -(-output // stride)
        if rows != input_length:
            raise InvalidArgumentError(
                f"output_padding={output_padding} with padding='same' needs an odd kernel extent "
                f"or a value of at least 1: output {name} {output} does not map back to input "
                f"{name} {input_length} (computed {rows}) for kernel extent {extent} and "
                f"stride {stride}"
            )
        total = max((rows - 1) * stride + extent - output, 0)
        return cls(input_length, kernel, stride, dilation, output, total // 2)

    @property
    def extent(self) -> int:
        """Length of the dilated kernel."""
        return (self.kernel - 1) * self.dilation + 1

    def trimmed(self) -> tuple[Axis, slice]:
        """The axis without the first and last taps that reach no output, and which taps are left."""
        whole = self, slice(0, self.kernel)
        last = (self.kernel - 1) * self.dilation - self.before
        if self.before <= (self.input - 1) * self.stride and last < self.output:
            return whole
        reaching = [tap for tap in range(self.kernel) if self.span(tap)[0].stop]
        # A tap that begins inside the output is no first one: what is read before it is cropped, not added.
        while reaching and reaching[0] * self.dilation > self.before:
            reaching.insert(0, reaching[0] - 1)
        if not reaching or len(reaching) == self.kernel or reaching[0] < 0:
            return whole
        first, stop = reaching[0], reaching[-1] + 1
        dilation = self.dilation if stop - first > 1 else 1
        before = self.before - first * self.dilation
        return replace(self, kernel=stop - first, dilation=dilation, before=before), slice(
            first, stop
        )

    @property
    def reached(self) -> int:
        """Number of (input row, tap) pairs that reach the output."""
        # For each of what there are fewer, how many of the others.
        fewer, each, others, step = self.kernel, self.dilation, self.input, self.stride
        if self.input < self.kernel:
            fewer, each, others, step = self.input, self.stride, self.kernel, self.dilation
        pairs = 0
        for start in range(-self.before, fewer * each - self.before, each):
            stop = min(others, (self.output - 1 - start) // step + 1)
            pairs += max(0, stop - max(0, -(start // step)))
        return pairs

    def span(
        self, tap: int, rows: slice | None = None, window: slice | None = None
    ) -> tuple[slice, slice]:
        """Input rows that tap ``tap`` carries into the output, and the output rows they reach.

        Args:
            tap: The tap.
            rows: Input rows to choose from; None for all.
            window: Output rows that count; None for all.

        Returns:
            A slice of the rows and a (strided) slice of the window, each from its beginning, of the same
            length; both empty where the tap is cropped away for every row.
        """
        start = tap * self.dilation - self.before
        return _landing(
            start, self.stride, rows or slice(0, self.input), window or slice(0, self.output)
        )

    def taps(
        self, row: int, taps: slice | None = None, window: slice | None = None
    ) -> tuple[slice, slice]:
        """Taps that carry input row ``row`` into the output, and the output rows they reach; as `span`."""
        start = row * self.stride - self.before
        return _landing(
            start, self.dilation, taps or slice(0, self.kernel), window or slice(0, self.output)
        )


def _landing(start: int, step: int, places: slice, window: slice) -> tuple[slice, slice]:
    """Which of some places ``n`` have ``start + n * step`` in the window, and where, each from its beginning."""
    first = max(places.start, -((start - window.start) // step))
    stop = min(places.stop, (window.stop - 1 - start) // step + 1)
    if stop <= first:
        return slice(0, 0), slice(0, 0)
    begin = start + first * step - window.start
    end = begin + (stop - first - 1) * step + 1
    return slice(first - places.start, stop - places.start), slice(begin, end, step)
