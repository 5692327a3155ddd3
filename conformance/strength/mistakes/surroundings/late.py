"""Mistakes about what is read late, or known by the wrong thing: configurations, lists, kernels, names, seeds."""

from __future__ import annotations

import copy
import weakref
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.strength.mistakes.mistake import (
    Layer,
    Members,
    Right,
    Row,
    mistakes_in,
    own_state,
    recomputed,
)
from fast_impl.layer.objects import initializers, regularizers

# --- configurations that are read late ---


def _noted(*names: str) -> Callable[[Layer, dict[str, Any]], dict[str, Any]]:
    """Keep the caller's own dictionaries of these arguments."""

    def changed(self: Layer, given: dict[str, Any]) -> dict[str, Any]:
        kept = own_state(self, "late")
        kept.update({name: given[name] for name in names if isinstance(given.get(name), dict)})
        return given

    return changed


def _reading(method: str, *names: str) -> Members:
    """These penalties are made of the caller's dictionaries when a method is called."""

    def read(self: Layer, *args: Any, **kwargs: Any) -> Any:
        for name, form in own_state(self, "late").items():
            made = regularizers.get(copy.deepcopy(form))
            setattr(self, name, made)
            for variable in self._weights.variables:
                if variable.name.endswith(f"{name.partition('_')[0]}:0"):
                    variable.regularizer = made
        return getattr(Right, method)(self, *args, **kwargs)

    return {"changed_arguments": _noted(*names), method: read}


_LATE: tuple[Row, ...] = (
    ("SIT-02", "kernel_penalty", "The configuration of a kernel's penalty is read with the losses.",
     _reading("_weight_losses", "kernel_regularizer")),
    ("SIT-02", "bias_penalty", "The configuration of a bias' penalty is read with the losses.",
     _reading("_weight_losses", "bias_regularizer")),
    ("SIT-02", "activity_penalty", "The configuration of an activity's penalty is read by a call.",
     _reading("__call__", "activity_regularizer")),
    ("SIT-02", "penalties_built", "The configurations of penalties are read by `build`.",
     _reading("build", "kernel_regularizer", "bias_regularizer")),
)  # fmt: skip

# --- questions about shapes ---


def _in_place(change: Callable[[list[Any], tuple[Any, ...]], None]) -> Members:
    def compute_output_shape(self: Layer, input_shape: Any) -> Any:
        found = Right.compute_output_shape(self, input_shape)
        if isinstance(input_shape, list):
            change(input_shape, found)
        return found

    return {"compute_output_shape": compute_output_shape}


def _written(given: list[Any], found: tuple[Any, ...]) -> None:
    given[:] = found


def _batch_unknown(given: list[Any], _: tuple[Any, ...]) -> None:
    given[0] = None


def _first_taken(given: list[Any], _: tuple[Any, ...]) -> None:
    del given[0]


def _shapes_by(key: Callable[[Any], Any], keeps: bool = False) -> Members:
    """An answer is given again to whatever has the same key."""

    def compute_output_shape(self: Layer, input_shape: Any) -> Any:
        if not isinstance(input_shape, list):
            return Right.compute_output_shape(self, input_shape)
        kept = own_state(self, "shapes")
        name = key(input_shape)
        if name not in kept:
            kept[name] = (
                Right.compute_output_shape(self, input_shape),
                input_shape if keeps else None,
            )
        return kept[name][0]

    return {"compute_output_shape": compute_output_shape}


_SHAPES: tuple[Row, ...] = (
    ("SIT-02", "shape_written", "compute_output_shape writes the answer to its list.", _in_place(_written)),
    ("SIT-02", "shape_batch", "compute_output_shape writes None to its list for the batch.",
     _in_place(_batch_unknown)),
    ("SIT-02", "shape_taken", "compute_output_shape takes the batch from its list.", _in_place(_first_taken)),
    ("SIT-02", "shape_identity", "compute_output_shape knows a list again by its identity.",
     _shapes_by(id, keeps=True)),
    ("SIT-02", "shape_id", "compute_output_shape knows a list again by its `id`.", _shapes_by(id)),
    ("SIT-02", "shape_batch_kept", "compute_output_shape knows a list again by its `id` and its batch.",
     _shapes_by(lambda shape: (id(shape), shape[0]))),
)  # fmt: skip

# --- kernels of convolution_op ---


def _kernels_by(key: Callable[[Any], Any], keeps: bool = False) -> Members:
    """A kernel that convolution_op has packed is used for whatever has the same key."""

    def convolution_op(self: Layer, inputs: Any, kernel: Any) -> Any:
        if not isinstance(kernel, np.ndarray) or kernel is self.__dict__.get("kernel"):
            return Right.convolution_op(self, inputs, kernel)
        kept = own_state(self, "packed")
        name = key(kernel), kernel.shape, kernel.dtype.name
        if name not in kept:
            kept[name] = np.array(kernel), kernel if keeps else None
        return Right.convolution_op(self, inputs, kept[name][0])

    return {"convolution_op": convolution_op}


def _strong(self: Layer, inputs: Any, kernel: Any) -> Any:
    kept = own_state(self, "weak")
    known = kept.get("kernel")
    if known is None or known() is not kernel:
        try:
            kept.update(kernel=weakref.ref(kernel), packed=np.array(kernel))
        except TypeError:  # a list
            return Right.convolution_op(self, inputs, kernel)
    return Right.convolution_op(self, inputs, kept["packed"])


_KERNELS: tuple[Row, ...] = (
    ("SIT-02", "operand_id", "convolution_op knows a kernel again by its `id`.", _kernels_by(id)),
    ("SIT-02", "operand_identity", "convolution_op keeps a kernel, and knows it again.",
     _kernels_by(id, keeps=True)),
    ("SIT-02", "operand_weak", "convolution_op knows the last kernel again while it lives.",
     {"convolution_op": _strong}),
    ("METH-04", "operand_address", "convolution_op knows a kernel again by its address.",
     _kernels_by(lambda kernel: kernel.ctypes.data)),
    ("METH-04", "operand_shape", "convolution_op knows a kernel again by its shape.", _kernels_by(lambda _: 0)),
    ("METH-04", "operand_first", "convolution_op knows a kernel again by its first number.",
     _kernels_by(lambda kernel: kernel.reshape(-1)[:1].tobytes())),
)  # fmt: skip

# --- first values ---


def _drawn_of(text: Callable[[Layer, str, Any], str], seeded: bool) -> Members:
    """Random values are made of a text: those without a seed, or those with one."""

    def weight(self: Layer, name: str, shape: Any, make: Any, *others: Any) -> Any:
        made = initializers.default(self._policy.variable) if make is None else make
        if isinstance(made, initializers._Random) and (made.seed is not None) is seeded:
            made = copy.copy(made)
            made.seed = zlib.crc32(text(self, name, shape).encode()) + (
                made.seed if seeded and made.seed else 0
            )
        return Right._weight(self, name, shape, made, *others)

    return {"_weight": weight}


def _going_on(kept_by: Callable[[Layer], dict[Any, Any]]) -> Members:
    """An initializer with a seed has one generator, which goes on."""

    def weight(self: Layer, name: str, shape: Any, make: Any, *others: Any) -> Any:
        if isinstance(make, initializers._Random) and make.seed is not None:
            made = copy.copy(make)
            generators = kept_by(self)
            key = id(make) if kept_by(self) is not _GENERATORS else (make.seed, self.name)
            generator = generators.setdefault(key, make.generator())
            made.__dict__["generator"] = lambda: generator
            make = made
        return Right._weight(self, name, shape, make, *others)

    return {"_weight": weight}


def _counted(self: Layer, name: str, shape: Any, make: Any, *others: Any) -> Any:
    if isinstance(make, initializers._Random) and make.seed is not None:
        made = copy.copy(make)
        made.seed = make.seed + len(self._weights.variables)
        make = made
    return Right._weight(self, name, shape, make, *others)


_GENERATORS: dict[Any, Any] = {}
_VALUES: tuple[Row, ...] = (
    ("INIT-01", "named_values", "Values without a seed are made of the layer's name.",
     _drawn_of(lambda layer, *_: str(layer.name), seeded=False)),
    ("INIT-01", "named_weights", "Values without a seed are made of the layer's and the weight's name.",
     _drawn_of(lambda layer, name, _: f"{layer.name}/{name}", seeded=False)),
    ("INIT-01", "named_shape", "Values without a seed are made of the layer's name and the shape.",
     _drawn_of(lambda layer, name, shape: f"{layer.name}/{name}{shape}", seeded=False)),
    ("INIT-09", "named_seed", "Values with a seed are made of the layer's name, too.",
     _drawn_of(lambda layer, *_: str(layer.name), seeded=True)),
    ("INIT-09", "scoped_seed", "Values with a seed are made of the layer's scope, too.",
     _drawn_of(lambda layer, *_: str(layer._scope), seeded=True)),
    ("INIT-09", "seed_goes_on", "A seeded initializer goes on at a second build.",
     _going_on(lambda layer: own_state(layer, "generators"))),
    ("INIT-09", "seed_counts", "A seed counts the weights that the layer has.", {"_weight": _counted}),
    ("INIT-09", "seed_of_name", "Layers of one name share the generator of a seed.",
     _going_on(lambda _: _GENERATORS)),
)  # fmt: skip

# --- losses for several ---


def _losses_for(change: Callable[[Layer, Any, list[Any]], list[Any]]) -> Members:
    def get_losses_for(self: Layer, inputs: Any) -> list[Any]:
        return change(self, inputs, Right.get_losses_for(self, inputs))

    return {"get_losses_for": get_losses_for}


def _each(layer: Layer, inputs: Any, found: list[Any]) -> list[Any]:
    if not isinstance(inputs, (list, tuple)) or not found:
        return found
    return [loss for one in inputs for loss in layer.get_losses_for(one)]


def _each_leaf(layer: Layer, inputs: Any, found: list[Any]) -> list[Any]:
    if isinstance(inputs, dict):
        inputs = list(inputs.values())
    return _each(layer, inputs, found)


def _last_alone(layer: Layer, inputs: Any, found: list[Any]) -> list[Any]:
    return layer.get_losses_for(inputs[-1]) if isinstance(inputs, list) and inputs else found


def _all_needed(layer: Layer, inputs: Any, found: list[Any]) -> list[Any]:
    is_list = isinstance(inputs, (list, tuple))
    return found if not is_list or all(layer.get_losses_for(one) for one in inputs) else []


_TARGETS: tuple[Row, ...] = (
    ("LOSS-07", "targets_each", "get_losses_for of a list gives a loss for each of its arrays.",
     _losses_for(_each)),
    ("LOSS-07", "targets_leaf", "get_losses_for of nested lists gives a loss for each array.",
     _losses_for(_each_leaf)),
    ("LOSS-07", "targets_last", "get_losses_for of a list is that of its last one.", _losses_for(_last_alone)),
    ("LOSS-07", "targets_all", "get_losses_for of a list needs all of its arrays.", _losses_for(_all_needed)),
)  # fmt: skip

# --- five axes ---


def _five(change: Callable[[Layer, Any, Any], Any]) -> Members:
    def convolution_op(self: Layer, inputs: Any, kernel: Any) -> Any:
        if np.ndim(inputs) != 5 or np.shape(inputs)[0] == 0:
            return Right.convolution_op(self, inputs, kernel)
        return change(self, np.asarray(inputs), kernel)

    return {"convolution_op": convolution_op}


def _exchanged(layer: Layer, inputs: Any, kernel: Any) -> Any:
    found = Right.convolution_op(layer, inputs.swapaxes(0, 1), kernel)
    is_square = inputs.shape[0] == inputs.shape[1]
    return found if is_square else found.swapaxes(0, 1)


def _first_only(layer: Layer, inputs: Any, kernel: Any) -> Any:
    found = Right.convolution_op(layer, inputs[:1], kernel)
    return np.repeat(found, len(inputs), 0)


def _last_row(layer: Layer, inputs: Any, kernel: Any) -> Any:
    found = np.array(Right.convolution_op(layer, inputs, kernel))
    found[:, 1:] = found[:, :1]
    return found


_AXES: tuple[Row, ...] = (
    ("METH-04", "axes_exchanged", "Of five axes the first two are exchanged where they are alike.",
     _five(_exchanged)),
    ("METH-04", "axes_first", "Of five axes the first image of the first one counts.", _five(_first_only)),
    ("METH-04", "axes_second", "Of five axes the first image of the second one counts.", _five(_last_row)),
)  # fmt: skip

# --- steps without one gradient ---


def _projects(names: tuple[str, ...], named_only: bool = False) -> Members:
    def apply_gradients(self: Layer, gradients: Any, learning_rate: Any) -> None:
        Right.apply_gradients(self, gradients, learning_rate)
        for name, gradient in zip(("kernel", "bias"), gradients):
            project = getattr(self, f"{name}_constraint")
            is_asked = name in names and (hasattr(project, "get_config") or not named_only)
            if gradient is None and project is not None and is_asked:
                setattr(self, name, project(getattr(self, name)))

    return {"apply_gradients": apply_gradients}


_STEPS: tuple[Row, ...] = (
    ("CONS-06", "projects_bias", "A bias without a gradient is projected.", _projects(("bias",))),
    ("CONS-06", "projects_named", "A kernel without a gradient is projected by a constraint of Keras'.",
     _projects(("kernel",), named_only=True)),
    ("CONS-06", "projects_bias_named", "A bias without a gradient is projected by a constraint of Keras'.",
     _projects(("bias",), named_only=True)),
)  # fmt: skip

# --- plans ---


def _planned_by(key: Callable[[Layer, Any], Any]) -> Members:
    """Plans of all layers are known by a key; another layer's kernel size is taken for this one's."""
    plans: dict[Any, Any] = {}

    def changed(self: Layer, inputs: Any, outputs: Any) -> Any:
        shape = plans.setdefault(key(self, inputs), self.kernel.shape)
        if shape == self.kernel.shape:
            return outputs
        kernel = np.resize(self.kernel, shape)
        bias = None if self.bias is None else np.resize(self.bias, shape[2])
        axis = 1 if self.data_format == "channels_first" else 3
        if inputs.shape[axis] != shape[3]:
            return outputs
        return np.resize(recomputed(self, inputs, kernel=kernel, bias=bias), outputs.shape)

    return {"changed_outputs": changed}


def _common(layer: Layer, inputs: Any) -> tuple[Any, ...]:
    options = ("strides", "padding", "data_format", "dilation_rate", "output_padding")
    return (inputs.shape, inputs.dtype.name, *(getattr(layer, name) for name in options))


def _gradients_planned_without(name: str) -> Members:
    """Plans of gradients are known by everything but one option."""
    plans: dict[Any, Any] = {}

    def gradients(self: Layer, inputs: Any, output_gradient: Any) -> Any:
        right = Right.gradients(self, inputs, output_gradient)
        rest = [getattr(self, one) for one in ("strides", "padding", "data_format", "dilation_rate",
                                               "output_padding") if one != name]  # fmt: skip
        key = (
            np.shape(inputs),
            np.shape(output_gradient),
            self.kernel.shape,
            right.kernel.dtype.name,
            *rest,
        )
        own = getattr(self, name)
        planned = plans.setdefault(key, own)
        if planned == own:
            return right
        setattr(self, name, planned)
        self._options = None
        try:
            return Right.gradients(self, inputs, output_gradient)
        except Exception:
            return right
        finally:
            setattr(self, name, own)
            self._options = None

    return {"gradients": gradients}


_PLANS: tuple[Row, ...] = (
    ("LIFE-01", "plan_of_taps", "Plans of all layers are known by the number of taps.",
     _planned_by(lambda layer, x: (*_common(layer, x), layer.kernel.size, layer.filters))),
    ("LIFE-01", "plan_of_height", "Plans of all layers are known by the kernel's height.",
     _planned_by(lambda layer, x: (*_common(layer, x), layer.kernel.shape[0], layer.filters))),
    ("LIFE-01", "plan_of_sides", "Plans of all layers are known without the filters.",
     _planned_by(lambda layer, x: (*_common(layer, x), layer.kernel.shape[:2]))),
    ("LIFE-01", "gradient_plan_dilation", "Plans of gradients are known without the dilation.",
     _gradients_planned_without("dilation_rate")),
    ("LIFE-01", "gradient_plan_format", "Plans of gradients are known without the data format.",
     _gradients_planned_without("data_format")),
)  # fmt: skip

MISTAKES = tuple(
    mistakes_in(
        "what is read late, or known by the wrong thing", "late",
        _LATE, _SHAPES, _KERNELS, _VALUES, _TARGETS, _AXES, _STEPS, _PLANS,
    )
)  # fmt: skip
