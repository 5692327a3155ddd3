"""PyTorch: conv_transpose2d on tensors, in either of its memory formats."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.bench import kernels
from conformance.bench.layers import Layer
from conformance.bench.peers import Array, Bind, Call, Data, to_nchw, to_nhwc
from conformance.model.values.codec import dtype_of


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

    def kernels(self) -> dict[str, str]:
        """OneDNN's, and those of PyTorch itself."""
        own = {"ATen": self._torch.backends.cpu.get_cpu_capability()}
        return {**own, **kernels.onednn("torch")}

    def prepare(self, layer: Layer, data: Data) -> dict[str, Callable[[], Call]]:
        """`contiguous` and `channels_last` are PyTorch's two orders of memory."""
        make = self._forward if data.output_gradient is None else self._backward
        return {
            name: functools.partial(make, layer, data, order)
            for name, order in self._orders().items()
        }

    def varying(self, layer: Layer, data: Data) -> dict[str, Callable[[], Bind]]:
        """The same two: nothing is prepared for a size."""
        return {
            name: functools.partial(self._bind, layer, data, order)
            for name, order in self._orders().items()
        }

    def _orders(self) -> dict[str, Any]:
        torch = self._torch
        return {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}

    def _forward(self, layer: Layer, data: Data, order: Any) -> Call:
        return self._bind(layer, data, order)(data.inputs)

    def _bind(self, layer: Layer, data: Data, order: Any) -> Bind:
        made = _Made(self._torch, layer, data, order)

        def bind(inputs: Array) -> Call:
            images = made.images_in(inputs)

            def run() -> Any:
                with self._torch.inference_mode():
                    return made(images)

            return Call(run, lambda y: [made.images_out(y)])

        return bind

    def _backward(self, layer: Layer, data: Data, order: Any) -> Call:
        assert data.output_gradient is not None
        made = _Made(self._torch, layer, data, order)
        inputs = made.images_in(data.inputs)
        wanted = [inputs, made.kernel, made.bias]
        for one in wanted:
            one.requires_grad_(True)
        output, given = made(inputs), made.images_in(data.output_gradient)

        def gradients_out(found: Any) -> list[Array]:
            images, weights, biases = found
            return [made.images_out(images), made.kernel_out(weights), made.array(biases)]

        return Call(
            lambda: self._torch.autograd.grad(output, wanted, given, retain_graph=True),
            gradients_out,
        )


class _Made:
    """A layer with its weights: called on a tensor of images, of whatever height and width."""

    def __init__(self, torch: Any, layer: Layer, data: Data, order: Any) -> None:
        self._torch, self._layer, self._order = torch, layer, order
        self._mirrored = [
            axis
            for axis, crop, stride in zip((1, 2), layer.crops, layer.strides)
            if 0 < crop.after - crop.before < stride
        ]
        self._kernel_axes = [axis - 1 for axis in self._mirrored]
        # To PyTorch, (height, width, filters, channels) is (channels, filters, height, width).
        kernel = _mirror(data.kernel, self._kernel_axes).transpose(3, 2, 0, 1)
        self.kernel = self._tensor(np.ascontiguousarray(kernel)).contiguous(memory_format=order)
        self.bias = self._tensor(data.bias.copy())
        self._padding = [
            max(crop.before, crop.after) if axis in self._mirrored else crop.before
            for axis, crop in zip((1, 2), layer.crops)
        ]
        surplus = [2 * p - crop.before - crop.after for p, crop in zip(self._padding, layer.crops)]
        self._extra = [max(count, 0) for count in surplus]
        # Rows and columns too many at the end, as indices from behind; None for none.
        self._ends = [count if count < 0 else None for count in surplus]

    def __call__(self, images: Any) -> Any:
        output = self._torch.nn.functional.conv_transpose2d(
            images, self.kernel, self.bias, self._layer.strides, self._padding, self._extra
        )
        height, width = self._ends
        return output if height is width is None else output[:, :, :height, :width]

    def images_in(self, array: Array) -> Any:
        """Return images as a tensor in the wanted order of memory."""
        turned = self._tensor(to_nchw(_mirror(array, self._mirrored)))
        return turned.contiguous(memory_format=self._order)

    def images_out(self, tensor: Any) -> Array:
        """Return images as an array again."""
        return _mirror(to_nhwc(self.array(tensor)), self._mirrored)

    def kernel_out(self, tensor: Any) -> Array:
        """Return a kernel's gradient as an array again."""
        return _mirror(self.array(tensor).transpose(2, 3, 1, 0), self._kernel_axes)

    def array(self, tensor: Any) -> Array:
        """Return any tensor as an array, without a copy."""
        if tensor.dtype != self._torch.bfloat16:
            found: Array = tensor.numpy()
            return found
        bits: Array = tensor.view(self._torch.int16).numpy()
        return bits.view(dtype_of("bfloat16"))

    def _tensor(self, array: Array) -> Any:
        if array.dtype.name != "bfloat16":
            return self._torch.from_numpy(array)
        # NumPy's bfloat16 is a guest that PyTorch does not know.
        return self._torch.from_numpy(array.view(np.int16)).view(self._torch.bfloat16)


def _mirror(array: Array, axes: list[int]) -> Array:
    return np.flip(array, tuple(axes)) if axes else array
