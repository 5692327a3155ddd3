"""TensorFlow.js, in a Node.js process that `tfjs.js` beside this file runs in: its layer, and its operation."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from conformance.model.geometry import Geometry
from conformance.model.observation import Unsupported
from conformance.model.values.codec import Array
from conformance.subjects.frameworks import node
from conformance.subjects.frameworks.operation import (
    ArrayOperation,
    crops_of,
    dilations_of,
    strides_of,
)

_PROGRAM = Path(__file__).with_suffix(".js")
_DTYPES = ("float32", "int32")


class TfjsError(Exception):
    """What TensorFlow.js raised."""


class TfjsOperation(ArrayOperation):
    """Asks the process; `natural` is `tf.layers.conv2dTranspose`, `exact` is `tf.conv2dTranspose` and slices."""

    refusals = (TfjsError,)

    def __init__(self, way: str, backend: str) -> None:
        super().__init__(way)
        self._backend = backend
        self._process: Any = None
        self._end: Callable[[], object] = lambda: None
        self._upstream: Array | None = None

    def versions(self) -> Mapping[str, str]:
        """TensorFlow.js and Node.js."""
        found: Mapping[str, str] = self._ask({})["versions"]
        return found

    def tensor(self, array: Array) -> Any:
        """The array itself, in a dtype that tensors of TensorFlow.js have."""
        if array.dtype.name not in _DTYPES:
            raise Unsupported(f"TensorFlow.js has no dtype {array.dtype.name}")
        return array

    def natural(self, inputs: Any, kernel: Any, bias: Any, geometry: Geometry) -> Any:
        """`tf.layers.conv2dTranspose`, which has all of the arguments but `output_padding`."""
        if any(axis.output_padding is not None for axis in geometry.axes):
            raise Unsupported("tf.layers.conv2dTranspose has no outputPadding")
        if inputs.dtype != np.float32:
            raise Unsupported(f"tf.layers.conv2dTranspose makes no {inputs.dtype} weights")
        return self._computed("natural", inputs, kernel, bias, geometry)

    def exact(self, inputs: Any, kernel: Any, bias: Any, geometry: Geometry) -> Any:
        """The full result of `tf.conv2dTranspose`, cropped and extended."""
        if dilations_of(geometry) != (1, 1):
            raise Unsupported("tf.conv2dTranspose has no dilations")
        cut = crops_of(inputs, geometry)
        words = [
            {"before": crop.before, "dropped": crop.dropped, "appended": crop.appended}
            for crop in cut
        ]
        return self._computed("exact", inputs, kernel, bias, geometry, crops=words)

    def derivatives(self, forward: Callable[..., Any], sources: list[Any], upstream: Any) -> Any:
        """By `tf.grads`, and by `tf.variableGrads` for the layer's weights."""
        self._upstream = upstream
        try:
            return forward(*sources)
        finally:
            self._upstream = None

    def _computed(
        self, way: str, inputs: Any, kernel: Any, bias: Any, geometry: Geometry, **words: Any
    ) -> Any:
        height, width, filters, _ = kernel.shape
        words |= {
            "filters": filters,
            "kernelSize": [height, width],
            "strides": strides_of(geometry),
            "dilationRate": dilations_of(geometry),
            "padding": "same" if geometry.height.same else "valid",
            "dataFormat": "channelsFirst" if geometry.channels_first else "channelsLast",
        }
        arrays = {"inputs": inputs, "kernel": kernel, "bias": bias, "upstream": self._upstream}
        given = {name: _encoded(array) for name, array in arrays.items() if array is not None}
        found = [*map(_decoded, self._ask({"way": way, "words": words, **given})["arrays"])]
        return found if self._upstream is not None else found[0]

    def _ask(self, question: Mapping[str, Any]) -> Any:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = process = _started(self._backend)
            self._end = weakref.finalize(self, _ended, process)
        line = ""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of Node.js ended with status {self._process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            if answer["isLast"]:
                self._end()
            raise TfjsError(answer["error"])
        return answer


def _started(backend: str) -> Any:
    return subprocess.Popen(
        [node.program("node"), str(_PROGRAM), backend],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "NODE_PATH": os.pathsep.join(map(str, node.folders()))},
    )


def _ended(process: Any) -> None:
    process.kill()
    process.communicate()


def _encoded(array: Array) -> Mapping[str, Any]:
    return {
        "shape": array.shape,
        "dtype": array.dtype.name,
        "base64": base64.b64encode(np.ascontiguousarray(array).data).decode(),
    }


def _decoded(data: Mapping[str, Any]) -> Array:
    raw = base64.b64decode(data["base64"])
    found: Array = np.frombuffer(raw, data["dtype"]).reshape(data["shape"]).copy()
    return found


def driver(variant: str, way: str) -> TfjsOperation:
    """Return TensorFlow.js on the backend `variant`: cpu or wasm."""
    return TfjsOperation(way, variant)
