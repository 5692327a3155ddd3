"""The weights of a layer, its names, and the step that trains it: all but what it computes.

Groups VAR and ATTR, METH-07, CONS-01 to CONS-08.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from reference_impl.layer import names
from reference_impl.layer.calls.shapes import required_channels
from reference_impl.layer.configuration import Configuration
from reference_impl.layer.policy import DtypePolicy
from reference_impl.layer.tensors import to_dtype
from reference_impl.layer.weights.step import gradient_for, projected, step_size, stepped
from reference_impl.layer.weights.weight import Weight, create, frozen
from reference_impl.storage import Array, dtype_of

__all__ = ["WeightedLayer"]


class WeightedLayer(Configuration):
    """A configured layer that has a name, a scope and weights."""

    def __init__(self, arguments: dict[str, Any], keywords: dict[str, Any]) -> None:
        super().__init__(arguments, keywords)
        name = arguments["name"]
        self.built = False
        class_name = names.snake_case(type(self).__name__)
        self._name = name if name else names.default_name(class_name)
        self._base_name = name if name else class_name
        self._reuse = bool(keywords.get("_reuse"))
        scope = keywords.get("_scope")
        self._scope: str | None = names.open_scope(scope) if scope else None
        self._channels: int | None = None
        self._weights: list[Weight] = []

    @property
    def name(self) -> Any:
        """The given name, not made unique, or a generated one (VAR-02)."""
        return self._name

    @property
    def scope_name(self) -> str:
        """The scope of the weights' names, fixed by the first call or build (ATTR-02, VAR-02).

        Raises:
            ValueError: the layer was neither called nor built.
        """
        if self._scope is None:
            raise ValueError(
                f'No name available for layer scope because the layer "{self._name}" has not been '
                "used yet. The scope name is determined the first time the layer is called "
                "(ATTR-02)."
            )
        return self._scope

    @property
    def graph(self) -> Any:
        """Never available: warns, then raises (ATTR-01).

        Raises:
            RuntimeError: always, as in eager mode.
        """
        warnings.warn("`Layer.graph` is deprecated: layers no longer track it.", stacklevel=2)
        raise RuntimeError("Layer.graph not supported when executing eagerly (ATTR-01).")

    @property
    def dtype(self) -> str | None:
        """Name of the weights' dtype; None until it is known from the first input (DTYPE-01)."""
        return None if self._policy is None else self._policy.variable

    @property
    def kernel(self) -> Array:
        """(kernel_height, kernel_width, filters, in_channels), read-only; may be assigned to (FMT-03, VAR-01)."""
        return self._newest("kernel").value

    @kernel.setter
    def kernel(self, value: Any) -> None:
        weight = self._newest("kernel")
        weight.value = self._fitting(weight, value)

    @property
    def bias(self) -> Array | None:
        """(filters,), read-only; may be assigned to; None where use_bias is false (ARG-08)."""
        if self.built and not self.use_bias:
            return None
        return self._newest("bias").value

    @bias.setter
    def bias(self, value: Any) -> None:
        weight = self._newest("bias")
        weight.value = self._fitting(weight, value)

    @property
    def weights(self) -> list[Array]:
        """Trainable weights, then the others: [kernel, bias] (VAR-01)."""
        return [weight.value for weight in self._ordered()]

    @property
    def trainable_weights(self) -> list[Array]:
        """The weights that `apply_gradients` changes (VAR-06)."""
        return [weight.value for weight in self._trainable()]

    @property
    def non_trainable_weights(self) -> list[Array]:
        """The other weights: all of them where the layer is not trainable (VAR-06)."""
        trainable = self._trainable()
        return [weight.value for weight in self._ordered() if weight not in trainable]

    def get_weights(self) -> list[Array]:
        """Copies of the weights; [] before the layer is built (METH-07)."""
        return [weight.value.copy() for weight in self._ordered()]

    def set_weights(self, weights: Any) -> None:
        """Replaces the weights by these values, cast to their dtype (METH-07).

        Args:
            weights: [kernel, bias] as arrays of the weights' shapes.

        Raises:
            ValueError: another number of arrays, another shape (a list has the shape ()), or an array
                of text, dates, None or complex numbers, of which TensorFlow makes numbers.
        """
        own = self._ordered()
        if len(weights) != len(own):
            raise ValueError(
                f'You called `set_weights(weights)` on layer "{self._name}" with a weight list of '
                f"length {len(weights)}, but the layer was expecting {len(own)} weights (METH-07)."
            )
        values = [self._fitting(weight, value) for weight, value in zip(own, weights, strict=True)]
        for weight, value in zip(own, values, strict=True):
            weight.value = value

    def count_params(self) -> int:
        """How many numbers the weights hold (VAR-14).

        Raises:
            ValueError: the layer isn't built.
        """
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on layer {self._name}, but the layer isn't "
                "built. You can build it via `build(batch_input_shape)` (VAR-14)."
            )
        return sum(weight.value.size for weight in self._weights)

    def build(self, input_shape: Any) -> None:
        """Creates the weights. Without a dtype they are float32 (DTYPE-01).

        Args:
            input_shape: four sizes in the order of `data_format`; only the channels are used.

        Raises:
            ValueError: another rank, or unknown channels (SHAPE-08, SHAPE-10); a name that is not
                a string (ARG-10).
        """
        channels = required_channels(input_shape, self._channel_axis)
        self._open_scope(None)
        self._policy = self._known_policy
        self._channels = channels
        shapes = {"kernel": (*self.kernel_size, self.filters, channels), "bias": (self.filters,)}
        for name in shapes if self.use_bias else ["kernel"]:
            weight = create(
                name,
                shapes[name],
                dtype_of(self._policy.variable),
                getattr(self, f"{name}_initializer"),
                regularizer=getattr(self, f"{name}_regularizer"),
                constraint=getattr(self, f"{name}_constraint"),
                trainable=bool(self.trainable),
            )
            self._weights.append(weight)
        self.built = True

    def apply_gradients(self, gradients: Any, learning_rate: float) -> None:
        """One step `w - learning_rate * gradient` per weight, each followed by its constraint.

        Args:
            gradients: [kernel gradient, bias gradient]; None leaves a weight as it is, without
                projecting it (CONS-06).
            learning_rate: one number, taken in the weights' dtype.

        Raises:
            ValueError: the layer has no trainable weights (CONS-08); only None, or another number
                of gradients than weights; None, a date or an object where a number is needed; a
                constraint that returns None or another shape.
            InvalidArgumentError: gradients or weights that are not floating; another shape.
        """
        weights = self._trainable()
        if not weights:
            raise ValueError(
                "No variables to optimize: the layer has no trainable weights (CONS-08)."
            )
        if not isinstance(gradients, (list, tuple)):
            raise ValueError(
                f"`gradients` must be a list with one entry per weight; got {gradients!r}"
            )
        gradients = list(gradients)
        if len(gradients) == len(weights) + 1 and gradients[-1] is None:
            gradients.pop()
        if len(gradients) != len(weights):
            raise ValueError(f"{len(weights)} gradients are needed; got {len(gradients)}")
        if all(gradient is None for gradient in gradients):
            raise ValueError("No gradients provided for any variable")
        rate = step_size(learning_rate)
        steps = [
            (weight, gradient_for(weight.value, gradient, weight.name))
            for weight, gradient in zip(weights, gradients, strict=True)
            if gradient is not None
        ]
        for weight, gradient in steps:
            weight.value = stepped(weight.value, gradient, rate)
            if weight.constraint:
                weight.value = projected(weight.constraint, weight.value)

    @property
    def _channel_axis(self) -> int:
        return -3 if self.data_format == "channels_first" else -1

    @property
    def _known_policy(self) -> DtypePolicy:
        """The policy, float32 where it is still open (DTYPE-01)."""
        return self._policy or DtypePolicy("float32", "float32")

    def _newest(self, name: str) -> Weight:
        for weight in reversed(self._weights):
            if weight.name == name:
                return weight
        raise AttributeError(f"the layer {self._name!r} has no {name}: it isn't built")

    def _fitting(self, weight: Weight, value: Any) -> Array:
        """A value that fits the weight, cast to its dtype (METH-07)."""
        shape = tuple(getattr(value, "shape", ()))
        if shape != weight.value.shape:
            raise ValueError(
                f"Layer {self._name} weight shape {weight.value.shape} is not compatible with "
                f"provided weight shape {shape} ({weight.name}, METH-07)."
            )
        array = value if hasattr(value, "dtype") else np.asarray(value)
        return frozen(to_dtype(array, weight.value.dtype, f"the new {weight.name}"))

    def _trainable(self) -> list[Weight]:
        return [weight for weight in self._weights if weight.trainable and self.trainable]

    def _ordered(self) -> list[Weight]:
        return sorted(self._weights, key=lambda weight: not weight.trainable)

    def _open_scope(self, scope: str | None) -> None:
        if self._scope is None and scope is not None:
            self._scope = names.open_scope(scope)
        elif self._scope is None and self._reuse:
            self._scope = names.open_scope(self._base_name)
        elif self._scope is None:
            self._scope = names.unique_scope(self._base_name)
