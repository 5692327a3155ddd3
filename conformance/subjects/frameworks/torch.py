"""PyTorch: `torch.nn.functional.conv_transpose2d`, and its autograd."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ml_dtypes
import numpy as np

from conformance.model.geometry import Geometry
from conformance.model.observation import Unsupported
from conformance.model.values.codec import Array
from conformance.subjects.frameworks.operation import (
    Operation,
    crops_of,
    dilations_of,
    strides_of,
)


class TorchOperation(Operation):
    """`conv_transpose2d` on tensors of one device."""

    refusals = (RuntimeError,)

    def __init__(self, way: str, device: str) -> None:
        import torch

        super().__init__(way)
        if device == "cuda" and not torch.cuda.is_available():
            raise OSError("PyTorch sees no CUDA device here")
        torch.set_num_threads(1)
        self._torch, self._device = torch, device

    def versions(self) -> Mapping[str, str]:
        """PyTorch, and the device where it is none of the processor."""
        torch = self._torch
        device = {} if self._device == "cpu" else {"device": torch.cuda.get_device_name()}
        return {"torch": torch.__version__, **device, "numpy": np.__version__}

    def tensor(self, array: Array) -> Any:
        """A tensor that shares the array's memory."""
        torch = self._torch
        if array.dtype.name == "bfloat16":  # which NumPy does not have
            return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16).to(self._device)
        return torch.from_numpy(array).to(self._device)

    def array(self, tensor: Any) -> Array:
        """An array of the tensor's dtype."""
        tensor = tensor.detach().cpu()
        if tensor.dtype is self._torch.bfloat16:
            words = tensor.contiguous().view(self._torch.int16).numpy()
            return np.asarray(words.view(ml_dtypes.bfloat16))
        return np.asarray(tensor.numpy())

    def natural(self, inputs: Any, kernel: Any, bias: Any, geometry: Geometry) -> Any:
        """`padding` on both sides, and `output_padding` for what is missing then.

        PyTorch has no "same" here. Half of what is too much is dropped on each side, rounded up, and
        `output_padding` gives back what that is too much.
        """
        padding, extra = [], []
        for axis in geometry.axes:
            if axis.output_padding is not None:
                padding.append(axis.extent // 2 if axis.same else 0)
                extra.append(axis.output_padding)
            else:
                surplus = axis.extent - axis.stride if axis.same else 0
                padding.append((max(surplus, 0) + 1) // 2)
                extra.append(2 * padding[-1] - surplus)
                if extra[-1] >= max(axis.stride, axis.dilation):
                    raise Unsupported(
                        f"conv_transpose2d drops as much before as after, not {surplus} with stride {axis.stride}"
                    )
        outputs = self._torch.nn.functional.conv_transpose2d(
            _channels_first(inputs, geometry),
            # (height, width, filters, channels) is (channels, filters, height, width) here.
            kernel.permute(3, 2, 0, 1),
            bias,
            stride=strides_of(geometry),
            padding=padding,
            output_padding=extra,
            dilation=dilations_of(geometry),
        )
        return outputs if geometry.channels_first else outputs.permute(0, 2, 3, 1)

    def exact(self, inputs: Any, kernel: Any, bias: Any, geometry: Geometry) -> Any:
        """The full result, cropped and extended; the bias is added last."""
        functional = self._torch.nn.functional
        height, width = crops_of(inputs, geometry)
        full = functional.conv_transpose2d(
            _channels_first(inputs, geometry),
            kernel.permute(3, 2, 0, 1).contiguous(),
            stride=strides_of(geometry),
            dilation=dilations_of(geometry),
        )
        kept = full[:, :, height.kept, width.kept]
        outputs = functional.pad(kept, (0, width.appended, 0, height.appended))
        if bias is not None:
            outputs = outputs + bias[:, None, None]
        return outputs if geometry.channels_first else outputs.permute(0, 2, 3, 1)

    def derivatives(self, forward: Callable[..., Any], sources: list[Any], upstream: Any) -> Any:
        """By `torch.autograd.grad`."""
        watched = [source.requires_grad_() for source in sources]
        return self._torch.autograd.grad(forward(*watched), watched, upstream)

    def second_derivative(
        self, forward: Callable[..., Any], sources: list[Any], upstream: Any
    ) -> Any:
        """By `torch.autograd.grad` of its own result."""
        autograd = self._torch.autograd
        inputs, kernel, *_ = watched = [source.requires_grad_() for source in sources]
        (found,) = autograd.grad(forward(*watched), [inputs], upstream, create_graph=True)
        return autograd.grad((found * found).sum(), [kernel])


def driver(variant: str, way: str) -> TorchOperation:
    """Return PyTorch on the device `variant`."""
    return TorchOperation(way, variant)


def _channels_first(inputs: Any, geometry: Geometry) -> Any:
    return inputs if geometry.channels_first else inputs.permute(0, 3, 1, 2)
