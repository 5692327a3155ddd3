"""A case: constructor arguments and a short list of steps, as plain data.

A case goes to JSON and back without loss and has an id made of its content, so that it can be
kept, sent, replayed against another subject, or turned into a script.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, TypeAlias, get_origin

import attrs
import cattrs
import numpy as np
from cattrs.strategies import configure_tagged_union

from conformance.model.codec import Array, Value, canonical_json, decode, encode

Shape: TypeAlias = tuple[int | None, ...]
#: A field of any values, arrays and named functions and literals among them.
Encoded: TypeAlias = Annotated[Any, "encoded"]


@attrs.frozen
class Build:
    """Create the weights for inputs of this shape, without a call."""

    input_shape: Shape


@attrs.frozen(eq=False)
class SetWeights:
    """Replace kernel and bias: `[kernel, bias]`, or `[kernel]` without bias."""

    values: tuple[Array, ...]


@attrs.frozen
class GetWeights:
    """Read the weights: `[kernel, bias]`, or `[kernel]` without bias."""


@attrs.frozen(eq=False)
class Call:
    """Call the layer, or its `apply`, on `inputs` (in the case's own data format)."""

    inputs: Array
    via: str = "call"


@attrs.frozen
class Losses:
    """Read `losses`: a list of scalars."""


@attrs.frozen
class LossIdentity:
    """Read `losses` twice: for each entry, whether both times gave the same object."""


@attrs.frozen
class LossesFor:
    """Read `get_losses_for(target)`.

    `target` names what is passed: `inputs`, `outputs`, `kernel`, `bias` (of the last call), `nested` (a
    dict with a list with the inputs), `empty` (an empty list), `none` (None), `text` (a string),
    `number` (an int), `foreign` (an array no call has seen).
    """

    target: str


@attrs.frozen
class UpdatesFor:
    """Read `get_updates_for(target)`; targets as in `LossesFor`."""

    target: str


@attrs.frozen
class ComputeOutputShape:
    """Ask `compute_output_shape`; None in the shape is an unknown size, no shape is None itself."""

    input_shape: Shape | None


@attrs.frozen
class StaticShape:
    """Call on a symbolic input with unknown sizes (None), and read the output's static shape."""

    input_shape: Shape | None


@attrs.frozen(eq=False)
class Gradients:
    """Gradients of `sum(output * output_gradient)` by inputs, kernel and bias, losses not added."""

    inputs: Array
    output_gradient: Array


@attrs.frozen
class LossGradients:
    """Gradients of the sum of all weight losses by kernel and bias."""


@attrs.frozen(eq=False)
class SecondGradient:
    """Gradient by the kernel of `sum(dx * dx)`, dx being the gradient by the inputs."""

    inputs: Array
    output_gradient: Array


@attrs.frozen(eq=False)
class Train:
    """One step of `optimizer` on `sum(output * output_gradient)`, then the constraints.

    `gradient_descent` is the plain step `w - learning_rate * gradient`; any other name is one of
    TensorFlow's optimizers (`v1.Adam`, `keras.SGD` ...), which only TensorFlow subjects have.
    """

    inputs: Array
    output_gradient: Array
    learning_rate: float
    optimizer: str = "gradient_descent"


@attrs.frozen(eq=False)
class ConvolutionOp:
    """Call `convolution_op(inputs, kernel)`; None is the layer's own kernel."""

    inputs: Array
    kernel: Array | None = None


@attrs.frozen
class Collection:
    """Read the scalars in a graph collection, such as `regularization_losses`."""

    name: str


@attrs.frozen
class Read:
    """Read an attribute of the layer."""

    attribute: str


@attrs.frozen(eq=False)
class Construct:
    """Construct another layer and turn to it: later steps speak to it.

    `arguments` are as a case's own; `positional` come before them.
    """

    layer: str
    arguments: Encoded
    positional: Encoded = ()


@attrs.frozen
class Use:
    """Turn to a layer by its name in the case; the case's own is called `layer`."""

    layer: str


@attrs.frozen(eq=False)
class Invoke:
    """Call a method (`call` is the layer itself) with values as they are, and read its result."""

    method: str
    arguments: Encoded = ()
    keywords: Encoded = attrs.field(factory=dict)


@attrs.frozen(eq=False)
class Assign:
    """Set an attribute of the layer."""

    attribute: str
    value: Encoded


@attrs.frozen
class Has:
    """For each name, whether the layer has such an attribute."""

    attributes: tuple[str, ...]


@attrs.frozen
class Warned:
    """Do something and read the categories of its warnings; `action` is `construct`, `call` or an attribute."""

    action: str


@attrs.frozen
class Signature:
    """Read the constructor's parameters: a name and the default's text each, None without default."""


@attrs.frozen
class Bases:
    """Read the names of the layer's classes, module and name, most derived first."""


@attrs.frozen
class RoundTrip:
    """Make a layer from the layer's configuration and turn to it; read both configurations."""


@attrs.frozen
class Copy:
    """Copy the layer and turn to the copy; `how` is `deepcopy` or `pickle`."""

    how: str


@attrs.frozen
class SameWeights:
    """For each weight, whether it is the very weight of the layer `other`."""

    other: str


@attrs.frozen
class WeightNames:
    """Read the names of the variables."""


@attrs.frozen
class WeightTypes:
    """Read the names of the variables' classes."""


@attrs.frozen
class OutputName:
    """Read the name of the last call's output in the graph."""


@attrs.frozen
class Collections:
    """Read every graph collection: the names of its members."""


@attrs.frozen(eq=False)
class Enter:
    """Enter a scope of TensorFlow's (`variable_scope`, `name_scope`, `keras_style_scope`) with arguments."""

    scope: str
    arguments: Encoded = attrs.field(factory=dict)


@attrs.frozen
class Leave:
    """Leave the scope that was entered last."""


@attrs.frozen
class Seed:
    """Seed a global generator; `how` is `graph` (`tf.random.set_seed`) or `framework` (Keras and NumPy too)."""

    how: str
    seed: int


@attrs.frozen
class OtherMode:
    """Construct a layer in the other mode of the framework: eager in graph mode, graph in eager mode."""


@attrs.frozen(eq=False)
class Counterpart:
    """Call the native layer that the page names, made of the same arguments, with this layer's weights."""

    inputs: Array


@attrs.frozen
class CounterpartArguments:
    """Construct the native layer that the page names with these arguments, and read its `data_format`."""

    arguments: Encoded
    positional: Encoded = ()


@attrs.frozen
class CounterpartSignature:
    """Read the parameters of the native layer's constructor, as `Signature`."""


@attrs.frozen
class Example:
    """Run one of the page's two code examples: `before` or `after`."""

    which: str


@attrs.frozen(eq=False)
class InFunction:
    """Call in a traced function twice; `where` the layer is constructed: `inside`, `outside` or `shim`.

    `shim` is inside, with `track_tf1_style_variables` around it. The value is the second output.
    """

    inputs: Array
    where: str


@attrs.frozen
class InModel:
    """Put the layer into a `sequential` or `functional` Keras model."""

    kind: str


@attrs.frozen
class SourceLines:
    """Read where the class and four methods stand in the source: for each, its first and last line."""


@attrs.frozen
class WithoutLegacyKeras:
    """Read what the class's name gives in a fresh process of the same framework with its newest Keras."""


Step: TypeAlias = (
    Build
    | SetWeights
    | GetWeights
    | Call
    | Losses
    | LossIdentity
    | LossesFor
    | UpdatesFor
    | ComputeOutputShape
    | StaticShape
    | Gradients
    | LossGradients
    | SecondGradient
    | Train
    | ConvolutionOp
    | Collection
    | Read
    | Construct
    | Use
    | Invoke
    | Assign
    | Has
    | Warned
    | Signature
    | Bases
    | RoundTrip
    | Copy
    | SameWeights
    | WeightNames
    | WeightTypes
    | OutputName
    | Collections
    | Enter
    | Leave
    | Seed
    | OtherMode
    | Counterpart
    | CounterpartArguments
    | CounterpartSignature
    | Example
    | InFunction
    | InModel
    | SourceLines
    | WithoutLegacyKeras
)


@attrs.frozen(eq=False, slots=False, repr=False)
class Case:
    """Constructor arguments and steps.

    `arguments` holds the page's keyword arguments as JSON values; a function is
    ``{"function": NAME}`` of `conformance.model.callables`. `family` is the strategy that drew the case.
    """

    family: str
    arguments: Mapping[str, Value]
    steps: tuple[Step, ...]

    def __repr__(self) -> str:
        return f"<Case {self.id} of {self.family!r}>"

    @cached_property
    def id(self) -> str:
        """The case's stable name, made of its content."""
        content = {key: value for key, value in self._plain.items() if key != "family"}
        return "c-" + hashlib.sha256(canonical_json(content).encode()).hexdigest()[:12]

    @cached_property
    def _plain(self) -> dict[str, Any]:
        return {
            "family": self.family,
            "arguments": encode(dict(self.arguments)),
            "steps": [_CONVERTER.unstructure(step, unstructure_as=Step) for step in self.steps],
        }

    def to_json(self) -> dict[str, Any]:
        """Return the case as plain JSON, its id included."""
        return {"id": self.id, **self._plain}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Case:
        """Return the case that `to_json` wrote; raise ValueError where `data` is not one."""
        if not isinstance(data, Mapping) or not isinstance(data.get("arguments"), Mapping):
            raise ValueError(
                "not a case: an object with `arguments` (an object) and `steps` is needed"
            )
        try:
            return Case(
                family=str(data.get("family", "recorded")),
                arguments=decode(data["arguments"]),
                steps=tuple(_CONVERTER.structure(step, Step) for step in data["steps"]),  # type: ignore[arg-type]
            )
        except cattrs.BaseValidationError as error:
            raise ValueError("not a case: " + "; ".join(cattrs.transform_error(error))) from error
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a case: {type(error).__name__}: {error}") from error

    def argument(self, name: str, default: Value = None) -> Value:
        """Return a constructor argument, or `default` where the case leaves it out."""
        return self.arguments.get(name, default)


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_unstructure_hook_func(_is_array, encode)
    converter.register_structure_hook_func(_is_array, _structure_array)
    converter.register_unstructure_hook_func(_is_encoded, encode)
    converter.register_structure_hook_func(_is_encoded, lambda data, _: decode(data))
    configure_tagged_union(
        Step,
        converter,
        tag_name="do",
        tag_generator=lambda cls: _snake_case(cls.__name__),
    )
    return converter


def _is_array(annotation: Any) -> bool:
    return (get_origin(annotation) or annotation) is np.ndarray


def _is_encoded(annotation: Any) -> bool:
    return bool(annotation == Encoded)


def _structure_array(data: Any, _: Any) -> Array:
    value = decode(data)
    if not isinstance(value, np.ndarray):
        raise TypeError(f"expected an array as shape, dtype and base64, got {data!r}")
    return value


def _snake_case(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


def step_name(step: Step) -> str:
    """Return the step's name in JSON, such as ``set_weights``."""
    return _snake_case(type(step).__name__)


_CONVERTER = _make_converter()
