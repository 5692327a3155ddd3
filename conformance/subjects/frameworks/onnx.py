"""ONNX: models of one `ConvTranspose`, run by ONNX Runtime or by ONNX's own reference."""

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

#: The operator set and the format of a model's file.
OPSET, FORMAT = 22, 10


class OnnxOperation(ArrayOperation):
    """A model with one node; arrays in and out."""

    def versions(self) -> Mapping[str, str]:
        """ONNX."""
        import onnx

        return {"onnx": onnx.__version__, "numpy": np.__version__}

    def natural(self, inputs: Any, kernel: Any, bias: Any, geometry: Geometry) -> Any:
        """`auto_pad`: ONNX has SAME_UPPER, SAME_LOWER and VALID, and passes `output_padding` on."""
        height, width = geometry.axes
        extra = height.output_padding or 0, width.output_padding or 0
        words = {"auto_pad": "SAME_UPPER" if height.same else "VALID", "output_padding": extra}
        return self._computed(inputs, kernel, bias, geometry, words)

    def exact(self, inputs: Any, kernel: Any, bias: Any, geometry: Geometry) -> Any:
        """`pads` for what is cropped, `output_padding` for what is appended."""
        cut = crops_of(inputs, geometry)
        words = {"pads": pads(cut), "output_padding": output_padding(cut)}
        return self._computed(inputs, kernel, bias, geometry, words)

    def _computed(
        self, inputs: Any, kernel: Any, bias: Any, geometry: Geometry, words: Mapping[str, Any]
    ) -> Any:
        images, weights = self.turned(inputs, kernel, geometry)
        given = {"inputs": images, "kernel": weights, **({} if bias is None else {"bias": bias})}
        outputs = self.run(
            model(
                given,
                kernel_shape=kernel.shape[:2],
                strides=strides_of(geometry),
                dilations=dilations_of(geometry),
                **words,
            ),
            given,
        )
        return self.turned_back(outputs, geometry)

    def run(self, model: Any, given: Mapping[str, Array]) -> Array:
        """Return the model's output."""
        from onnx.reference import ReferenceEvaluator

        found: Array = ReferenceEvaluator(model).run(None, dict(given))[0]
        return found


class RuntimeOperation(OnnxOperation):
    """ONNX Runtime on the processor."""

    def __init__(self, way: str) -> None:
        import onnxruntime

        super().__init__(way)
        onnxruntime.set_default_logger_severity(4)
        self._library = onnxruntime
        self._options = onnxruntime.SessionOptions()
        self._options.intra_op_num_threads = self._options.inter_op_num_threads = 1

    @property
    def refusals(self) -> tuple[type[Exception], ...]:  # type: ignore[override]
        """Everything that ONNX Runtime raises over a model or its inputs."""
        state = self._library.capi.onnxruntime_pybind11_state
        return state.Fail, state.InvalidArgument, state.InvalidGraph, state.RuntimeException

    def versions(self) -> Mapping[str, str]:
        """ONNX Runtime and ONNX."""
        return {"onnxruntime": self._library.__version__, **super().versions()}

    def run(self, model: Any, given: Mapping[str, Array]) -> Array:
        """Return the model's output."""
        session = self._library.InferenceSession(
            model.SerializeToString(), self._options, providers=["CPUExecutionProvider"]
        )
        found: Array = session.run(None, dict(given))[0]
        return found


def model(given: Mapping[str, Array], **attributes: Any) -> Any:
    """Return a model of one `ConvTranspose` of these inputs, whose types and shapes it declares."""
    from onnx import helper

    def declared(name: str, array: Array, shape: Any) -> Any:
        number = helper.np_dtype_to_tensor_dtype(array.dtype)
        return helper.make_tensor_value_info(name, number, shape)

    node = helper.make_node("ConvTranspose", list(given), ["outputs"], **attributes)
    graph = helper.make_graph(
        [node],
        "layer",
        [declared(name, array, array.shape) for name, array in given.items()],
        [declared("outputs", given["inputs"], None)],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=FORMAT
    )


def driver(variant: str, way: str) -> OnnxOperation:
    """Return ONNX Runtime, or ONNX's reference."""
    return RuntimeOperation(way) if variant == "runtime" else OnnxOperation(way)
