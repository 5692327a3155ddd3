"""OpenVINO: a compiled model of one ConvolutionBackpropData and an addition on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.bench import kernels
from conformance.bench.layers import Layer
from conformance.bench.peers import Array, Bind, Call, Data, NotSupported, to_nchw, to_nhwc
from conformance.model.lowering import output_padding, pads


class Peer:
    """Tensors in and out, batch by channels by height by width; the output is the model's own."""

    def __init__(self, threads: int) -> None:
        import openvino
        import openvino.opset13

        self._library: Any = openvino
        self._operations: Any = openvino.opset13
        self._threads = threads

    def versions(self) -> dict[str, str]:
        """OpenVINO."""
        return {"openvino": self._library.__version__.split("-")[0]}

    def kernels(self) -> dict[str, str]:
        """OneDNN's."""
        return kernels.onednn("openvino")

    def prepare(self, layer: Layer, data: Data) -> dict[str, Callable[[], Call]]:
        """One way: an inference request, tuned for latency, in float32."""
        if data.output_gradient is not None:
            raise NotSupported("OpenVINO has no gradients")
        shape = (layer.batch, layer.channels, *layer.size)
        return {"latency": lambda: self._bind(layer, data, shape)(data.inputs)}

    def varying(self, layer: Layer, data: Data) -> dict[str, Callable[[], Bind]]:
        """The same, of a model whose height and width are not known."""
        shape = (layer.batch, layer.channels, -1, -1)
        return {"latency": lambda: self._bind(layer, data, shape)}

    def _bind(self, layer: Layer, data: Data, shape: tuple[int, ...]) -> Bind:
        """Compile the model for inputs of a shape, in which -1 stands for what is not known."""
        if layer.dtype != "float32":
            raise NotSupported("OpenVINO is measured in float32 only: its CPU plug-in has no other")
        operations, library = self._operations, self._library
        top, left, bottom, right = pads(layer.crops)
        parameter = operations.parameter(list(shape), np.float32)
        kernel = operations.constant(np.ascontiguousarray(data.kernel.transpose(3, 2, 0, 1)))
        product = operations.convolution_backprop_data(
            parameter,
            kernel,
            strides=list(layer.strides),
            pads_begin=[top, left],
            pads_end=[bottom, right],
            dilations=[1, 1],
            auto_pad="explicit",
            output_padding=list(output_padding(layer.crops)),
        )
        bias = operations.constant(data.bias.reshape(1, -1, 1, 1).copy())
        model = library.Model([operations.add(product, bias)], [parameter], "layer")
        compiled = library.Core().compile_model(
            model,
            "CPU",
            {
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": self._threads,
                # Some processors would be given bfloat16 products otherwise.
                "INFERENCE_PRECISION_HINT": "f32",
            },
        )
        request = compiled.create_infer_request()

        def bind(inputs: Array) -> Call:
            given = library.Tensor(to_nchw(inputs), shared_memory=True)

            def run() -> Any:
                # Setting the tensor costs nothing, and keeps it and its array alive.
                request.set_input_tensor(given)
                return request.infer(share_outputs=True)

            return Call(run, lambda _: [to_nhwc(np.array(request.get_output_tensor().data))])

        return bind
