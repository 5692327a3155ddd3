"""Mistakes of methods, names, attributes and weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.strength.mistakes.mistake import Mistake, Right, inherited, overridden


def _apply(self: Any, inputs: Any) -> Any:
    return Right.__call__(self, inputs)


def _linear_apply(self: Any, *args: Any, **kwargs: Any) -> Any:
    return Right.__call__(self, *args, **kwargs) + 1


def _own_convolution(self: Any, inputs: Any, _: Any) -> Any:
    return Right.__call__(self, np.asarray(inputs))


def _convolution(change: Any) -> Any:
    return lambda self, inputs, kernel: change(Right.convolution_op(self, inputs, kernel))


def _one_group(self: Any, inputs: Any, kernel: Any) -> Any:
    images = np.asarray(inputs)
    if images.ndim == 4 and self.data_format == "channels_last":
        images = images[..., : np.shape(kernel)[2]]
    return Right.convolution_op(self, images, kernel)


def _needs_weights(self: Any, inputs: Any, kernel: Any) -> Any:
    if not self.built:
        raise ValueError("not built")
    return Right.convolution_op(self, inputs, kernel)


def _rank_three(self: Any, inputs: Any, kernel: Any) -> Any:
    images = np.asarray(inputs)
    return Right.convolution_op(self, images[None] if images.ndim == 3 else images, kernel)


def _last_only(self: Any, inputs: Any, kernel: Any) -> Any:
    if self.data_format == "channels_first":
        raise ValueError("channels_first is not served")
    return Right.convolution_op(self, inputs, kernel)


def _config(self: Any) -> dict[str, Any]:
    config = dict(Right.get_config(self))
    config.pop("strides", None)
    return config


def _from_config(cls: Any, config: dict[str, Any]) -> Any:
    return cls(**{**config, "name": "anew", "padding": "valid"})


def _set_any(self: Any, weights: Any) -> None:
    own = self.get_weights()
    fitting = [w if np.shape(w) == o.shape else o for w, o in zip(weights, own)]
    Right.set_weights(self, [*fitting, *own[len(fitting) :]])


def _lists(self: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    if isinstance(inputs, (list, tuple)):
        inputs = np.asarray(inputs, np.float32)
        inputs = inputs[0] if inputs.ndim == 5 else inputs
    return Right.__call__(self, inputs, *args, **kwargs)


def _shallow(self: Any, _: Any) -> Any:
    return self


def _forget_state(self: Any, state: dict[str, Any]) -> None:
    self.__dict__.update(state)
    self.set_weights([0 * w for w in self.get_weights()])


def _reversed_weights(self: Any) -> Any:
    return Right.get_weights(self)[::-1]


def _bias_shape(self: Any) -> Any:
    kernel, *bias = Right.get_weights(self)
    return [kernel.swapaxes(2, 3), *bias]


def _never_untrainable(self: Any) -> Any:
    return list(self.weights)


def _never_trainable(_: Any) -> Any:
    return []


def _count(self: Any) -> int:
    return int(np.prod(self.kernel.shape)) if self.built else 0


def _build_once(self: Any, input_shape: Any) -> None:
    if not self.built:
        Right.build(self, input_shape)


_SHARED: dict[Any, Any] = {}


def _warn(self: Any, *args: Any, **kwargs: Any) -> None:
    import warnings

    warnings.warn("Conv2DTranspose is deprecated", DeprecationWarning, stacklevel=2)
    Right.__init__(self, *args, **kwargs)


def _needs_name(self: Any, *args: Any, **kwargs: Any) -> None:
    if "name" not in kwargs and not args:
        raise TypeError("a name is needed")
    Right.__init__(self, *args, **kwargs)


def _scope_is_name(self: Any) -> Any:
    return self.name


def _eats(cls: Any, config: dict[str, Any]) -> Any:
    made = cls(**config)
    config.clear()
    return made


def _live(self: Any) -> Any:
    """Return the dictionary that was given out before."""
    found = self.__dict__.setdefault("wrong config", {})
    found.update({} if found else Right.get_config(self))
    return found


def _seedless(self: Any) -> Any:
    config = Right.get_config(self)
    form = config["kernel_initializer"]
    if isinstance(form, dict) and "seed" in form["config"]:
        config["kernel_initializer"] = {**form, "config": {**form["config"], "seed": None}}
    return config


def _axisless(self: Any) -> Any:
    config = Right.get_config(self)
    form = config["activation"]
    if isinstance(form, dict) and "axis" in form["config"]:
        config["activation"] = {**form, "config": {**form["config"], "axis": -1}}
    return config


def _narrow_shape(self: Any, input_shape: Any) -> Any:
    found = Right.compute_output_shape(self, input_shape)
    return tuple(size and (size + 2**31) % 2**32 - 2**31 for size in found)


def _typed(self: Any) -> Any:
    config = Right.get_config(self)
    return {**config, "dtype": config["dtype"] or "float32"}


def _rounded(name: str, rounded: Any) -> Any:
    """Return a `set_weights` that rounds to one dtype by itself."""

    def set_weights(self: Any, weights: Any) -> None:
        given = [*weights] if isinstance(weights, (list, tuple)) else weights
        if self.dtype == name and all(getattr(w, "dtype", None) == np.float64 for w in given[:1]):
            given[0] = rounded(given[0])
        Right.set_weights(self, given)

    return set_weights


def _broadcast(self: Any, weights: Any) -> None:
    own = self.get_weights()
    if isinstance(weights, list) and len(weights) == len(own):
        try:
            shaped = [np.broadcast_to(w, o.shape) for w, o in zip(weights, own, strict=True)]
            weights = [
                w if np.size(w) > 1 and np.ndim(w) != 4 else s
                for w, s in zip(weights, shaped, strict=True)
            ]
        except ValueError:
            pass
    Right.set_weights(self, weights)


def _builds(self: Any, inputs: Any, kernel: Any) -> Any:
    outputs = Right.convolution_op(self, inputs, kernel)
    if not self.built and np.ndim(inputs) == 4:
        self.build(np.shape(inputs))
    return outputs


def _decides(self: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return Right.__call__(self, inputs, *args, **kwargs)
    except ValueError:
        if not self.built and self.dtype is None and np.ndim(inputs) == 3:
            self.build((None,) * 3 + (2,))
        raise


def _unbatched(self: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    if self.built and isinstance(inputs, np.ndarray) and inputs.ndim == 3:
        return Right.__call__(self, inputs[None], *args, **kwargs)[0]
    return Right.__call__(self, inputs, *args, **kwargs)


def _squeezed(self: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    if isinstance(inputs, np.ndarray) and inputs.ndim == 5 and inputs.shape[0] == 1:
        inputs = inputs[0]
    return Right.__call__(self, inputs, *args, **kwargs)


_ROWS: tuple[tuple[str, str, tuple[str, ...], dict[str, Any]], ...] = (
    ("apply_positional", "apply takes nothing but one input.", ("METH-01",), {"apply": _apply}),
    ("apply_other", "apply gives other numbers than a call.", ("METH-01",), {"apply": _linear_apply}),
    ("convolution_op_own", "convolution_op is the layer's own operation.", ("METH-02", "METH-03"),
     {"convolution_op": _own_convolution}),
    ("convolution_op_shifted", "convolution_op is shifted by one.", ("METH-02", "GRAD-02"),
     {"convolution_op": _convolution(lambda y: np.roll(y, 1, 1))}),
    ("convolution_op_one_group", "Extra channels are dropped instead of grouped.", ("METH-03",),
     {"convolution_op": _one_group}),
    ("convolution_op_built", "convolution_op needs a built layer.", ("METH-04",),
     {"convolution_op": _needs_weights}),
    ("convolution_op_rank", "A missing batch axis is added.", ("METH-04", "KILL-03"),
     {"convolution_op": _rank_three}),
    ("convolution_op_last", "convolution_op serves channels_last only.", ("FMT-04",),
     {"convolution_op": _last_only}),
    ("no_losses_for", "get_losses_for does not answer.", ("LOSS-07",),
     {"get_losses_for": property(lambda _: (_ for _ in ()).throw(AttributeError("no")))}),
    ("no_updates_for", "get_updates_for is missing.", ("METH-05",),
     {"get_updates_for": property(lambda _: (_ for _ in ()).throw(AttributeError("no")))}),
    ("config_incomplete", "get_config forgets the strides.", ("METH-06",), {"get_config": _config}),
    ("from_config_other", "from_config gives another name and padding.", ("METH-06",),
     {"from_config": classmethod(_from_config)}),
    ("set_weights_any", "set_weights takes what fits and ignores the rest.", ("METH-07", "LIFE-04"),
     {"set_weights": _set_any}),
    ("lists_taken", "Nested lists are taken for arrays.", ("METH-08",), {"__call__": _lists}),
    ("deepcopy_shallow", "deepcopy gives the layer itself.", ("METH-09",), {"__deepcopy__": _shallow}),
    ("M26_order", "Weights are listed bias first.", ("VAR-01", "METH-07"), {"get_weights": _reversed_weights}),
    ("M26_layout", "The kernel is given as (kh, kw, in, filters).", ("VAR-01",), {"get_weights": _bias_shape}),
    ("trainable_always", "trainable_weights is never empty.", ("VAR-06",),
     {"trainable_weights": property(_never_untrainable)}),
    ("trainable_never", "trainable_weights is always empty.", ("VAR-06",),
     {"trainable_weights": property(_never_trainable)}),
    ("count_without_bias", "count_params forgets the bias and answers unbuilt.", ("VAR-14",),
     {"count_params": _count}),
    ("build_once", "A second build does nothing.", ("VAR-15",), {"build": _build_once}),
    ("scope_is_name", "scope_name is the name.", ("VAR-02", "ATTR-02"), {"scope_name": property(_scope_is_name)}),
    ("graph_none", "graph is None and does not warn.", ("ATTR-01",), {"graph": None}),
    ("deprecated", "The constructor warns.", ("MIG-09",), {"__init__": _warn}),
    ("name_required", "A layer needs a name.", ("MIG-04",), {"__init__": _needs_name}),
    ("kernel_transposed", "The kernel's shape follows the data format.", ("FMT-03",),
     {"get_weights": lambda self: [
         w.transpose(3, 2, 0, 1) if w.ndim == 4 and self.data_format == "channels_first" else w
         for w in Right.get_weights(self)
     ]}),
    ("losses_of_other_forms", "Unknown regularizers are ignored.", ("LOSS-09",), {
        "changed_arguments": lambda _, given: {
            k: v for k, v in given.items() if not (k.endswith("_regularizer") and v in ("l3", 5))
        }
    }),
    ("one_bias", "Two calls make a second kernel loss.", ("VAR-08",), {
        "losses": property(lambda self: [*inherited(self, "losses")] * (2 if self.kernel_regularizer else 1))
    }),
    ("config_eaten", "from_config empties the dictionary that it is given.", ("METH-06",),
     {"from_config": classmethod(_eats)}),
    ("config_live", "get_config gives the same dictionary each time.", ("METH-06",), {"get_config": _live}),
    ("config_seedless", "get_config forgets an initializer's seed.", ("METH-06",), {"get_config": _seedless}),
    ("config_axis", "get_config forgets an activation's axis.", ("METH-06",), {"get_config": _axisless}),
    ("output_shape_32_bits", "compute_output_shape counts with 32 bits.", ("SHAPE-09",),
     {"compute_output_shape": _narrow_shape}),
    ("config_typed", "Before it is built, a layer's configuration says float32.", ("DTYPE-01",),
     {"get_config": _typed}),
    ("set_weights_saturates", "set_weights casts to float16 with saturation.", ("METH-07",),
     {"set_weights": _rounded("float16", lambda w: np.clip(w, -65504, 65504))}),
    ("set_weights_truncates", "set_weights cuts bits off for bfloat16.", ("METH-07",),
     {"set_weights": _rounded("bfloat16", lambda w: (
         w.astype(np.float32).view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32).astype(w.dtype))}),
    ("set_weights_narrows", "set_weights rounds what a float64 layer is given to float32.", ("METH-07",),
     {"set_weights": _rounded("float64", lambda w: w.astype(np.float32))}),
    ("set_weights_broadcast", "set_weights broadcasts what is too small.", ("METH-07",),
     {"set_weights": _broadcast}),
    ("count_16_bits", "count_params counts in 16 bits.", ("VAR-14",),
     {"count_params": lambda self: Right.count_params(self) % 2**16}),
    ("count_trainable", "count_params counts what is trainable.", ("VAR-14",),
     {"count_params": lambda self: Right.count_params(self) * int(self.trainable)}),
    ("convolution_op_builds", "convolution_op makes the layer's weights.", ("DTYPE-01",),
     {"convolution_op": _builds}),
    ("refused_call_builds", "A refused first call makes float32 weights.", ("DTYPE-01",), {"__call__": _decides}),
    ("rank_unbatched", "An image without a batch axis is taken, as torch takes it.", ("SHAPE-10",),
     {"__call__": _unbatched}),
    ("rank_squeezed", "A leading axis of 1 too many is removed.", ("SHAPE-10",), {"__call__": _squeezed}),
    ("reuse_by_scope", "_reuse shares the weights.", ("VAR-10",), {
        "weights": property(lambda self: _SHARED.setdefault("weights", inherited(self, "weights")))
    }),
)  # fmt: skip

MISTAKES = tuple(
    Mistake(
        id=name,
        text=text,
        source="a reading of the page",
        clauses=clauses,
        layer=overridden(**members),
    )
    for name, text, clauses, members in _ROWS
)
