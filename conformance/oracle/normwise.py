"""How far the result of a transform may be off: a bound in the norm of a whole image.

A convolution by FFT makes every element out of all numbers of an image, so that its errors are small beside the
largest element, and not beside each element's own sum. With three transforms of 2^t points, unit roundoff u and
roots of unity that are off by u at most,

    max |got - exact| <= ((1 + u)^(6t) (1 + sqrt(5) u)^(3t + 1) - 1) |x| |w|
                       = (3t (2 + sqrt(5)) + sqrt(5)) u |x| |w| + O(u^2)

for one channel, |.| the 2-norm (R. Brent, C. Percival, P. Zimmermann, Error bounds on complex floating-point
multiplication, Math. Comp. 76, 2007; for one transform N. J. Higham, Accuracy and Stability of Numerical
Algorithms, 2nd ed., theorem 24.2). A sum over channels adds u for each.

The factor is kept. For |x| |w| stands what is never larger, by Cauchy and Schwarz: the largest S of the image, or
|x| |w| divided by the root of the image's size, which is an element's part of errors that are spread evenly. The
factor is that of the worst case, ten times what is seen, and so has room for errors that are not. Winograd's
filtering of small tiles (B. Barabasz et al., Error analysis and improving the accuracy of Winograd convolution for
deep neural networks, ACM TOMS 46, 2020) stays within it, too.
"""

from __future__ import annotations

import math

import attrs
import numpy as np

from conformance.model.geometry import Geometry
from conformance.model.values.codec import Array
from conformance.oracle.tolerance import unit_roundoff

_ROOT = math.sqrt(5)
#: Nobody transforms in a narrower format than this.
_NARROWEST = "float32"


def relative_error(levels: int, sums: int, dtype_name: str) -> float:
    """Return the bound beside the norm: of three transforms of 2**levels points, `sums` of them added."""
    roundoff = min(unit_roundoff(dtype_name), unit_roundoff(_NARROWEST))
    return (3 * levels * (2 + _ROOT) + _ROOT + sums) * roundoff


@attrs.frozen(eq=False)
class Transform:
    """What a transform over height and width would make a result of.

    Args:
        levels: t, the logarithm of its points.
        sums: how many products of transforms are added.
        axes: height and width of the result.
        spread: what evenly spread errors are measured by, for each image of the result.
    """

    levels: int
    sums: int
    axes: tuple[int, int]
    spread: Array

    def allowed(self, magnitude: Array, dtype_name: str) -> Array:
        """Return the bound on the error of every element, the same for all of an image."""
        largest = magnitude.max(axis=self.axes, keepdims=True, initial=0)
        allowed = relative_error(self.levels, self.sums, dtype_name) * np.maximum(
            largest, self.spread
        )
        return np.broadcast_to(allowed, magnitude.shape)


def of_output(geometry: Geometry, inputs: Array, kernel: Array) -> Transform:
    """Return the transform of a call: each image with each filter's taps, the channels added."""
    images = geometry.to_channels_last(inputs)
    spread = _size(images, (1, 2)) @ _size(kernel, (0, 1)).T
    return _over_images(geometry, images.shape, spread, kernel.shape[3])


def of_gradients(
    geometry: Geometry, inputs: Array, kernel: Array, output_gradient: Array
) -> tuple[Transform, Transform]:
    """Return the transforms of the gradients by inputs (filters are added) and by kernel (images are added)."""
    images, upstream = map(geometry.to_channels_last, (inputs, output_gradient))
    of_upstream = _size(upstream, (1, 2))
    by_inputs = of_upstream @ _size(kernel, (0, 1))
    by_kernel = of_upstream.T @ _size(images, (1, 2))
    levels, points = _points(geometry, images.shape)
    return (
        _over_images(geometry, images.shape, by_inputs, kernel.shape[2]),
        Transform(levels, images.shape[0], (0, 1), by_kernel[None, None] / math.sqrt(points)),
    )


def _over_images(geometry: Geometry, shape: tuple[int, ...], spread: Array, sums: int) -> Transform:
    levels, points = _points(geometry, shape)
    places = np.expand_dims(spread, geometry.spatial_axes) / math.sqrt(points)
    return Transform(levels, sums, geometry.spatial_axes, places)


def _points(geometry: Geometry, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the levels of a transform that holds a result before cropping, and the size of that."""
    sizes = [
        max((length - 1) * axis.stride + axis.extent, 1)
        for axis, length in zip(geometry.axes, shape[1:3])
    ]
    return sum((size - 1).bit_length() for size in sizes), math.prod(sizes)


def _size(array: Array, axes: tuple[int, int]) -> Array:
    """Return the 2-norm over two axes."""
    size: Array = np.sqrt(np.sum(np.square(array), axis=axes))
    return size
