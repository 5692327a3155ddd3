"""Layers that convolve by transforms, right ones, and wrong ones whose errors are as small.

The right ones are accurate beside the largest number of an image, and not beside each element's own sum.
"""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np
import scipy.fft

import fast_impl

FLOATING = ("float32", "float64")


def _stuffed(array: Any, steps: tuple[int, int], axes: tuple[int, int]) -> Any:
    """Zeros between the numbers along two axes."""
    shape = list(array.shape)
    places: list[Any] = [slice(None)] * array.ndim
    for axis, step in zip(axes, steps):
        shape[axis] = (shape[axis] - 1) * step + 1
        places[axis] = slice(None, None, step)
    found = np.zeros(shape, array.dtype)
    found[tuple(places)] = array
    return found


class Transforms(fast_impl.Conv2DTranspose):
    """Leaves the full result, before cropping, to `full`; what is not finite or empty is computed directly."""

    def full(self, images: Any, taps: Any) -> Any:
        """Full convolution of images (N, H, W, C) with taps (h, w, F, C), both with their zeros between."""
        raise NotImplementedError

    def serves(self, array: Any) -> bool:
        size = np.abs(array).max(initial=0)
        return array.dtype.name in FLOATING and bool(size < 1e15)  # not so of NaN

    def _linear(self, array: Any) -> Any:
        right = super()._linear(array)
        kernel, bias = self._current()
        if not right.size or not array.size or not self.serves(array) or not self.serves(kernel):
            return right
        first = self.data_format == "channels_first"
        images = np.asarray(array).transpose(0, 2, 3, 1) if first else np.asarray(array)
        found = np.moveaxis(right, 1, 3) if first else right
        full = self.full(
            _stuffed(images, self.strides, (1, 2)), _stuffed(kernel, self.dilation_rate, (0, 1))
        )
        outputs = np.zeros(found.shape, found.dtype)
        crop = [0, 0]
        if self.padding == "same":
            crop = [max(full.shape[i] - found.shape[i], 0) // 2 for i in (1, 2)]
        part = full[:, crop[0] :, crop[1] :][:, : found.shape[1], : found.shape[2]]
        outputs[:, : part.shape[1], : part.shape[2]] = part
        if bias is not None:
            outputs += bias
        return np.ascontiguousarray(outputs.transpose(0, 3, 1, 2)) if first else outputs


class ByFFT(fast_impl.Conv2DTranspose):
    """Has the errors of an FFT in float64 behind its activation too, so that zeros are not quite zero.

    Its results are other arrays than those that the losses were computed of.
    """

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = super().__call__(inputs, *args, **kwargs)
        if not isinstance(outputs, np.ndarray) or outputs.dtype != np.float32:
            return outputs
        exact = outputs.astype(np.float64)
        noise = np.random.default_rng(0).standard_normal(exact.shape) * 2e-16
        return (exact + noise * np.abs(exact).max(initial=0)).astype(np.float32)


class FFT(Transforms):
    """Three transforms over the whole image, in the layer's own precision."""

    def full(self, images: Any, taps: Any) -> Any:
        sizes = [images.shape[1 + i] + taps.shape[i] - 1 for i in (0, 1)]
        sides = [scipy.fft.next_fast_len(size) for size in sizes]
        by_image = scipy.fft.rfft2(images, s=sides, axes=(1, 2))
        by_tap = scipy.fft.rfft2(taps, s=sides, axes=(0, 1))
        product = np.einsum("nhwc,hwfc->nhwf", by_image, by_tap)
        whole = scipy.fft.irfft2(product, s=sides, axes=(1, 2))
        return whole[:, : sizes[0], : sizes[1]].astype(images.dtype)

    def gradients(self, inputs: Any, output_gradient: Any) -> Any:
        """The kernel's gradient by transforms, where it is small enough to be one of a layer without crop."""
        found = super().gradients(inputs, output_gradient)
        x, g = np.asarray(inputs), np.asarray(output_gradient)
        plain = self.padding == "valid" and self.data_format == "channels_last"
        plain = plain and self.output_padding is None and self.activation is None
        if not (plain and x.size and self.serves(x) and self.serves(g)):
            return found
        x = _stuffed(x, self.strides, (1, 2))
        sides = [scipy.fft.next_fast_len(x.shape[i] + g.shape[i]) for i in (1, 2)]
        by_image = scipy.fft.fft2(x, s=sides, axes=(1, 2)).conj()
        by_upstream = scipy.fft.fft2(g, s=sides, axes=(1, 2))
        product = np.einsum("nhwc,nhwf->hwfc", by_image, by_upstream)
        whole = scipy.fft.ifft2(product, axes=(0, 1)).real
        reach = [(k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation_rate)]
        taps = whole[: reach[0] : self.dilation_rate[0], : reach[1] : self.dilation_rate[1]]
        return found._replace(kernel=np.ascontiguousarray(taps).astype(found.kernel.dtype))


class WideFFT(FFT):
    """Transforms in float64, whatever the layer's format: only zeros are not quite zero."""

    def full(self, images: Any, taps: Any) -> Any:
        return super().full(images.astype(np.float64), taps.astype(np.float64)).astype(images.dtype)


class HalfFFT(FFT):
    """Transforms formats of 16 bits, too, in float32, and finite numbers of any size."""

    def serves(self, array: Any) -> bool:
        if array.dtype.name not in (*FLOATING, "float16", "bfloat16"):
            return False
        return bool(np.isfinite(array.astype(np.float64)).all())

    def full(self, images: Any, taps: Any) -> Any:
        if images.dtype.name in FLOATING:
            return super().full(images, taps)
        wide = super().full(images.astype(np.float32), taps.astype(np.float32))
        with np.errstate(over="ignore"):
            return wide.astype(images.dtype)


class SpreadingFFT(FFT):
    """Transforms what is not finite, too: one NaN is in every number of its image."""

    def serves(self, array: Any) -> bool:
        return array.dtype.name in FLOATING


class Winograd(Transforms):
    """F(2x2, 3x3) on tiles of 4x4, for kernels that are 3x3 without dilation; others directly."""

    TO_IMAGE = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
    TO_TAPS = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
    BACK = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])
    TILE = 2

    def serves(self, array: Any) -> bool:
        return super().serves(array) and self.kernel_size == (3, 3) and self.dilation_rate == (1, 1)

    def full(self, images: Any, taps: Any) -> Any:
        dtype, tile = images.dtype, self.TILE
        to_image, to_taps, back = (
            m.astype(dtype) for m in (self.TO_IMAGE, self.TO_TAPS, self.BACK)
        )
        n, height, width, channels = images.shape
        rows, columns = (-(-(size + 2) // tile) for size in (height, width))
        padded = np.zeros((n, rows * tile + 2, columns * tile + 2, channels), dtype)
        padded[:, 2 : 2 + height, 2 : 2 + width] = images
        by_tap = np.einsum("ia,abfc,jb->ijfc", to_taps, taps[::-1, ::-1], to_taps)
        found = np.zeros((n, rows * tile, columns * tile, taps.shape[2]), dtype)
        for row in range(0, rows * tile, tile):
            for column in range(0, columns * tile, tile):
                part = padded[:, row : row + tile + 2, column : column + tile + 2]
                by_image = np.einsum("ia,nabc,jb->nijc", to_image, part, to_image)
                product = np.einsum("nijc,ijfc->nijf", by_image, by_tap)
                found[:, row : row + tile, column : column + tile] = np.einsum(
                    "ai,nijf,bj->nabf", back, product, back
                )
        return found[:, : height + 2, : width + 2]


class WideWinograd(Winograd):
    """F(4x4, 3x3): fewer products, and larger errors."""

    TO_IMAGE = np.array(
        [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
         [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]]
    )  # fmt: skip
    TO_TAPS = np.array(
        [[1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6],
         [1 / 24, 1 / 12, 1 / 6], [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]]
    )  # fmt: skip
    BACK = np.array(
        [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
    )
    TILE = 4


def _rounded(dtype: Any) -> Any:
    return lambda array: array.astype(dtype).astype(array.dtype)


def _tf32(array: Any) -> Any:
    if array.dtype != np.float32:
        return array
    return ((array.view(np.uint32) + 0x1000) & np.uint32(0xFFFFE000)).view(np.float32)


class Bfloat16Products(FFT):
    """The spectra are rounded to bfloat16 before they are multiplied."""

    def full(self, images: Any, taps: Any) -> Any:
        narrow = _rounded(ml_dtypes.bfloat16)
        return super().full(narrow(images), narrow(taps))


class TF32Products(FFT):
    """Images and taps are rounded to TF32 first."""

    def full(self, images: Any, taps: Any) -> Any:
        return super().full(_tf32(np.ascontiguousarray(images)), _tf32(np.ascontiguousarray(taps)))


class Float16Kernel(FFT):
    """The kernel is kept in float16."""

    def full(self, images: Any, taps: Any) -> Any:
        return super().full(images, _rounded(np.float16)(taps))


class NarrowFFT(FFT):
    """float64 is transformed as float32."""

    def full(self, images: Any, taps: Any) -> Any:
        found = super().full(images.astype(np.float32), taps.astype(np.float32))
        return found.astype(images.dtype)


class SmallCornerMissing(FFT):
    """The last tap is left out where it is a thousandth of the largest or smaller, and shrunk elsewhere."""

    def full(self, images: Any, taps: Any) -> Any:
        changed = taps.copy()
        changed[-1, -1] *= taps.dtype.type(1 - 2.0**-12)
        changed[-1, -1][np.abs(taps[-1, -1]) <= 1e-3 * np.abs(taps).max()] = 0
        return super().full(images, changed)


class GrowsWithSize(FFT):
    """An error of a unit for every number of the image: a running sum that is never renewed."""

    def full(self, images: Any, taps: Any) -> Any:
        found = super().full(images, taps)
        size = math.prod(found.shape[1:3]) * 16
        drift = np.linspace(0, size * np.finfo(found.dtype).eps, found.shape[2])
        return (found * (1 + drift[:, None])).astype(found.dtype)


class SmallestFilterWrong(FFT):
    """The filter with the smallest taps is computed in half precision."""

    def full(self, images: Any, taps: Any) -> Any:
        found = super().full(images, taps)
        least = int(np.abs(taps).sum((0, 1, 3)).argmin())
        found[..., least] = _rounded(np.float16)(found[..., least])
        return found


class SmallestChannelLost(FFT):
    """The input channel with the smallest taps is rounded to eight bits."""

    def full(self, images: Any, taps: Any) -> Any:
        least = int(np.abs(taps).sum((0, 1, 2)).argmin())
        changed = taps.copy()
        changed[..., least] = _rounded(ml_dtypes.bfloat16)(taps[..., least])
        return super().full(images, changed)


class BiasInHalf(FFT):
    """The bias is added in float16."""

    def _current(self) -> Any:
        kernel, bias = super()._current()
        return kernel, bias if bias is None else _rounded(np.float16)(bias)


class LastRowApproximate(FFT):
    """The last row of the result comes from a transform that is one point too short, and wraps a little."""

    def full(self, images: Any, taps: Any) -> Any:
        found = super().full(images, taps)
        found[:, -1] += found[:, 0] * found.dtype.type(2.0**-11)
        return found


RIGHT = (FFT, WideFFT, HalfFFT, Winograd, WideWinograd)
WRONG = (
    Bfloat16Products, TF32Products, Float16Kernel, NarrowFFT, SmallCornerMissing, GrowsWithSize,
    SmallestFilterWrong, SmallestChannelLost, BiasInHalf, LastRowApproximate,
)  # fmt: skip
