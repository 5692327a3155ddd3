"""The layer: ``tf.compat.v1.layers.Conv2DTranspose`` on NumPy arrays, without TensorFlow."""

from __future__ import annotations

import copy
import itertools
import operator
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl import convolution_op
from fast_impl.functional import Gradients, gradients_of
from fast_impl.layer import arguments, naming
from fast_impl.layer.inputs import as_array, check_against_build
from fast_impl.layer.kernel_cache import PackedKernels
from fast_impl.layer.losses import CallRecord, activity_loss, flatten, loss_gradient, weight_loss
from fast_impl.layer.objects import activations, configs, constraints, initializers, regularizers
from fast_impl.layer.tensors import converted, gradient_of, learning_rate_of
from fast_impl.layer.variables import Variable, Weights
from fast_impl.problem import geometry
from fast_impl.problem.doors import LARGEST, about, shown
from fast_impl.problem.dtypes import is_floating
from fast_impl.problem.errors import InvalidArgumentError
from fast_impl.problem.problem import Options
from fast_impl.runtime.locks import Lock

Array = npt.NDArray[Any]

# Of a call without a regularizer for it; nothing is ever added.
_NO_LOSSES = CallRecord()
_ANNOUNCED = ("batch_input_shape", "input_shape", "input_dim", "batch_size")
# Some iterators never end.
_MOST_AXES = 64
# Arguments that a configuration has as they are, and as objects.
_PLAIN = (
    "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups",
)  # fmt: skip
_OBJECTS = (
    "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer",
    "activity_regularizer", "kernel_constraint", "bias_constraint",
)  # fmt: skip


class Conv2DTranspose:
    """Transposed 2-D convolution layer (sometimes called deconvolution).

    The signature, attributes and methods of ``tf.compat.v1.layers.Conv2DTranspose``, with NumPy
    arrays in and out. Numbers, shapes, dtypes, names and errors are those of TensorFlow 2.15 in
    eager mode; ``get_losses_for`` and ``get_updates_for`` always exist, with their graph-mode
    meaning.

    Weights are made at the first call (or by `build`), and their dtype is that of the first
    input unless ``dtype`` is given. ``kernel`` and ``bias`` are read-only arrays: change them
    with `set_weights`, `apply_gradients` or by assignment.

    Args:
        filters: Channels of the output.
        kernel_size: One or two positive integers: height and width of the kernel.
        strides: One or two positive integers.
        padding: ``"valid"`` or ``"same"``, in any case.
        data_format: ``"channels_last"``: ``(batch, height, width, channels)``; or
            ``"channels_first"``: ``(batch, channels, height, width)``; in any case.
        activation: None, a name, a configuration, or a callable ``array -> array``. A callable
            that shall be differentiated by `gradients` has an attribute ``gradient``, a callable
            ``(before, after, gradient_after) -> gradient_before``.
        use_bias: Whether there is a bias.
        kernel_initializer: None (Glorot uniform), a name, a configuration, or a callable
            ``(shape, dtype=...) -> array``.
        bias_initializer: The same; zeros by default, but None means Glorot uniform.
        kernel_regularizer: None, a name, a configuration, or a callable ``array -> scalar``.
        bias_regularizer: The same.
        activity_regularizer: The same, for the output; divided by the batch size.
        kernel_constraint: None, a name, a configuration, or a callable ``array -> array`` applied
            after each update.
        bias_constraint: The same.
        trainable: Whether `apply_gradients` may change the weights.
        name: Name of the layer; generated where it is missing.
        **kwargs: ``dilation_rate`` (not together with strides), ``output_padding``, ``dtype``,
            ``autocast`` (cast floating inputs), ``weights`` (first values), ``groups`` (no effect)
            and the others that Keras lets through.

    Raises:
        TypeError: An argument of a wrong type, or an unknown keyword.
        ValueError: An argument of a wrong value.
        AttributeError: ``padding`` or ``data_format`` that is not text.
    """

    _algorithm: str | None = None  # the planner's choice

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
        bias_initializer: Any = initializers.Zeros(dtype="float32"),  # noqa: B008
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        trainable: bool = True,
        name: Any = None,
        **kwargs: Any,
    ) -> None:
        arguments.check_keywords(kwargs)
        self.trainable: Any = arguments.checked_trainable(trainable)
        self.filters, self.groups = arguments.checked_filters(filters, kwargs.get("groups"))
        self.kernel_size = arguments.checked_pair(kernel_size, "kernel_size", least=1)
        self.strides = arguments.checked_strides(strides)
        self.padding = arguments.checked_padding(padding)
        self.data_format = arguments.checked_data_format(data_format)
        self.dilation_rate = arguments.checked_dilation(
            kwargs.get("dilation_rate", (1, 1)), self.strides
        )
        self.output_padding = arguments.checked_output_padding(
            kwargs.get("output_padding"), self.strides
        )
        with about("activation", activation, "must be an activation"):
            self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = _found(initializers, "kernel_initializer", kernel_initializer)
        self.bias_initializer = _found(initializers, "bias_initializer", bias_initializer)
        self.kernel_regularizer = _found(regularizers, "kernel_regularizer", kernel_regularizer)
        self.bias_regularizer = _found(regularizers, "bias_regularizer", bias_regularizer)
        self.activity_regularizer = _found(
            regularizers, "activity_regularizer", activity_regularizer
        )
        self.kernel_constraint = _found(constraints, "kernel_constraint", kernel_constraint)
        self.bias_constraint = _found(constraints, "bias_constraint", bias_constraint)
        self.built = False
        self._policy = arguments.DTypePolicy(kwargs.get("dtype"))
        with about("autocast", kwargs.get("autocast"), "must be true or false"):
            self._autocast = bool(kwargs.get("autocast"))
        self._initial_weights = kwargs.get("weights")
        announced = {key: kwargs[key] for key in _ANNOUNCED if key in kwargs}
        with about("input_shape", announced, "must be the sizes of an input"):
            self._batch_input_shape = _batch_input_shape(announced)
        base = naming.base_name(type(self).__name__)
        with about("name", name, "must be a string"):
            self._name = name or naming.next_layer_name(base)
            self._base_name = name or base
        self._reuse = kwargs.get("_reuse")
        scope = kwargs.get("_scope")
        if scope and not isinstance(scope, str):
            raise TypeError(f"_scope={scope!r} must be a string")
        self._scope: str | None = naming.open_scope(scope, unique=False) if scope else None
        self._weights = Weights()
        self._kernel: Variable | None = None
        self._bias: Variable | None = None
        self._options: tuple[Any, Options] | None = None
        self._building = Lock()
        self._record = CallRecord()
        self._packed = PackedKernels(self._algorithm)

    # --- calling ---------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape; sizes other than the channels may be None.

        Called twice it makes a second pair, as TensorFlow does in eager mode (clause VAR-15).

        Raises:
            ValueError: Not four sizes, unknown channels, or a value that no weight can be made
                from.
            TypeError: Arguments that are not integers.
        """
        shape = _as_shape(input_shape)
        if shape is None:
            raise ValueError("input_shape=None: Cannot take the length of shape with unknown rank")
        if len(shape) != 4:
            raise ValueError(f"Inputs should have rank 4. Received input_shape={shape}")
        in_channels = shape[self._channel_axis]
        if in_channels is None:
            raise ValueError(
                f"The channel dimension of the inputs should be defined. Received "
                f"input_shape={shape}, where axis {self._channel_axis} is None"
            )
        arguments.check_when_built(self.filters, self.kernel_size)
        with about("use_bias", self.use_bias, "must be true or false"):
            use_bias = bool(self.use_bias)
        if self._policy.variable is None:
            self._policy.freeze(np.dtype(np.float32))
        self._enter_scope(None)
        kernel_shape = (*map(int, self.kernel_size), int(self.filters), in_channels)
        kernel = self._weight(
            "kernel",
            kernel_shape,
            self.kernel_initializer,
            self.kernel_regularizer,
            self.kernel_constraint,
        )
        bias = None
        if use_bias:
            bias = self._weight(
                "bias",
                (int(self.filters),),
                self.bias_initializer,
                self.bias_regularizer,
                self.bias_constraint,
            )
        self._weights.add([kernel] if bias is None else [kernel, bias])
        self._kernel, self._bias = kernel, bias
        self.built = True

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Transposed convolution of ``inputs``, plus bias, through the activation.

        Args:
            inputs: One array in the layer's layout.
            *args: Nothing: more than one input is refused.
            **kwargs: ``scope``, the variable scope of the first call; ``training``, no effect.

        Returns:
            A new array, or whatever a callable activation makes of it.

        Raises:
            TypeError: Not one array, or an unknown keyword.
            ValueError: An array that does not fit the layer.
            InvalidArgumentError: A dtype that is not computed or not the layer's, or sizes that
                the output padding does not allow.
        """
        if kwargs or self._scope is None:
            self._enter_scope(kwargs.pop("scope", None))
            kwargs.pop("training", None)
        if args or kwargs:
            extra = f"{len(args)} more positional" if args else f"keyword {next(iter(kwargs))!r}"
            raise TypeError(f"a call takes one array and neither mask nor options; got {extra}")
        array = as_array(inputs, self._name)
        self._record = _NO_LOSSES
        array = self._prepared(array)
        output = self._linear(array)
        if self.activation is not activations.NAMED["linear"]:
            output = self.activation(output)
        if self.activity_regularizer:
            self._record = record = CallRecord()
            kernel, bias = self._current()
            sources = (inputs, array, output, kernel, bias)
            record.add(activity_loss(self.activity_regularizer, np.asarray(output)), sources)
        return output

    def apply(self, *args: Any, **kwargs: Any) -> Any:
        """The same as calling the layer."""
        return self(*args, **kwargs)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Shape of the output for a shape of the input; None where a size is unknown.

        As in TensorFlow nothing else is checked: the channels may be any (clause SHAPE-09).

        Raises:
            ValueError: No shape, or a size below zero in it or in the result.
            TypeError: A size that is not an integer.
            IndexError: Fewer than four sizes.
        """
        shape = _as_shape(input_shape)
        if shape is None:
            raise ValueError("input_shape=None: the shape of an unknown rank cannot be computed")
        if len(shape) < 4:
            raise IndexError(f"input_shape={shape} has fewer than 4 sizes")
        arguments.check_padding_when_called(self.padding)
        first = self.data_format == "channels_first"
        channel_axis, height_axis, width_axis = (1, 2, 3) if first else (3, 1, 2)
        result = list(shape)
        result[channel_axis] = self.filters
        for i, axis in enumerate((height_axis, width_axis)):
            length = shape[axis]
            if length is not None:
                result[axis] = geometry.output_length(
                    length,
                    self.kernel_size[i],
                    self.strides[i],
                    self.padding,
                    self.dilation_rate[i],
                    None if self.output_padding is None else self.output_padding[i],
                )
        return tuple(_as_shape(result) or ())

    def convolution_op(self, inputs: Any, kernel: Any) -> Array:
        """A FORWARD convolution with the layer's strides, padding, dilation and layout.

        Not what the layer computes: with the layer's own kernel it is the adjoint of it, without
        bias and activation. Works before the layer is built, in both layouts.

        Args:
            inputs: An array of rank 4 or more, or nested lists.
            kernel: ``(kernel_height, kernel_width, channels in, channels out)``.

        Raises:
            ValueError: A kernel that is not of rank 4.
            InvalidArgumentError: Arrays that do not fit.
        """
        arrays = converted(inputs, "inputs"), converted(kernel, "kernel")
        return convolution_op.convolve(*arrays, self._checked_options())

    # --- weights ---------------------------------------------------------------------------

    @property
    def kernel(self) -> Array:
        """The kernel ``(kernel_height, kernel_width, filters, in_channels)``, read-only."""
        return self._built_kernel().array

    @kernel.setter
    def kernel(self, value: npt.ArrayLike) -> None:
        self._assign(self._built_kernel(), value)

    @property
    def bias(self) -> Array | None:
        """The bias ``(filters,)``, read-only; None without bias."""
        if not self.built:
            raise AttributeError(f"layer {self._name!r} has no attribute 'bias' until it is built")
        return None if self._bias is None else self._bias.array

    @bias.setter
    def bias(self, value: npt.ArrayLike) -> None:
        if self._bias is None:
            raise AttributeError(f"layer {self._name!r} has no attribute 'bias' (yet)")
        self._assign(self._bias, value)

    @property
    def trainable_weights(self) -> list[Array]:
        """The arrays that training may change; empty where ``trainable`` is false."""
        return [v.array for v in self._weights.variables if v.trainable and self.trainable]

    @property
    def non_trainable_weights(self) -> list[Array]:
        """The other arrays."""
        variables = self._weights.variables
        return [v.array for v in variables if not (v.trainable and self.trainable)]

    @property
    def weights(self) -> list[Array]:
        """Kernel and bias, as read-only arrays."""
        return self.trainable_weights + self.non_trainable_weights

    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights
    variables = weights

    def get_weights(self) -> list[Array]:
        """Copies of kernel and bias; empty before the layer is built."""
        return [array.copy() for array in self.weights]

    def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None:
        """Set kernel and bias, in this order and at once; values are cast to the dtype of the layer.

        Args:
            weights: Arrays of the weights' shapes.

        Raises:
            TypeError: Not a list of arrays.
            ValueError: Another number of arrays, other shapes, or arrays of text, dates, None or complex
                numbers.
        """
        variables = self._weights.variables
        with about("weights", weights, f"must be a list of {len(variables)} arrays"):
            given = len(weights)
        if given != len(variables):
            raise ValueError(
                f'set_weights on layer "{self._name}" with a weight list of length {given}, '
                f"but the layer was expecting {len(variables)} weights"
            )
        changes = {}
        for variable, weight in zip(variables, weights, strict=True):
            shape = tuple(getattr(weight, "shape", ()))
            if shape != variable.array.shape:
                raise ValueError(
                    f"Layer {self._name} weight shape {variable.array.shape} is not compatible "
                    f"with provided weight shape {shape} ({variable.name} of weights)"
                )
            changes[variable] = variable.fitting(weight, f"the new {variable.name} of weights")
        self._weights.replace(changes)

    def count_params(self) -> int:
        """Number of values in all weights.

        Raises:
            ValueError: The layer is not built.
        """
        if not self.built:
            raise ValueError(
                f"count_params was called on layer {self._name}, but the layer isn't built: "
                f"call it or use build(input_shape) first"
            )
        return sum(variable.array.size for variable in self._weights.variables)

    # --- losses and training ---------------------------------------------------------------

    @property
    def losses(self) -> list[Any]:
        """Activity losses of the last call, then the losses of kernel and bias as they are now."""
        return list(self._record.losses) + self._weight_losses()

    @property
    def updates(self) -> list[Any]:
        """Always empty: this layer updates nothing by itself."""
        return []

    def get_losses_for(self, inputs: Any) -> list[Any]:
        """Activity losses that depend on ``inputs``; for None the losses of the weights.

        Args:
            inputs: An array, or nested lists, tuples and dictionaries of them. The input, the
                output, the kernel and the bias of the last call count, by identity.

        Raises:
            TypeError: Anything else.
        """
        if inputs is None:
            return self._weight_losses()
        arrays = list(flatten(inputs))
        for array in arrays:
            if not hasattr(array, "__array__"):
                raise TypeError(
                    f"get_losses_for takes arrays (or None); got {array!r} of type "
                    f"{type(array).__name__}"
                )
        if not self.built:
            return []
        current = self._current()
        reached = any(
            self._record.depends_on(array) or any(array is weight for weight in current)
            for array in arrays
        )
        return list(self._record.losses) if reached else []

    def get_updates_for(self, inputs: Any) -> list[Any]:  # noqa: ARG002
        """Always empty: this layer updates nothing by itself."""
        return []

    def gradients(self, inputs: Any, output_gradient: npt.ArrayLike) -> Gradients:
        """Gradients of ``sum(layer(inputs) * output_gradient)``; losses are not added.

        The layer is built if it is not yet; nothing is recorded.

        Args:
            inputs: As for a call.
            output_gradient: Shape and dtype of the output.

        Returns:
            Gradients of the inputs, the kernel and the bias (None without bias).

        Raises:
            ValueError: The activation is a callable without a derivative.
            InvalidArgumentError: Arrays that do not fit.
        """
        array = self._prepared(as_array(inputs, self._name))
        gradient = converted(output_gradient, "output_gradient")
        if self.activation is not activations.NAMED["linear"]:
            derivative = getattr(self.activation, "gradient", None)
            if derivative is None:
                raise ValueError(
                    f"activation={self.activation!r} has no derivative: give the callable an "
                    f"attribute gradient(before, after, gradient_after) -> gradient_before, or use "
                    f"a named activation"
                )
            before = self._linear(array)
            after = np.asarray(self.activation(before))
            if gradient.shape != after.shape:
                raise InvalidArgumentError(
                    f"output_gradient must have the shape of the output, {after.shape}; got "
                    f"{gradient.shape}"
                )
            if gradient.dtype != after.dtype:
                raise InvalidArgumentError(
                    f"output_gradient was expected to be a {after.dtype.name} array as the output is, "
                    f"but its dtype is {gradient.dtype.name}: nothing is cast silently"
                )
            gradient = np.asarray(derivative(before, after, gradient))
        weights = self.kernel.astype(array.dtype, copy=False)
        options = self._checked_options()
        found = gradients_of(array, weights, gradient, options, self._algorithm)
        # Under a mixed policy the weights, and so their gradients, are wider than the output; so may
        # be inputs that are cast.
        kernel, bias = self._current()
        return Gradients(
            found.inputs.astype(np.asarray(inputs).dtype, copy=False),
            found.kernel.astype(kernel.dtype, copy=False),
            None
            if bias is None or found.bias is None
            else found.bias.astype(bias.dtype, copy=False),
        )

    def loss_gradients(self) -> list[Array | None]:
        """Gradients of the sum of the weights' losses, for an optimizer to add (clause GRAD-04).

        Returns:
            One for each of `weights`; None for a weight without a regularizer.

        Raises:
            ValueError: A regularizer is a callable without a gradient.
        """
        variables = self._weights.variables
        ordered = sorted(variables, key=lambda v: not (v.trainable and self.trainable))
        return [
            loss_gradient(variable.regularizer, variable.array) if variable.regularizer else None
            for variable in ordered
        ]

    def apply_gradients(
        self, gradients: Sequence[npt.ArrayLike | None], learning_rate: float
    ) -> None:
        """One step of gradient descent, ``w <- constraint(w - learning_rate * gradient)``.

        Each weight is projected right after its own update; one whose gradient is None is left
        alone, projection included (clauses CONS-01, CONS-06).

        Args:
            gradients: Of the kernel and the bias, in this order, or what `gradients` returned.
            learning_rate: Length of the step, one real number.

        Raises:
            ValueError: Nothing is trainable, no gradient is given, None, a date or an object where a number
                is needed, or the result of a constraint has another shape.
            InvalidArgumentError: A gradient of another shape, or one that is not floating.
            TypeError: A constraint that returns no array. After any error all weights are as before.
        """
        if isinstance(gradients, Gradients):
            gradients = [gradients.kernel, gradients.bias][: 2 if self._bias is not None else 1]
        if not isinstance(gradients, (list, tuple)):
            raise ValueError(
                f"gradients={shown(gradients)} must be a list of one gradient for each weight"
            )
        variables = [v for v in (self._kernel, self._bias) if v is not None]
        if not [v for v in variables if v.trainable and self.trainable]:
            raise ValueError("No variables to optimize: the layer is not trainable, or not built")
        if len(gradients) != len(variables):
            raise ValueError(
                f"apply_gradients got {len(gradients)} gradients for {len(variables)} weights"
            )
        if all(gradient is None for gradient in gradients):
            raise ValueError("No gradients provided for any variable")
        rate = learning_rate_of(learning_rate)
        steps = [
            (variable, gradient_of(variable.array, gradient, variable.name))
            for variable, gradient in zip(variables, gradients, strict=True)
            if gradient is not None
        ]
        self._weights.replace(
            {variable: _stepped(variable, gradient, rate) for variable, gradient in steps}
        )

    # --- names and configuration -----------------------------------------------------------

    @property
    def name(self) -> Any:
        """The name given, or ``conv2d_transpose_1`` and so on; not made unique."""
        return self._name

    @property
    def scope_name(self) -> str:
        """Prefix of the weights' names, made unique at the first call (clause VAR-02).

        Raises:
            ValueError: The layer has not been used yet.
        """
        if self._scope is None:
            raise ValueError(
                f'No name available for layer scope because the layer "{self._name}" has not been '
                f"used yet: the scope name is determined by the first call"
            )
        return self._scope

    @property
    def graph(self) -> None:
        """Deprecated; there is no graph in eager mode.

        Raises:
            RuntimeError: Always, after a UserWarning.
        """
        warnings.warn(
            "`Layer.graph` is deprecated: layers do not track their graph",
            UserWarning,
            stacklevel=2,
        )
        raise RuntimeError("Layer.graph not supported when executing eagerly")

    @property
    def dtype(self) -> str | None:
        """Name of the weights' dtype; None until the first input decides it."""
        return None if self._policy.variable is None else self._policy.variable.name

    def get_config(self) -> dict[str, Any]:
        """Everything that builds an equal, unbuilt layer; can be written as JSON."""
        config: dict[str, Any] = {
            "name": self._name,
            "trainable": self.trainable,
            "dtype": self._policy.config,
        }
        if self._batch_input_shape is not None:
            config["batch_input_shape"] = self._batch_input_shape
        for key in _PLAIN:
            config[key] = getattr(self, key)
        config["activation"] = activations.to_config(self.activation)
        config["use_bias"] = self.use_bias
        for key in _OBJECTS:
            config[key] = configs.serialize(getattr(self, key))
        config["output_padding"] = self.output_padding
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Conv2DTranspose:
        """A layer from what `get_config` returned; same configuration and name."""
        with about("config", config, "must be a dictionary, as get_config returns it"):
            keywords = dict(copy.deepcopy(config))
        return cls(**keywords)

    def __repr__(self) -> str:
        state = f"kernel {self.kernel.shape}" if self.built else "not built"
        return f"<{type(self).__name__} {self._name!r}: {self.filters} filters, {state}>"

    # --- inside ----------------------------------------------------------------------------

    @property
    def _channel_axis(self) -> int:
        return -3 if self.data_format == "channels_first" else -1

    def _built_kernel(self) -> Variable:
        if self._kernel is None:
            raise AttributeError(
                f"layer {self._name!r} has no attribute 'kernel' until it is built"
            )
        return self._kernel

    def _enter_scope(self, scope: Any) -> None:
        if self._scope is None:
            wish = self._base_name if scope is None else scope
            self._scope = naming.open_scope(wish, unique=scope is None and not self._reuse)

    def _assign(self, variable: Variable, value: npt.ArrayLike) -> None:
        name = f"the new {variable.name}"
        array = variable.fitting(value, name)
        if array.shape != variable.array.shape:
            raise ValueError(
                f"weight {variable.name} of shape {variable.array.shape} is not compatible with a value "
                f"of shape {array.shape}"
            )
        self._weights.replace({variable: array})

    def _weight(
        self, name: str, shape: tuple[int, ...], initializer: Any, regularizer: Any, constraint: Any
    ) -> Variable:
        dtype = self._policy.variable
        if dtype is None:  # build settles it before
            raise RuntimeError("the dtype of the layer is not known yet")
        make = initializers.default(dtype) if initializer is None else initializer
        if isinstance(make, initializers.Initializer):
            with about(f"{name}_initializer", make, f"cannot make a {name} of shape {shape}"):
                value = make(shape, dtype=dtype)
        else:
            value = make(shape, dtype=dtype)
        if value is None or np.shape(value) != shape:
            got = "None" if value is None else f"shape {np.shape(value)}"
            raise ValueError(
                f"the initializer of {name} must return an array of shape {shape}; got {got}"
            )
        return Variable(
            f"{self._scope}/{name}:0",
            value,
            dtype,
            trainable=bool(self.trainable),
            regularizer=regularizer,
            constraint=constraint,
        )

    def _current(self) -> tuple[Array, Array | None]:
        """The arrays of one moment: `set_weights` in another thread changes both or none of them."""
        arrays = self._weights.arrays
        if self._kernel is None:
            return self.kernel, self.bias  # which raise
        return arrays[self._kernel], None if self._bias is None else arrays[self._bias]

    def _weight_losses(self) -> list[Any]:
        found = [
            weight_loss(variable.regularizer, variable.array)
            for variable in self._weights.variables
            if variable.regularizer
        ]
        return [loss for loss in found if loss is not None]

    def _checked_options(self) -> Options:
        known = self._options
        if known is not None:
            (strides, padding, data_format, dilation_rate, output_padding), options = known
            if (
                strides is self.strides
                and padding is self.padding
                and data_format is self.data_format
                and dilation_rate is self.dilation_rate
                and output_padding is self.output_padding
            ):
                return options
        given = (
            self.strides, self.padding, self.data_format, self.dilation_rate, self.output_padding,
        )  # fmt: skip
        arguments.check_when_called(self.padding, self.dilation_rate)
        options = Options.checked(*given)
        # An attribute that can be changed in place is looked at in each call.
        fixed = all(isinstance(value, (tuple, str, int, type(None))) for value in given)
        self._options = (given, options) if fixed else None
        return options

    def _prepared(self, array: Array) -> Array:
        """The input in the layer's dtype, checked; the layer built."""
        if self._autocast and self._policy.compute is not None and is_floating(array.dtype):
            array = array.astype(self._policy.compute, copy=False)
        if self.built and self._initial_weights is None:
            self._check_against_build(array)
        else:
            # First calls from several threads build the layer once.
            with self._building:
                self._check_against_build(array)
                if not self.built:
                    if self._policy.variable is None:
                        self._policy.freeze(array.dtype)
                    self._enter_scope(None)
                    self.build(array.shape)
                    if self._initial_weights is not None:
                        self.set_weights(self._initial_weights)
                # After a `build` of the caller's they are never applied.
                self._initial_weights = None
        if self._policy.compute != array.dtype:
            error = InvalidArgumentError if self._policy.name is None else ValueError
            raise error(
                f"inputs was expected to be a {self._policy.compute} array as the layer "
                f"{self._name!r} is, but it is a {array.dtype.name} array: convert it, or pass "
                f"autocast=True to the constructor"
            )
        return array

    def _check_against_build(self, array: Array) -> None:
        channels = self._kernel.array.shape[3] if self._kernel is not None else None
        check_against_build(array, channels, self._channel_axis, self._name)

    def _linear(self, array: Array) -> Array:
        """The layer without its activation."""
        kernel, bias = self._current()
        packed = self._packed.get(array, kernel, self._checked_options())
        if bias is not None and bias.dtype != array.dtype:
            bias = bias.astype(array.dtype)
        return packed.plan.compute(array, packed, bias, None)


def _stepped(variable: Variable, gradient: Array, learning_rate: float) -> Array:
    array = variable.array
    with np.errstate(all="ignore"):
        stepped: Array = array - np.asarray(learning_rate, array.dtype) * gradient
    stepped.flags.writeable = False
    if variable.constraint is None:
        return stepped
    projected = variable.constraint(stepped)
    if projected is None:
        raise ValueError(f"the constraint of {variable.name} returned None")
    if np.asarray(projected).dtype.kind not in "fiubV":
        raise TypeError(
            f"the constraint of {variable.name} returned {type(projected).__name__}, not an array "
            f"(a class instead of an instance?)"
        )
    if np.shape(projected) != array.shape:
        raise ValueError(
            f"Shape mismatch: the constraint of {variable.name} must return shape {array.shape}; "
            f"got {np.shape(projected)}"
        )
    return variable.fitting(projected, f"the result of the constraint of {variable.name}")


def _found(room: Any, argument: str, identifier: Any) -> Any:
    """What an argument names, in the room of its kind."""
    with about(argument, identifier, "must be None, a name, a configuration or a callable"):
        return room.get(identifier)


def _as_shape(shape: Any) -> tuple[int | None, ...] | None:
    """A shape as a tuple; one integer is one size, None is an unknown rank."""
    if shape is None:
        return None
    if hasattr(shape, "__index__") and not np.shape(shape):
        shape = (shape,)
    sizes: list[int | None] = []
    rule = f"input_shape={shown(shape)}: Dimension value must be integer or None, and >= 0"
    if isinstance(shape, (str, bytes, bytearray, dict)) or not hasattr(shape, "__iter__"):
        raise TypeError(rule)
    for size in itertools.islice(shape, _MOST_AXES):
        if size is None:
            sizes.append(None)
            continue
        try:
            sizes.append(operator.index(size))
        except TypeError:
            raise TypeError(f"{rule}; got {shown(size)}") from None
        if not 0 <= operator.index(size) <= LARGEST:
            raise ValueError(f"{rule}; got Dimension {size}")
    return tuple(sizes)


def _batch_input_shape(keywords: dict[str, Any]) -> tuple[Any, ...] | None:
    if keywords.get("batch_input_shape") is not None:
        return tuple(keywords["batch_input_shape"])
    if keywords.get("input_shape") is not None:
        return (keywords.get("batch_size"), *keywords["input_shape"])
    if keywords.get("input_dim") is not None:
        return (keywords.get("batch_size"), keywords["input_dim"])
    return None
