"""A bare function, judged on shapes and values: `conformance run --subject my_function.py:conv2d_transpose`."""

import numpy as np


def conv2d_transpose(inputs, kernel, strides, padding, data_format, bias=None):
    """Return the transposed convolution of a batch of images.

    Add the keywords `dilation_rate` and `output_padding` if you have them; cases that need a keyword which is
    not here are unsupported, and so is whatever raises NotImplementedError.

    Args:
        inputs: (batch, height, width, channels), or (batch, channels, height, width) in channels_first.
        kernel: (height, width, filters, channels), whatever the format.
        strides: a pair, down and right.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first".
        bias: (filters,), or None.
    """
    if data_format != "channels_last" or inputs.dtype not in ("float32", "float64"):
        raise NotImplementedError(f"no {data_format} in {inputs.dtype}")
    batch, height, width, _ = inputs.shape
    rows, columns, filters, _ = kernel.shape
    down, right = strides
    overlap = max(rows - down, 0), max(columns - right, 0)
    outputs = np.zeros(
        (batch, height * down + overlap[0], width * right + overlap[1], filters), inputs.dtype
    )
    # Every pixel, times the kernel, lands on a window of the output.
    for y in range(height):
        for x in range(width):
            products = np.einsum("bc,hwfc->bhwf", inputs[:, y, x], kernel)
            y0, x0 = y * down, x * right
            outputs[:, y0 : y0 + rows, x0 : x0 + columns] += products
    if padding == "same":
        top, left = overlap[0] // 2, overlap[1] // 2
        outputs = outputs[:, top : top + height * down, left : left + width * right]
    return outputs if bias is None else outputs + bias
