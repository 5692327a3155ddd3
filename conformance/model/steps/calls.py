"""Steps that call the layer, or ask what a call would give."""

from __future__ import annotations

from typing import Any

import attrs

from conformance.model.steps.backend import Backend
from conformance.model.steps.step import Encoded, Shape, Step, names_an_attribute
from conformance.model.steps.words import Words
from conformance.model.values.codec import Array, Value


def sizes(shape: Any) -> Value:
    """Return a shape as a list, with None for an unknown size; None where even the rank is unknown."""
    if getattr(shape, "rank", 0) is None:
        return None
    known = [getattr(size, "value", size) for size in shape]  # TensorFlow 1 has Dimensions here
    return [None if size is None else int(size) for size in known]


@attrs.frozen(eq=False)
class Call(Step):
    """Call the layer, or its `apply`, on `inputs` (in the case's own data format)."""

    changes_state = True
    gives_tensors = True
    inputs: Array
    via: str = "call"

    def run(self, backend: Backend) -> Value:
        function = backend.layer if self.via == "call" else backend.attribute(self.via)
        (inputs,) = backend.lend(inputs=self.inputs)
        backend.last = inputs, backend.called(function, inputs)
        return backend.plain(backend.last[1])

    def source(self, words: Words) -> str:
        return words.called(self._function, words.tensor(self.inputs))

    def source_between(self, words: Words) -> str:
        # Later steps may ask about both.
        called = words.called(self._function, f"inputs := {words.tensor(self.inputs)}")
        return f"outputs = {called}"

    @property
    def _function(self) -> str:
        return "layer" if self.via == "call" else f"layer.{self.via}"


@attrs.frozen(eq=False)
class ConvolutionOp(Step):
    """Call `convolution_op(inputs, kernel)`; None is the layer's own kernel."""

    gives_tensors = True
    inputs: Array
    kernel: Array | None = None

    def run(self, backend: Backend) -> Value:
        function = backend.attribute("convolution_op")
        if self.kernel is None:
            (inputs,), kernel = backend.lend(inputs=self.inputs), backend.layer.kernel
        else:
            inputs, kernel = backend.lend(inputs=self.inputs, filters=self.kernel)
        backend.last = inputs, backend.called(lambda x: function(x, kernel), inputs)
        return backend.plain(backend.last[1])

    def source(self, words: Words) -> str:
        kernel = "layer.kernel" if self.kernel is None else words.array(self.kernel)
        return words.called("layer.convolution_op", words.tensor(self.inputs), others=(kernel,))


@attrs.frozen(eq=False)
class Invoke(Step):
    """Call a method (`call` is the layer itself) with values as they are, and read its result."""

    changes_state = True
    method: str = attrs.field(validator=names_an_attribute)
    arguments: Encoded = ()
    keywords: Encoded = attrs.field(factory=dict)

    def run(self, backend: Backend) -> Value:
        function = backend.layer if self.method == "call" else backend.attribute(self.method)
        arguments = map(backend.resolved, self.arguments)
        keywords = {name: backend.resolved(value) for name, value in self.keywords.items()}
        return backend.plain(function(*arguments, **keywords))

    def source(self, words: Words) -> str:
        method = "layer" if self.method == "call" else f"layer.{self.method}"
        return f"{method}({words.given(self.arguments, self.keywords)})"


@attrs.frozen
class ComputeOutputShape(Step):
    """Ask `compute_output_shape`; None in the shape is an unknown size, no shape is None itself."""

    input_shape: Shape | None

    def source(self, words: Words) -> str:
        shape = self.input_shape
        return f"layer.compute_output_shape({shape if shape is None else words.shape(shape)})"

    def run(self, backend: Backend) -> Value:
        return sizes(backend.attribute("compute_output_shape")(self.input_shape))


@attrs.frozen
class StaticShape(Step):
    """Call on a symbolic input with unknown sizes (None), and read the output's static shape."""

    text = "layer(tf.compat.v1.placeholder('float32', {step.input_shape})).shape"
    input_shape: Shape | None


@attrs.frozen(eq=False)
class InFunction(Step):
    """Call in a traced function twice; `where` the layer is constructed: `inside`, `outside` or `shim`.

    `shim` is inside, with `track_tf1_style_variables` around it. The value is the second output.
    """

    inputs: Array
    where: str


@attrs.frozen
class InModel(Step):
    """Put the layer into a `sequential`, `functional` or `subclassed` Keras model.

    A subclassed one is also called, trained, saved and restored; the value tells what came of it.
    """

    kind: str
