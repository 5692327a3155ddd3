"""OpenVINO: compiled models of one `ConvolutionBackpropData` and an addition on the processor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from conformance.model.geometry import Geometry
from conformance.model.lowering import output_padding, pads
from conformance.model.values.codec import Array
from conformance.subjects.frameworks.operation import (
    ArrayOperation,
    crops_of,
    dilations_of,
    strides_of,
)


class OpenVinoOperation(ArrayOperation):
    """Arrays in and out."""

    refusals = (RuntimeError,)

    def __init__(self, way: str) -> None:
        import openvino
        import openvino.opset13

        super().__init__(way)
        self._library, self._operations = openvino, openvino.opset13
        self._core = openvino.Core()

    def versions(self) -> Mapping[str, str]:
        """OpenVINO."""
        return {"openvino": self._library.__version__.partition("-")[0], "numpy": np.__version__}

    def natural(self, inputs: Any, kernel: Any, bias: Any, geometry: Geometry) -> Any:
        """`auto_pad`: OpenVINO has same_upper, same_lower and valid, and passes `output_padding` on."""
        height, width = geometry.axes
        return self._computed(
            inputs,
            kernel,
            bias,
            geometry,
            auto_pad="same_upper" if height.same else "valid",
            output_padding=[height.output_padding or 0, width.output_padding or 0],
        )

    def exact(self, inputs: Any, kernel: Any, bias: Any, geometry: Geometry) -> Any:
        """Explicit pads for what is cropped, `output_padding` for what is appended."""
        cut = crops_of(inputs, geometry)
        top, left, bottom, right = pads(cut)
        return self._computed(
            inputs,
            kernel,
            bias,
            geometry,
            auto_pad="explicit",
            pads_begin=[top, left],
            pads_end=[bottom, right],
            output_padding=list(output_padding(cut)),
        )

    def _computed(
        self, inputs: Any, kernel: Any, bias: Any, geometry: Geometry, **words: Any
    ) -> Any:
        operations = self._operations
        images, weights = self.turned(inputs, kernel, geometry)
        parameter = operations.parameter(list(images.shape), _dtype(images))
        outputs = operations.convolution_backprop_data(
            parameter,
            operations.constant(weights, dtype=_dtype(weights)),
            strides=list(strides_of(geometry)),
            dilations=list(dilations_of(geometry)),
            **{"pads_begin": [0, 0], "pads_end": [0, 0], **words},
        )
        if bias is not None:
            offset = operations.constant(bias.reshape(1, -1, 1, 1), dtype=_dtype(bias))
            outputs = operations.add(outputs, offset)
        compiled = self._core.compile_model(
            self._library.Model([outputs], [parameter], "layer"),
            "CPU",
            # Some processors would be given bfloat16 products otherwise.
            {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1},
        )
        computed = np.array(compiled([images])[0])
        if images.dtype.name == "bfloat16":
            # NumPy has none of its own: OpenVINO gives the bits as those of float16.
            computed = computed.view(images.dtype)
        return self.turned_back(computed, geometry)


def _dtype(array: Array) -> Any:
    import openvino

    return openvino.Type.bf16 if array.dtype.name == "bfloat16" else openvino.Type(array.dtype.type)


def driver(variant: str, way: str) -> OpenVinoOperation:
    """Return OpenVINO's CPU plug-in."""
    return OpenVinoOperation(way)
