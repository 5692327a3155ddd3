"""A wrong function that looks right: what README's picture shows the suite finding."""

import numpy as np

import fast_impl


def conv2d_transpose(inputs, kernel, strides, padding, data_format, **options):
    """Crop `same` at the other end: images and kernel are turned by 180 degrees, and the result back."""
    if padding != "same":
        return fast_impl.conv2d_transpose(inputs, kernel, strides, padding, data_format, **options)
    axes = (1, 2) if data_format == "channels_last" else (2, 3)
    turned, weights = np.flip(inputs, axes), np.flip(kernel, (0, 1))
    outputs = fast_impl.conv2d_transpose(turned, weights, strides, padding, data_format, **options)
    return np.flip(outputs, axes)
