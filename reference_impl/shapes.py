"""The shape of the result (clauses SHAPE-01 to SHAPE-05, SHAPE-07, SHAPE-11).

`fast_impl` computes the same lengths with code of its own: the duplication is deliberate, a
mistake in one is caught by the other.
"""

from __future__ import annotations

from collections.abc import Sequence

from reference_impl.arguments import Pair, channels_first, pair, same_padding
from reference_impl.errors import InvalidArgumentError

__all__ = ["Shape", "dilated_size", "output_length", "output_shape", "require_output_padding"]

Shape = tuple["int | None", ...]


def dilated_size(kernel_size: int, dilation: int) -> int:
    """Length that a kernel covers when its taps are `dilation` apart: `(k - 1) * d + 1`."""
    return (kernel_size - 1) * dilation + 1


def output_length(
    input_length: int,
    kernel_size: int,
    *,
    stride: int,
    same: bool,
    dilation: int = 1,
    output_padding: int | None = None,
) -> int:
    """Length of the result along one axis.

    Without output padding it is `H * s` for "same" and `H * s + max(k - s, 0)` for "valid"
    (SHAPE-01, SHAPE-02); with it, `(H - 1) * s + k - 2 * p + op` where p is `k // 2` for "same"
    and 0 for "valid" (SHAPE-03). k is the dilated kernel size (SHAPE-04).
    """
    covered = dilated_size(kernel_size, dilation)
    if output_padding is not None:
        padding = covered // 2 if same else 0
        return (input_length - 1) * stride + covered - 2 * padding + output_padding
    if same:
        return input_length * stride
    return input_length * stride + max(covered - stride, 0)


def require_output_padding(output_padding: Pair | None, strides: Pair) -> None:
    """Refuses an output padding that is not below the stride (ARG-14).

    Raises:
        ValueError: naming both.
    """
    if output_padding is not None and any(
        padding >= stride for padding, stride in zip(output_padding, strides, strict=True)
    ):
        raise ValueError(
            "Strides must be greater than output padding. "
            f"Received strides={strides}, output_padding={output_padding} (ARG-14)"
        )


def output_shape(
    input_shape: Sequence[int | None],
    kernel_shape: Sequence[int | None],
    strides: object = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    *,
    dilation_rate: object = (1, 1),
    output_padding: object = None,
) -> Shape:
    """Shape of `conv2d_transpose` for the given shapes; None stands for an unknown size.

    Args:
        input_shape: four sizes in the order of `data_format`.
        kernel_shape: (kernel_height, kernel_width, filters, in_channels).
        strides: pair or one integer, at least 1.
        padding: "valid" or "same", in any case.
        data_format: "channels_last" or "channels_first", in any case.
        dilation_rate: pair or one integer, at least 1.
        output_padding: None, or pair or one integer below the stride.

    Returns:
        Four sizes in the order of `data_format`; None where the input's or the kernel's size is
        unknown (SHAPE-07).

    Raises:
        ValueError: an argument out of its range, a rank other than four, or channel counts
            that contradict each other (SHAPE-10, SHAPE-13).
        InvalidArgumentError: a length below zero, or "same" with an even dilated kernel and
            output padding 0, for which no input has that output (ARG-14).
    """
    strides = pair(strides, "strides", 1)
    dilation_rate = pair(dilation_rate, "dilation_rate", 1)
    if output_padding is not None:
        output_padding = pair(output_padding, "output_padding", 0)
        require_output_padding(output_padding, strides)
    same = same_padding(padding)
    if len(input_shape) != 4 or len(kernel_shape) != 4:
        raise ValueError(
            "shapes of four axes are needed; got "
            f"input_shape={tuple(input_shape)}, kernel_shape={tuple(kernel_shape)} (SHAPE-10)"
        )
    first = channels_first(data_format)
    batch, height, width, channels = (input_shape[axis] for axis in _axes(first))
    kernel_height, kernel_width, filters, in_channels = kernel_shape
    if None not in (channels, in_channels) and channels != in_channels:
        raise ValueError(
            f"the input has {channels} channels and the kernel takes {in_channels}; "
            f"got input_shape={tuple(input_shape)}, kernel_shape={tuple(kernel_shape)} (SHAPE-13)"
        )
    extra = (None, None) if output_padding is None else output_padding
    lengths = [
        _length(
            size,
            kernel_size,
            stride=strides[at],
            same=same,
            dilation=dilation_rate[at],
            output_padding=extra[at],
        )
        for at, (size, kernel_size) in enumerate(((height, kernel_height), (width, kernel_width)))
    ]
    if first:
        return batch, filters, lengths[0], lengths[1]
    return batch, lengths[0], lengths[1], filters


def _axes(first: bool) -> tuple[int, int, int, int]:
    """Positions of batch, height, width and channels."""
    return (0, 2, 3, 1) if first else (0, 1, 2, 3)


def _length(
    size: int | None,
    kernel_size: int | None,
    *,
    stride: int,
    same: bool,
    dilation: int,
    output_padding: int | None,
) -> int | None:
    if size is None or kernel_size is None:
        return None
    covered = dilated_size(kernel_size, dilation)
    if same and output_padding == 0 and covered % 2 == 0:
        raise InvalidArgumentError(
            'the size of the result doesn\'t match computed: padding "same", output padding 0 and a '
            f"kernel that covers an even length ({covered}) never fit together; give an output "
            "padding of 1 or more, or None (ARG-14)"
        )
    length = output_length(
        size,
        kernel_size,
        stride=stride,
        same=same,
        dilation=dilation,
        output_padding=output_padding,
    )
    if length < 0:
        raise InvalidArgumentError(
            f"the result would have length {length}: input length {size}, kernel {kernel_size}, "
            f"stride {stride}, output padding {output_padding} (SHAPE-03, SHAPE-11)"
        )
    return length
