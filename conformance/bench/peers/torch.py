"""PyTorch: conv_transpose2d on tensors, in either of its memory formats."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.bench.layers import Layer
from conformance.bench.peers import Array, Call, Data, to_nchw, to_nhwc


class Peer:
    """Tensors in, tensors out, in inference mode.

    PyTorch's padding never drops fewer rows before than after, as SAME does for an odd remainder.
    Such a layer is given mirrored: the same work on the same numbers, with nothing left to cut off.
    Only with stride 1, where its output padding must be 0, a row too many is computed and cut off.
    """

    def __init__(self, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self._torch: Any = torch

    def versions(self) -> dict[str, str]:
        """PyTorch."""
        return {"torch": self._torch.__version__}

    def prepare(self, layer: Layer, data: Data) -> dict[str, Callable[[], Call]]:
        """`contiguous` and `channels_last` are PyTorch's two orders of memory."""
        orders = {
            "contiguous": self._torch.contiguous_format,
            "channels_last": self._torch.channels_last,
        }
        return {
            name: functools.partial(self._call, layer, data, order)
            for name, order in orders.items()
        }

    def _call(self, layer: Layer, data: Data, order: Any) -> Call:
        torch = self._torch
        mirrored = [
            axis
            for axis, crop, stride in zip((1, 2), layer.crops, layer.strides)
            if 0 < crop.after - crop.before < stride
        ]

        def mirror(array: Array, axes: list[int]) -> Array:
            return np.flip(array, tuple(axes)) if axes else array

        def tensor(array: Array, axes: list[int]) -> Any:
            turned = torch.from_numpy(to_nchw(mirror(array, axes)))
            return turned.contiguous(memory_format=order)

        kernel_axes = [axis - 1 for axis in mirrored]
        inputs = tensor(data.inputs, mirrored)
        # To PyTorch, (height, width, filters, channels) is (channels, filters, height, width).
        kernel = torch.from_numpy(
            np.ascontiguousarray(mirror(data.kernel, kernel_axes).transpose(3, 2, 0, 1))
        ).contiguous(memory_format=order)
        bias = torch.from_numpy(data.bias.copy())
        _, height, width, _ = layer.output_shape
        padding = [
            max(crop.before, crop.after) if axis in mirrored else crop.before
            for axis, crop in zip((1, 2), layer.crops)
        ]
        surplus = [2 * p - crop.before - crop.after for p, crop in zip(padding, layer.crops)]
        extra = [max(count, 0) for count in surplus]
        too_long = any(count < 0 for count in surplus)

        def forward() -> Any:
            output = torch.nn.functional.conv_transpose2d(
                inputs, kernel, bias, layer.strides, padding, extra
            )
            return output[:, :, :height, :width] if too_long else output

        def images_out(tensor: Any) -> Array:
            return mirror(to_nhwc(tensor.numpy()), mirrored)

        if data.output_gradient is None:

            def run() -> Any:
                with torch.inference_mode():
                    return forward()

            return Call(run, lambda y: [images_out(y)])

        for one in (inputs, kernel, bias):
            one.requires_grad_(True)
        output, given = forward(), tensor(data.output_gradient, mirrored)

        def gradients_out(found: Any) -> list[Array]:
            images, weights, biases = found
            turned = weights.numpy().transpose(2, 3, 1, 0)
            return [images_out(images), mirror(turned, kernel_axes), biases.numpy()]

        return Call(
            lambda: torch.autograd.grad(output, [inputs, kernel, bias], given, retain_graph=True),
            gradients_out,
        )
