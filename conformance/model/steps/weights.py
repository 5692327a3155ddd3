"""Steps about weights."""

from __future__ import annotations

import attrs

from conformance.model.steps.backend import Backend
from conformance.model.steps.step import Shape, Step
from conformance.model.steps.words import Words
from conformance.model.values.codec import Array, Value


@attrs.frozen
class Build(Step):
    """Create the weights for inputs of this shape, without a call."""

    changes_state = True
    input_shape: Shape

    def run(self, backend: Backend) -> None:
        backend.layer.build(self.input_shape)

    def source(self, words: Words) -> str:
        return f"layer.build({words.shape(self.input_shape)})"


@attrs.frozen(eq=False)
class SetWeights(Step):
    """Replace kernel and bias: `[kernel, bias]`, or `[kernel]` without bias."""

    changes_state = True
    values: tuple[Array, ...]

    def run(self, backend: Backend) -> None:
        names = (f"weights[{place}]" for place in range(len(self.values)))
        backend.layer.set_weights(backend.give(**dict(zip(names, self.values))))

    def source(self, words: Words) -> str:
        return f"layer.set_weights([{', '.join(map(words.array, self.values))}])"


@attrs.frozen
class GetWeights(Step):
    """Read the weights: `[kernel, bias]`, or `[kernel]` without bias."""

    text = "{words.weights}"

    def run(self, backend: Backend) -> Value:
        return backend.plain(backend.weights())


@attrs.frozen
class SameWeights(Step):
    """For each weight, whether it is the very weight of the layer `other`."""

    names_layers = True
    text = "[a is b for a, b in zip(layer.weights, layers[{step.other!r}].weights)]"
    other: str

    def run(self, backend: Backend) -> Value:
        pairs = zip(backend.attribute("weights"), backend.layers[self.other].weights)
        return [one is other for one, other in pairs]


@attrs.frozen
class WeightNames(Step):
    """Read the names of the variables."""

    text = "[weight.name for weight in layer.weights]"


@attrs.frozen
class WeightTypes(Step):
    """Read the names of the variables' classes."""

    text = "type(layer.kernel), type(layer.bias)"
