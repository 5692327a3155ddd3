"""Other libraries as subjects: bare functions for `conformance run --subject docs/examples/peers.py:NAME`.

Each library sums the products in its own way; where they land and which rows are cropped is done here, the
same for all, so a finding is one about numbers. What a library does not have is NotImplementedError.

    conformance run --subject docs/examples/peers.py:by_onnxruntime --clause 'VAL-*' --clause 'PAD-*'
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def by_torch(*args: Any, **kwargs: Any) -> Any:
    """`torch.nn.functional.conv_transpose2d`."""

    def full(images: Any, kernel: Any, strides: Any, dilation: int) -> Any:
        import torch

        given = torch.from_numpy(images), torch.from_numpy(kernel)
        return torch.nn.functional.conv_transpose2d(
            *given, stride=strides, dilation=dilation
        ).numpy()

    return _placed(full, ("float32", "float64"), *args, **kwargs)


def by_torch_gradient(*args: Any, **kwargs: Any) -> Any:
    """The gradient of `torch.nn.functional.conv2d` by its input."""

    def full(images: Any, kernel: Any, strides: Any, dilation: int) -> Any:
        import torch

        batch, _, height, width = images.shape
        sizes = [
            (size - 1) * stride + (extent - 1) * dilation + 1
            for size, stride, extent in zip((height, width), strides, kernel.shape[2:])
        ]
        given = torch.from_numpy(kernel), torch.from_numpy(images)
        return torch.nn.grad.conv2d_input(
            (batch, kernel.shape[1], *sizes), *given, stride=strides, dilation=dilation
        ).numpy()

    return _placed(full, ("float32", "float64"), *args, **kwargs)


def by_onnxruntime(*args: Any, **kwargs: Any) -> Any:
    """The operator `ConvTranspose` of ONNX Runtime on the CPU."""

    def full(images: Any, kernel: Any, strides: Any, dilation: int) -> Any:
        import onnxruntime
        from onnx import TensorProto, helper

        node = helper.make_node(
            "ConvTranspose", ["x", "w"], ["y"], strides=strides, dilations=[dilation] * 2
        )
        names = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in (("x", images.shape), ("w", kernel.shape), ("y", None))
        ]
        graph = helper.make_graph([node], "one", names[:2], names[2:])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8)
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        return session.run(None, {"x": images, "w": kernel})[0]

    return _placed(full, ("float32",), *args, **kwargs)


def by_openvino(*args: Any, **kwargs: Any) -> Any:
    """The operation `ConvolutionBackpropData` of OpenVINO on the CPU, in float32."""

    def full(images: Any, kernel: Any, strides: Any, dilation: int) -> Any:
        import openvino
        from openvino import opset13

        x = opset13.parameter(images.shape, np.float32)
        y = opset13.convolution_backprop_data(
            x, opset13.constant(kernel), list(strides),
            pads_begin=[0, 0], pads_end=[0, 0], dilations=[dilation] * 2,
        )  # fmt: skip
        compiled = openvino.Core().compile_model(
            openvino.Model([y], [x]), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
        )
        return compiled([images])[0]

    return _placed(full, ("float32",), *args, **kwargs)


def _placed(
    full: Callable[..., Any],
    dtypes: tuple[str, ...],
    inputs: Any,
    kernel: Any,
    strides: Any,
    padding: str,
    data_format: str,
    bias: Any = None,
    dilation_rate: Any = 1,
    output_padding: Any = None,
) -> Any:
    """Crop or extend a library's full result as TensorFlow does, and add the bias."""
    if inputs.dtype.name not in dtypes:
        raise NotImplementedError(f"no dtype {inputs.dtype.name}")
    if inputs.size == 0:
        raise NotImplementedError("no empty images")
    strides = (strides, strides) if isinstance(strides, int) else tuple(strides)
    dilation = dilation_rate if isinstance(dilation_rate, int) else dilation_rate[0]
    images = inputs if data_format == "channels_first" else inputs.transpose(0, 3, 1, 2)
    images = np.ascontiguousarray(images)
    whole = full(images, np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)), strides, dilation)
    for axis in (0, 1):
        reach = (kernel.shape[axis] - 1) * dilation + 1
        size, stride = images.shape[2 + axis], strides[axis]
        length = size * stride + (max(reach - stride, 0) if padding == "valid" else 0)
        if output_padding is not None:
            more = output_padding if isinstance(output_padding, int) else output_padding[axis]
            crop = 2 * (reach // 2) if padding == "same" else 0
            length = (size - 1) * stride + reach + more - crop
        surplus = whole.shape[2 + axis] - length
        begin = max(surplus, 0) // 2 if padding == "same" else 0
        whole = whole.take(range(begin, min(begin + length, whole.shape[2 + axis])), 2 + axis)
        missing = [(0, 0)] * 4
        missing[2 + axis] = (0, length - whole.shape[2 + axis])
        whole = np.pad(whole, missing)
    if bias is not None:
        whole = whole + bias[:, None, None]
    return whole if data_format == "channels_first" else whole.transpose(0, 2, 3, 1)
