"""A forward convolution that shares no code with the oracle: padding and sliding windows."""

import numpy as np


def plain_convolution(images, kernel, strides, padding, dilation_rate=(1, 1)):
    """`y[p] = sum over a of padded[p * stride + a * dilation] * kernel[a]`, both axes, all channels.

    images: (batch, height, width, in); kernel: (kernel_height, kernel_width, in, out).
    """
    windows = []
    for axis in (0, 1):
        covered = (kernel.shape[axis] - 1) * dilation_rate[axis] + 1
        length = images.shape[1 + axis]
        if padding == "same":
            outputs = -(-length // strides[axis])
            missing = max((outputs - 1) * strides[axis] + covered - length, 0)
            widths = [(0, 0)] * 4
            widths[1 + axis] = (missing // 2, missing - missing // 2)
            images = np.pad(images, widths)
        else:
            outputs = (length - covered) // strides[axis] + 1
        starts = np.arange(outputs) * strides[axis]
        windows.append(starts[:, None] + np.arange(kernel.shape[axis]) * dilation_rate[axis])
    rows, columns = windows
    patches = images[:, rows[:, :, None, None], columns[None, None, :, :], :]
    return np.einsum("npaqbc,abcd->npqd", patches, kernel)
