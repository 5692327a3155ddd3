"""The layer: `tf.compat.v1.layers.Conv2DTranspose` on NumPy arrays.

Numbers, shapes, dtypes, names, error categories and their moment are those of TensorFlow 2.15 in
eager mode. `get_losses_for` and `get_updates_for` always exist and mean what they mean in graph
mode. Where TensorFlow crashes or returns uninitialised memory, this layer does the right thing.
"""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

import numpy as np

from reference_impl import names
from reference_impl.activations import gradient as activation_gradient
from reference_impl.calling import (
    as_tensor,
    require_computable,
    require_creatable,
    require_operand_dtypes,
    require_shape,
)
from reference_impl.configuration import Configuration, batch_input_shape
from reference_impl.forward import conv2d_transpose
from reference_impl.gradients import Gradients, conv2d_transpose_gradients
from reference_impl.initializers import Zeros
from reference_impl.layer_convolution import layer_convolution
from reference_impl.layer_shapes import required_channels, static_output_shape
from reference_impl.losses import ActivityLosses, weight_loss
from reference_impl.policy import DtypePolicy
from reference_impl.shapes import Shape
from reference_impl.storage import Array, cast, dtype_of
from reference_impl.training import projected, stepped
from reference_impl.weights import Weight, create, frozen

__all__ = ["Conv2DTranspose"]

Layer = TypeVar("Layer", bound="Conv2DTranspose")

_ZEROS = Zeros("float32")


class Conv2DTranspose(Configuration):
    """Transposed 2-D convolution layer.

    `output = activation(conv2d_transpose(inputs, kernel) + bias)`. The weights are created at the
    first call, or by `build`. All 16 arguments may be given by position.

    Args:
        filters: number of output channels; a float is truncated (ARG-02).
        kernel_size: pair or one integer: height and width of the kernel (ARG-03).
        strides: pair or one integer (ARG-04).
        padding: "valid" or "same", in any case (ARG-05). The layer crops its full result; "same"
            has the length `input * stride` (SHAPE-02, PAD-01).
        data_format: "channels_last" or "channels_first", in any case; None is channels_last.
        activation: a name, a config dict, a callable array -> array, or None for linear. A
            callable needs an attribute `derivative` (array -> array of the same shape, the
            element-wise derivative) only for `gradients`.
        use_bias: truth value (ARG-08).
        kernel_initializer: a name, a config dict, a class or a callable `(shape, dtype=dtype)`;
            None is Glorot uniform (INIT-01).
        bias_initializer: the same; zeros by default, and Glorot uniform for None (INIT-04).
        kernel_regularizer, bias_regularizer: a name, a config dict or a callable array -> scalar.
        activity_regularizer: the same, of the output; its value is divided by the batch size.
        kernel_constraint, bias_constraint: a name, a config dict or a callable array -> array,
            applied after each update.
        trainable: True or False (ARG-09).
        name: any string; None or "" is `conv2d_transpose_1`, `_2`, ... (VAR-02).
        **kwargs: dilation_rate, output_padding, groups (without effect, ARG-15), dtype, autocast,
            weights, and those that have no effect here (ARG-11).

    Raises:
        ValueError, TypeError, AttributeError: as the rows of group ARG say.
    """

    def __init__(
        self,
        filters: Any,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: Any = "valid",
        data_format: Any = "channels_last",
        activation: Any = None,
        use_bias: Any = True,
        kernel_initializer: Any = None,
        bias_initializer: Any = _ZEROS,
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        trainable: Any = True,
        name: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            trainable,
            kwargs,
        )
        self.built = False
        self._autocast = bool(kwargs.get("autocast", False))
        self._announced_shape = batch_input_shape(kwargs)
        self._given_weights = kwargs.get("weights")
        class_name = names.snake_case(type(self).__name__)
        self._name = name if name else names.default_name(class_name)
        self._base_name = name if name else class_name
        self._reuse = bool(kwargs.get("_reuse"))
        scope = kwargs.get("_scope")
        self._scope: str | None = names.open_scope(scope) if scope else None
        self._channels: int | None = None
        self._weights: list[Weight] = []
        self._activity_losses = ActivityLosses()

    # Names

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

    # Weights

    @property
    def kernel(self) -> Array:
        """(kernel_height, kernel_width, filters, in_channels), read-only (FMT-03, VAR-01)."""
        return self._newest("kernel").value

    @property
    def bias(self) -> Array | None:
        """(filters,), read-only; None where use_bias is false (ARG-08)."""
        if self.built and not self.use_bias:
            return None
        return self._newest("bias").value

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
            ValueError: another number of arrays, or another shape (a list has the shape ()).
        """
        own = self._ordered()
        if len(weights) != len(own):
            raise ValueError(
                f'You called `set_weights(weights)` on layer "{self._name}" with a weight list of '
                f"length {len(weights)}, but the layer was expecting {len(own)} weights (METH-07)."
            )
        for weight, value in zip(own, weights, strict=True):
            shape = tuple(getattr(value, "shape", ()))
            if shape != weight.value.shape:
                raise ValueError(
                    f"Layer {self._name} weight shape {weight.value.shape} is not compatible with "
                    f"provided weight shape {shape} ({weight.name}, METH-07)."
                )
        for weight, value in zip(own, weights, strict=True):
            weight.value = frozen(value, weight.value.dtype)

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

    # Building and calling

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
        if self._policy is None:
            self._policy = DtypePolicy("float32", "float32")
        self._channels = channels
        kernel_shape = (*self.kernel_size, self.filters, channels)
        self._add_weight(
            "kernel",
            kernel_shape,
            self.kernel_initializer,
            self.kernel_regularizer,
            self.kernel_constraint,
        )
        if self.use_bias:
            self._add_weight(
                "bias",
                (self.filters,),
                self.bias_initializer,
                self.bias_regularizer,
                self.bias_constraint,
            )
        self.built = True

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The layer's output; builds the layer at the first call.

        Args:
            inputs: (batch, height, width, channels), or channels before height; one NumPy array.
            *args: none are taken (METH-01).
            **kwargs: `training` has no effect; `scope` names the scope at the first call.

        Returns:
            The output, in the dtype of the layer; whatever the activation returns (ACT-02).

        Raises:
            ValueError: rank or channels that do not fit (SHAPE-10, SHAPE-13).
            TypeError: not an array (METH-08); a further argument (METH-01).
            InvalidArgumentError: a dtype that is not the layer's or not computed in (DTYPE-03,
                DTYPE-04); "same", an even kernel and output padding 0 (ARG-14).
        """
        self._open_scope(kwargs.pop("scope", None))
        self._activity_losses = ActivityLosses()
        images = self._prepared(inputs)
        if args or set(kwargs) - {"training"}:
            raise TypeError(
                "call() takes one array, `training` and `scope`; got further arguments "
                f"{[*args, *sorted(kwargs)]} (METH-01)"
            )
        outputs = self.activation(self._linear(images))
        if self.activity_regularizer:
            sources = [inputs, *self.weights]
            self._activity_losses.record(self.activity_regularizer, outputs, sources)
        return outputs

    def apply(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the layer (METH-01)."""
        return self(*args, **kwargs)

    def convolution_op(self, inputs: Any, kernel: Any) -> Array:
        """The forward convolution with the layer's strides, padding, dilation and layout.

        It has neither bias nor activation nor output padding. With the layer's own kernel it maps
        `filters` channels to `in_channels`: the adjoint of the layer (METH-02). It needs no built
        layer. channels_first is computed too, although TensorFlow's default backend on a CPU
        cannot (FMT-04).

        Args:
            inputs: (batch, height, width, channels), or channels before height, possibly with
                more batch axes in front.
            kernel: (kernel_height, kernel_width, in, out).

        Raises:
            ValueError: a kernel that has not four axes (METH-04).
            InvalidArgumentError: as `convolution`.
        """
        return layer_convolution(self, inputs, kernel)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """The shape of the output, None where a size is unknown; needs no built layer (SHAPE-07).

        Raises:
            IndexError, ValueError: as `static_output_shape` (SHAPE-09).
        """
        return static_output_shape(self, input_shape)

    # Losses

    @property
    def losses(self) -> list[Array]:
        """The activity losses of the last call, then the kernel's and the bias' (LOSS-04, LOSS-05).

        Raises:
            TypeError: a regularizer that is an unknown name (LOSS-09).
        """
        return [*self._activity_losses.values, *self.get_losses_for(None)]

    def get_losses_for(self, inputs: Any) -> list[Array]:
        """The activity losses that depend on the given arrays; for None, the weight losses.

        Args:
            inputs: the very arrays of the last call: its inputs, its output, the kernel or the
                bias; nested lists, tuples and dicts of them (LOSS-07).

        Raises:
            TypeError: something that is neither an array nor None.
        """
        if inputs is not None:
            return self._activity_losses.depending_on(inputs, self.weights)
        losses = [
            weight_loss(weight.regularizer, weight.value)
            for weight in self._weights
            if weight.regularizer
        ]
        return [loss for loss in losses if loss is not None]

    def get_updates_for(self, inputs: Any) -> list[Array]:
        """Always []: this layer has no updates (LOSS-08). Raises as `get_losses_for`."""
        if inputs is not None:
            ActivityLosses().depending_on(inputs, [])
        return []

    # Training

    def gradients(self, inputs: Any, output_gradient: Any) -> Gradients:
        """Gradients of `sum(layer(inputs) * output_gradient)`; losses are not added (GRAD-01).

        Args:
            inputs: as in a call; the layer is built if it was not, and no call is recorded.
            output_gradient: shape and dtype of the output.

        Returns:
            `Gradients` for the inputs, the kernel and the bias (None without a bias).

        Raises:
            TypeError: an activation that is a callable without the attribute `derivative`.
        """
        self._open_scope(None)
        images = self._prepared(inputs)
        values = self._linear(images)
        slopes = activation_gradient(self.activation, values, np.asarray(output_gradient))
        kernel = cast(self.kernel, values.dtype)
        found = conv2d_transpose_gradients(images, kernel, slopes, **self._geometry())
        return Gradients(
            cast(found.inputs, np.asarray(inputs).dtype),
            cast(found.kernel, self.kernel.dtype),
            None if self.bias is None else cast(found.bias, self.bias.dtype),
        )

    def apply_gradients(self, gradients: Any, learning_rate: float) -> None:
        """One step `w - learning_rate * gradient` per weight, each followed by its constraint.

        Args:
            gradients: [kernel gradient, bias gradient]; None leaves a weight as it is, without
                projecting it (CONS-06).
            learning_rate: taken in the weights' dtype.

        Raises:
            ValueError: the layer has no trainable weights (CONS-08); only None, or another number
                of gradients than weights; a constraint that returns None or another shape.
        """
        weights = self._trainable()
        if not weights:
            raise ValueError(
                "No variables to optimize: the layer has no trainable weights (CONS-08)."
            )
        gradients = list(gradients)
        if len(gradients) == len(weights) + 1 and gradients[-1] is None:
            gradients.pop()
        if len(gradients) != len(weights):
            raise ValueError(f"{len(weights)} gradients are needed; got {len(gradients)}")
        if all(gradient is None for gradient in gradients):
            raise ValueError("No gradients provided for any variable")
        for weight, gradient in zip(weights, gradients, strict=True):
            if gradient is not None:
                weight.value = stepped(weight.value, gradient, learning_rate)
                if weight.constraint:
                    weight.value = projected(weight.constraint, weight.value)

    # Configuration

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as a JSON-able dict, as Keras 2.15 writes them (METH-06)."""
        config: dict[str, Any] = {
            "name": self._name,
            "trainable": self.trainable,
            "dtype": None if self._policy is None else self._policy.serialized(),
        }
        if self._announced_shape is not None:
            config["batch_input_shape"] = self._announced_shape
        return {**config, **super().get_config()}

    @classmethod
    def from_config(cls: type[Layer], config: dict[str, Any]) -> Layer:
        """A new, unbuilt layer with this configuration (METH-06).

        Raises:
            TypeError: whatever is wrong with the configuration.
        """
        try:
            return cls(**config)
        except Exception as error:
            raise TypeError(
                f"Error when deserializing class {cls.__name__!r} using config={config}: {error}"
            ) from error

    # What the methods above share

    @property
    def _channel_axis(self) -> int:
        return -3 if self.data_format == "channels_first" else -1

    def _newest(self, name: str) -> Weight:
        for weight in reversed(self._weights):
            if weight.name == name:
                return weight
        raise AttributeError(f"the layer {self._name!r} has no {name}: it isn't built")

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

    def _add_weight(
        self, name: str, shape: Any, initializer: Any, regularizer: Any, constraint: Any
    ) -> None:
        dtype = dtype_of(str(self.dtype))
        weight = create(
            name,
            shape,
            dtype,
            initializer,
            regularizer=regularizer,
            constraint=constraint,
            trainable=bool(self.trainable),
        )
        self._weights.append(weight)

    def _prepared(self, inputs: Any) -> Array:
        """The checked input; builds the layer if it is not built (SHAPE, DTYPE, METH-08)."""
        images = as_tensor(inputs, self._name)
        require_shape(images.shape, self._channels, self._channel_axis, self._name)
        if not self.built:
            if self._policy is None:
                self._policy = DtypePolicy(images.dtype.name, images.dtype.name)
            require_creatable(self._policy.variable)
            self.build(images.shape)
            if self._given_weights is not None:
                self.set_weights(self._given_weights)
                self._given_weights = None
        assert self._policy is not None
        if self._autocast:
            images = cast(images, dtype_of(self._policy.compute))
        return images

    def _geometry(self) -> dict[str, Any]:
        return {
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "output_padding": self.output_padding,
        }

    def _linear(self, images: Array) -> Array:
        """The output before the activation, rounded once to the compute dtype."""
        require_computable(self)
        assert self._policy is not None
        require_operand_dtypes(images.dtype.name, self._policy.compute, self._policy.variable)
        bias = None if self.bias is None else cast(self.bias, images.dtype)
        kernel = cast(self.kernel, images.dtype)
        return conv2d_transpose(images, kernel, bias=bias, **self._geometry())
