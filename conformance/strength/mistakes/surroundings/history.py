"""Mistakes about what came before: what was packed or summed then, and how often something was done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import fast_impl
from conformance.model.values.codec import Array
from conformance.strength.mistakes.mistake import (
    Layer,
    Members,
    Right,
    inherited,
    mistakes_of,
    own_state,
    spatial_axes,
)


def _with_weights(self: Layer, weights: Any, action: Callable[[], Any]) -> Any:
    """Do something with other weights of the same shapes."""
    now = Right.get_weights(self)
    if [w.shape for w in now] != [w.shape for w in weights]:
        return action()
    Right.set_weights(self, weights)
    try:
        return action()
    finally:
        Right.set_weights(self, now)


def _stale(
    key: Callable[[Layer, list[Array]], Any],
    places: tuple[int, ...] = (0, 1),
    forgets: tuple[str, ...] = (),
    of_class: bool = False,
    methods: tuple[str, ...] = ("__call__",),
) -> Members:
    """Weights are packed once for each key; some methods forget what was packed."""
    of_all: dict[Any, Any] = {}

    def packed(self: Layer) -> Any:
        now = Right.get_weights(self)
        kept = of_all if of_class else own_state(self, "_packed")
        old = kept.setdefault(key(self, now), now) if now else now
        return [old[p] if p in places and p < len(old) else w for p, w in enumerate(now)]

    def with_packed(method: str) -> Callable[..., Any]:
        def changed(self: Layer, *given: Any, **keywords: Any) -> Any:
            def act() -> Any:
                return getattr(Right, method)(self, *given, **keywords)

            return _with_weights(self, packed(self), act) if self.built else act()

        return changed

    def forgetting(method: str) -> Callable[..., Any]:
        def changed(self: Layer, *given: Any) -> Any:
            self.__dict__.pop("wrong _packed", None)
            return getattr(Right, method)(self, *given)

        return changed

    return {
        **{method: with_packed(method) for method in methods},
        **{method: forgetting(method) for method in forgets},
    }


def _shapes(_: Layer, weights: list[Array]) -> Any:
    return tuple((w.shape, w.dtype.name) for w in weights)


def _assigned_kernel() -> Members:
    """Only set_weights and training tell the packed kernel that it is stale; assignment does not."""
    members = dict(_stale(_shapes, forgets=("set_weights", "apply_gradients")))

    def kernel(self: Layer) -> Any:
        return fast_impl.Conv2DTranspose.kernel.fget(self)  # type: ignore[attr-defined]

    def assign(self: Layer, value: Any) -> None:
        fast_impl.Conv2DTranspose.kernel.fset(self, value)  # type: ignore[attr-defined]

    return {**members, "kernel": property(kernel, assign)}


def _first_batch(self: Layer, _: Array, outputs: Array) -> Array:
    most = self.__dict__.setdefault("_batch", len(outputs))
    found: Array = outputs.copy()
    found[most:] = 0
    return found


def _last_pixels(self: Layer, _: Array, outputs: Array) -> Array:
    """Scratch of a larger call before shows in the last column."""
    scratch = getattr(self, "_scratch", None)
    self._scratch = outputs.copy()
    if scratch is None or scratch.size <= outputs.size or not outputs.size:
        return outputs
    found: Array = outputs.copy()
    found.reshape(-1)[-1] += scratch.reshape(-1)[outputs.size].astype(outputs.dtype)
    return found


#: The plan of the last call of any layer: the shapes, and what else was decided.
_LAST: dict[str, Any] = {}


def _of_last(kind: str, shapes: Any, own: Any) -> Any:
    """Return what was decided for the last call, where its shapes were the same."""
    before = _LAST.get(kind)
    _LAST[kind] = shapes, own
    return before[1] if before is not None and before[0] == shapes else own


def _plan_of_shape(self: Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    """Whether there is a bias belongs to the plan, and plans are known by the shapes alone."""
    outputs = Right.__call__(self, inputs, *args, **kwargs)
    if not isinstance(outputs, np.ndarray) or not self.built:
        return outputs
    plan = _of_last("bias", (np.shape(inputs), self.kernel.shape), self.use_bias)
    return outputs if plan == self.use_bias else outputs + outputs.dtype.type(1)


def _format_of_shape(self: Layer, inputs: Array, outputs: Array) -> Array:
    """Computed in the dtype of the last call, where its shapes were the same."""
    last = _of_last("dtype", (inputs.shape, self.kernel.shape), outputs.dtype)
    return (
        outputs if last.itemsize >= outputs.itemsize else outputs.astype(last).astype(outputs.dtype)
    )


def _adding_up(*places: int) -> Members:
    def gradients(self: Layer, inputs: Any, output_gradient: Any) -> Any:
        found: list[Any] = list(Right.gradients(self, inputs, output_gradient))
        sums = own_state(self, "_sums")
        for place in places:
            if found[place] is not None:
                key = place, found[place].shape
                sums[key] = sums.get(key, 0) + found[place]
                found[place] = sums[key].copy()
        return fast_impl.functional.Gradients(*found)

    return {"gradients": gradients}


def _first_activation(self: Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    now = self.activation
    self.activation = self.__dict__.setdefault("_first_activation", now)
    try:
        return Right.__call__(self, inputs, *args, **kwargs)
    finally:
        self.activation = now


#: What was packed, or planned, for other weights or another layer.
_STALE = (
    (
        "stale_weights",
        "Weights are packed at the first call; set_weights changes nothing later.",
        _stale(_shapes),
    ),
    ("stale_kernel", "The kernel is packed at the first call.", _stale(_shapes, (0,))),
    ("stale_bias", "The bias of the first call is added for ever.", _stale(_shapes, (1,))),
    (
        "stale_after_assignment",
        "An assignment to `kernel` does not reach what was packed.",
        _assigned_kernel(),
    ),
    (
        "stale_after_training",
        "A training step does not reach what was packed.",
        _stale(_shapes, forgets=("set_weights",)),
    ),
    (
        "stale_by_class",
        "Layers of the same shapes share what was packed.",
        _stale(_shapes, of_class=True),
    ),
    (
        "stale_by_sum",
        "A packed kernel is known again by the sum of its elements.",
        _stale(lambda _, w: float(w[0].astype(float).sum()), (0,)),
    ),
    (
        "stale_by_corner",
        "A packed kernel is known again by its first element.",
        _stale(lambda _, w: float(w[0].reshape(-1)[:1].astype(float).sum()), (0,)),
    ),
    (
        "stale_by_end",
        "A packed kernel is known again by its last element.",
        _stale(lambda _, w: float(w[0].reshape(-1)[-1:].astype(float).sum()), (0,)),
    ),
    (
        "stale_gradient_kernel",
        "Gradients use the kernel that was turned for the first of them.",
        _stale(_shapes, (0,), methods=("gradients",)),
    ),
    (
        "stale_plan",
        "The plan of another layer with the same shapes is used.",
        {"__call__": _plan_of_shape},
    ),
    (
        "stale_dtype",
        "The dtype in which the shapes were first computed stays.",
        {"changed_outputs": _format_of_shape},
    ),
    (
        "stale_activation",
        "The activation of the first call stays.",
        {"__call__": _first_activation},
    ),
)


def _gaps(self: Layer, _: Array, outputs: Array) -> Array:
    """The last row, where no product reaches it, is what a taller call has left there."""
    axis = spatial_axes(self)[0]
    scratch = getattr(self, "_scratch", None)
    self._scratch = outputs.copy()
    rest = [size for place, size in enumerate(outputs.shape) if place != axis]
    if scratch is None or [s for p, s in enumerate(scratch.shape) if p != axis] != rest:
        return outputs
    if self.kernel.shape[0] >= self.strides[0] or scratch.shape[axis] <= outputs.shape[axis]:
        return outputs
    found: Array = outputs.copy()
    row = outputs.shape[axis] - 1
    np.moveaxis(found, axis, 0)[row] += np.moveaxis(scratch, axis, 0)[row + 1]
    return found


#: What earlier calls left behind.
_LEFT = (
    (
        "stale_batch",
        "Images beyond the batch of the first call are zero.",
        {"changed_outputs": _first_batch},
    ),
    (
        "stale_scratch",
        "What a larger call left in scratch memory is added in one place.",
        {"changed_outputs": _last_pixels},
    ),
    (
        "stale_gaps",
        "In a row without products shows what a taller image has left.",
        {"changed_outputs": _gaps},
    ),
    ("stale_gradients", "Gradients add up over calls.", _adding_up(0, 1, 2)),
    ("stale_kernel_gradient", "The kernel gradient adds up over calls.", _adding_up(1)),
    ("stale_bias_gradient", "The bias gradient adds up over calls.", _adding_up(2)),
)


def _saved(what: str) -> Members:
    """Gradients are made of what the last call has saved, where its input was like this one."""

    def call(self: Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = Right.__call__(self, inputs, *args, **kwargs)
        own_state(self, "_saved").update(inputs=np.array(inputs), weights=Right.get_weights(self))
        return outputs

    def gradients(self: Layer, inputs: Any, output_gradient: Any) -> Any:
        saved = own_state(self, "_saved")
        known = np.shape(saved.get("inputs")) == np.shape(inputs)
        if not known or saved["inputs"].dtype != np.asarray(inputs).dtype:
            return Right.gradients(self, inputs, output_gradient)
        if what == "inputs":
            return Right.gradients(self, saved["inputs"], output_gradient)
        return _with_weights(
            self, saved["weights"], lambda: Right.gradients(self, inputs, output_gradient)
        )

    return {"__call__": call, "gradients": gradients}


def _penalty_before() -> Members:
    """Penalties are those of the weights before the last step."""

    def apply_gradients(self: Layer, gradients: Any, learning_rate: float) -> None:
        losses = list(inherited(self, "losses"))
        Right.apply_gradients(self, gradients, learning_rate)
        own_state(self, "_penalty")["losses"] = losses

    def set_weights(self: Layer, weights: Any) -> None:
        own_state(self, "_penalty").clear()
        Right.set_weights(self, weights)

    def losses(self: Layer) -> Any:
        return own_state(self, "_penalty").get("losses") or inherited(self, "losses")

    return {
        "apply_gradients": apply_gradients, "set_weights": set_weights, "losses": property(losses),
    }  # fmt: skip


#: Gradients made of what a call before has saved.
_SAVED = (
    ("saved_inputs", "Gradients are those of the last call's input.", _saved("inputs")),
    ("saved_weights", "Gradients are those of the last call's weights.", _saved("weights")),
)


def _from_nth(
    method: str, wrong: Callable[[int], bool], what: Callable[[Any], Any] = lambda y: y + y.dtype.type(1)
) -> Members:  # fmt: skip
    """The result of some calls is changed, by how many there have been."""

    def changed(self: Layer, *given: Any, **keywords: Any) -> Any:
        found = getattr(Right, method)(self, *given, **keywords)
        counts = own_state(self, "_counts")
        counts[method] = counts.get(method, 0) + 1
        if not wrong(counts[method]):
            return found
        if isinstance(found, np.ndarray):
            return what(found)
        parts: list[Any] = [part if part is None else what(part) for part in found]
        return fast_impl.functional.Gradients(*parts) if method == "gradients" else parts

    return {method: changed}


def _same_again(self: Layer, inputs: Array, outputs: Array) -> Array:
    before = getattr(self, "_before", None)
    self._before = inputs.copy()
    return outputs * 0 if before is not None and np.array_equal(before, inputs) else outputs


_REPEATED = (
    ("repeated_second", "The second call is off by one.", _from_nth("__call__", lambda n: n == 2)),
    (
        "repeated_third",
        "From the third call on the result is off by one.",
        _from_nth("__call__", lambda n: n >= 3),
    ),
    (
        "repeated_every_other",
        "Every other call is doubled.",
        _from_nth("__call__", lambda n: n % 2 == 0, lambda y: y + y),
    ),
    ("repeated_tenth", "The tenth call is off by one.", _from_nth("__call__", lambda n: n == 10)),
    (
        "repeated_compiled",
        "After 32 calls another kernel takes over, and is wrong.",
        _from_nth("__call__", lambda n: n > 32),
    ),
    (
        "repeated_counter",
        "A counter of a signed byte overflows.",
        _from_nth("__call__", lambda n: n >= 128),
    ),
    (
        "repeated_rounded",
        "Later calls compute in half precision.",
        _from_nth(
            "__call__",
            lambda n: n > 1,
            lambda y: y.astype(np.float16).astype(y.dtype) if y.dtype.kind == "f" else y,
        ),
    ),
    (
        "repeated_input",
        "The input of the call before gives zeros.",
        {"changed_outputs": _same_again},
    ),
    (
        "repeated_gradients",
        "The second gradients are off by one.",
        _from_nth("gradients", lambda n: n == 2),
    ),
    (
        "repeated_gradients_zero",
        "From the third time on gradients are zero.",
        _from_nth("gradients", lambda n: n >= 3, lambda g: g * 0),
    ),
    (
        "repeated_convolution",
        "The second convolution_op is off by one.",
        _from_nth("convolution_op", lambda n: n == 2),
    ),
    (
        "repeated_first_only",
        "The bias is added by the first call alone.",
        _from_nth("__call__", lambda n: n > 1, lambda y: y - y.dtype.type(3)),
    ),
)


MISTAKES = (
    *mistakes_of("an autograd binding that saves for backward", ("GRAD-01", "GRAD-06"), *_SAVED),
    *mistakes_of(
        "penalties that are remembered",
        ("LOSS-01",),
        ("saved_penalty", "After a step the penalties are those before it.", _penalty_before()),
    ),
    *mistakes_of("kernels that keep a plan, a workspace, packed weights", ("LIFE-01",), *_STALE),
    *mistakes_of("github.com/chelsea0x3b/dfdx/issues/677", ("VAL-02",), *_LEFT),
    *mistakes_of("warming up, compiling later, counting", ("VAL-02",), *_REPEATED),
)
