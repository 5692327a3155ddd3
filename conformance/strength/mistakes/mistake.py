"""What a mistake is, and the few ways to make one: change arguments, inputs, outputs, a method."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import attrs
import numpy as np

import fast_impl
from conformance.model.arguments import PAGE
from conformance.model.values.codec import Array

Layer: TypeAlias = Any
#: Methods and properties of a wrong layer by name.
Members: TypeAlias = Mapping[str, Any]
#: A clause that must reject a mistake, the mistake's name, what it does wrong, what the layer has for that.
Row: TypeAlias = tuple[str, str, str, Members]


@attrs.frozen(kw_only=True)
class Mistake:
    """A wrong layer.

    Args:
        id: such as `M02_height`; the number is that of the list of known mistakes where there is one.
        text: what it does wrong, in one sentence.
        source: the thread in which somebody made it, or why somebody might.
        clauses: clauses that must reject it, among others.
        layer: the class.
    """

    id: str
    text: str
    source: str
    clauses: tuple[str, ...]
    layer: type


class Right(fast_impl.Conv2DTranspose):
    """The right layer, with doors for mistakes: each does nothing until a mistake overrides it."""

    def __init__(self, *positional: Any, **arguments: Any) -> None:
        if len(positional) > len(PAGE):
            raise TypeError("too many positional arguments")
        given = {**dict(zip(PAGE, positional)), **arguments}
        super().__init__(**self.changed_arguments(given))

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Call the right layer between the doors."""
        outputs = super().__call__(self.changed_inputs(inputs), *args, **kwargs)
        if not isinstance(outputs, np.ndarray) or np.ndim(inputs) != 4:
            return outputs
        return self.changed_outputs(np.asarray(inputs), outputs)

    def changed_arguments(self, given: dict[str, Any]) -> dict[str, Any]:
        """Change the constructor's arguments."""
        return given

    def changed_inputs(self, inputs: Any) -> Any:
        """Change the inputs of a call."""
        return inputs

    def changed_outputs(self, _: Array, outputs: Array) -> Array:
        """Change the outputs of a call."""
        return outputs


# The signature is looked at, too: that of `Right` must be right.
functools.update_wrapper(Right.__init__, fast_impl.Conv2DTranspose.__init__)


def inherited(layer: Layer, name: str) -> Any:
    """Return the right layer's property."""
    return getattr(super(Right, layer), name)


def outputs_changed(change: Callable[[Layer, Array, Array], Array]) -> type:
    """Return a layer whose outputs are changed: `change(layer, inputs, outputs)`."""
    return type("Wrong", (Right,), {"changed_outputs": change})


def inputs_changed(change: Callable[[Any], Any]) -> type:
    """Return a layer whose inputs are changed."""
    return type("Wrong", (Right,), {"changed_inputs": lambda _, inputs: change(inputs)})


def arguments_changed(change: Callable[[dict[str, Any]], Any]) -> type:
    """Return a layer whose constructor's arguments are changed in place, or replaced."""

    def changed(_: Layer, given: dict[str, Any]) -> dict[str, Any]:
        replaced: dict[str, Any] | None = change(given)
        return given if replaced is None else replaced

    return type("Wrong", (Right,), {"changed_arguments": changed})


def overridden(**members: Any) -> type:
    """Return a layer with methods or properties replaced."""
    return type("Wrong", (Right,), members)


def mistakes_of(
    source: str, clauses: tuple[str, ...], *rows: tuple[str, str, Members]
) -> Iterator[Mistake]:
    """Yield a mistake for each row: its id, what it does wrong, what the layer has for that."""
    for name, text, members in rows:
        wrong = overridden(**members)
        yield Mistake(id=name, text=text, source=source, clauses=clauses, layer=wrong)


def mistakes_in(source: str, prefix: str, *tables: tuple[Row, ...]) -> Iterator[Mistake]:
    """Yield a mistake for each row of tables: its clause, the rest of its id, what it does wrong, its members."""
    for clause, name, text, members in itertools.chain(*tables):
        yield from mistakes_of(source, (clause,), (f"{prefix}_{name}", text, members))


def loss_gradients_changed(change: Callable[[Array], Array]) -> Members:
    """Return what changes every gradient of a penalty that there is."""

    def loss_gradients(self: Layer) -> list[Any]:
        return [g if g is None else change(g) for g in Right.loss_gradients(self)]

    return {"loss_gradients": loss_gradients}


def own_state(layer: Layer, name: str) -> Any:
    """Return a dict that a mistake keeps in the layer."""
    return layer.__dict__.setdefault(f"wrong {name}", {})


def recomputed(layer: Layer, inputs: Array, **changes: Any) -> Array:
    """Compute the layer's output anew with some arguments of the function changed."""
    return np.asarray(layer.activation(sums(layer, inputs, **changes)))


def sums(layer: Layer, inputs: Array, **changes: Any) -> Array:
    """Compute what comes before the activation, with some arguments of the function changed."""
    options: dict[str, Any] = {
        "inputs": inputs,
        "kernel": layer.kernel,
        "strides": layer.strides,
        "padding": layer.padding,
        "data_format": layer.data_format,
        "bias": layer.bias,
        "dilation_rate": layer.dilation_rate,
        "output_padding": layer.output_padding,
        **changes,
    }
    outputs: Array = fast_impl.conv2d_transpose(
        options.pop("inputs"), options.pop("kernel"), **options
    )
    return outputs


def spatial_axes(layer: Layer) -> tuple[int, int]:
    """Return the axes of height and width."""
    return (2, 3) if layer.data_format == "channels_first" else (1, 2)


def channel_axis(layer: Layer) -> int:
    """Return the axis of channels."""
    return 1 if layer.data_format == "channels_first" else 3


#: Axes of an image by the layer's data format.
AXES: Mapping[str, Callable[[Layer], int]] = {
    "batch": lambda _: 0,
    "height": lambda layer: spatial_axes(layer)[0],
    "width": lambda layer: spatial_axes(layer)[1],
    "channels": channel_axis,
}


def zeroed(array: Array, axis: int, place: int | slice) -> Array:
    """Return a copy in which a place along an axis, or some, are zero."""
    cut = np.array(array)
    np.moveaxis(cut, axis, 0)[place] = 0
    return cut


def with_gradient(found: Any, place: int, gradient: Any) -> Any:
    """Return gradients of which the one at `place` is another."""
    return found._replace(**{found._fields[place]: gradient})
