"""The layer: `tf.compat.v1.layers.Conv2DTranspose` on NumPy arrays.

Numbers, shapes, dtypes, names, error categories and their moment are those of TensorFlow 2.15 in
eager mode. `get_losses_for` and `get_updates_for` always exist and mean what they mean in graph
mode. Where TensorFlow crashes or returns uninitialised memory, this layer does the right thing.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from reference_impl.functions import (
    Gradients,
    Shape,
    conv2d_transpose,
    conv2d_transpose_gradients,
)
from reference_impl.layer import activations
from reference_impl.layer.calls.convolution_op import layer_convolution
from reference_impl.layer.calls.inputs import (
    as_tensor,
    require_computable,
    require_creatable,
    require_operand_dtypes,
    require_shape,
)
from reference_impl.layer.calls.shapes import static_output_shape
from reference_impl.layer.configuration import batch_input_shape
from reference_impl.layer.initializers import Zeros
from reference_impl.layer.losses.losses import ActivityLosses, loss_gradient, weight_loss
from reference_impl.layer.policy import DtypePolicy
from reference_impl.layer.tensors import to_tensor
from reference_impl.layer.weighted_layer import WeightedLayer
from reference_impl.storage import Array, cast, dtype_of

__all__ = ["Conv2DTranspose"]

Layer = TypeVar("Layer", bound="Conv2DTranspose")

_ZEROS = Zeros("float32")


class Conv2DTranspose(WeightedLayer):
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
        super().__init__(locals(), kwargs)  # the sixteen by name
        self._autocast = bool(kwargs.get("autocast", False))
        self._announced_shape = batch_input_shape(kwargs)
        self._given_weights = kwargs.get("weights")
        self._activity_losses = ActivityLosses()

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
        outputs = self._linear(images)
        if self.activation is not None:  # the attribute may be changed after the construction
            outputs = self.activation(outputs)
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
            InvalidArgumentError: an output gradient of another shape or dtype (DTYPE-04).
        """
        self._open_scope(None)
        images = self._prepared(inputs)
        values = self._linear(images)
        slopes = to_tensor(output_gradient, "output_gradient")
        slopes = activations.gradient(activations.get(self.activation), values, slopes)
        kernel = cast(self.kernel, values.dtype)
        found = conv2d_transpose_gradients(images, kernel, slopes, **self._geometry())
        return Gradients(
            cast(found.inputs, np.asarray(inputs).dtype),
            cast(found.kernel, self.kernel.dtype),
            None if self.bias is None else cast(found.bias, self.bias.dtype),
        )

    def loss_gradients(self) -> list[Array | None]:
        """Gradients of the sum of the weights' losses, as an optimizer adds them (GRAD-04).

        Returns:
            One gradient for each of `weights`, None for a weight without a regularizer.

        Raises:
            TypeError: a regularizer that is a callable without the attribute `gradient`.
        """
        return [
            loss_gradient(weight.regularizer, weight.value) if weight.regularizer else None
            for weight in self._ordered()
        ]

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
        if self._autocast:
            images = cast(images, dtype_of(self._known_policy.compute))
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
        require_operand_dtypes(images.dtype.name, self._known_policy)
        bias = None if self.bias is None else cast(self.bias, images.dtype)
        kernel = cast(self.kernel, images.dtype)
        return conv2d_transpose(images, kernel, bias=bias, **self._geometry())
