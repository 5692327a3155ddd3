"""Mistakes about numbers that enter a layer from a wider dtype: cut, clipped or rounded twice instead of once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import fast_impl
from conformance.model.values.codec import Array
from conformance.strength.mistakes.mistake import Layer, Members, Mistake, Right, overridden


def _cut(value: Any, dtype: Any) -> Any:
    """Return float64 or float32 numbers in a narrower dtype, towards zero."""
    array, narrow = np.asarray(value), np.dtype(dtype)
    if array.dtype.kind != "f" or narrow.kind != "f" or array.dtype.itemsize <= narrow.itemsize:
        return value
    with np.errstate(all="ignore"):
        near = array.astype(narrow)
        beyond = np.abs(near.astype(np.float64)) > np.abs(array)
        return np.where(beyond, np.nextafter(near, narrow.type(0)), near)


def _clipped(value: Any, dtype: Any) -> Any:
    """Return numbers that are at most the largest one of a narrower dtype."""
    array, narrow = np.asarray(value), np.dtype(dtype)
    if array.dtype.kind != "f" or narrow.kind != "f":
        return value
    largest = float(np.finfo(narrow).max)
    return np.where(np.isfinite(array), np.clip(array, -largest, largest), array)


def _assigned(change: Callable[[Any, Any], Any]) -> Members:
    def assign(self: Layer, value: Any) -> None:
        Right.kernel.fset(self, change(value, self.kernel.dtype))  # type: ignore[attr-defined]

    return {"kernel": property(Right.kernel.fget, assign)}  # type: ignore[attr-defined]


def _cast(change: Callable[[Any, Any], Any]) -> Members:
    def call(self: Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        dtype = self._policy.compute
        if self._autocast and dtype is not None and isinstance(inputs, np.ndarray):
            inputs = change(inputs, dtype)
        return Right.__call__(self, inputs, *args, **kwargs)

    return {"__call__": call}


def _given(self: Layer, array: Array) -> Array:
    if self._initial_weights is not None and not self.built:
        dtype = self._policy.variable or array.dtype
        if all(hasattr(weight, "dtype") for weight in self._initial_weights):
            self._initial_weights = [_cut(weight, dtype) for weight in self._initial_weights]
    found: Array = super(Right, self)._prepared(array)
    return found


def _made(
    self: Layer, name: str, shape: Any, initializer: Any, regularizer: Any, constraint: Any
) -> Any:
    made = initializer
    if made is not None and not hasattr(made, "get_config"):

        def initializer(shape: Any, dtype: Any = None) -> Any:
            return _cut(made(shape, dtype=dtype), dtype)

    return super(Right, self)._weight(name, shape, initializer, regularizer, constraint)


def _projecting(
    self: Layer, name: str, shape: Any, initializer: Any, regularizer: Any, constraint: Any
) -> Any:
    dtype, projected = self._policy.variable, constraint
    if projected is not None and not hasattr(projected, "get_config"):

        def constraint(weight: Array) -> Any:
            found = projected(weight)
            return _cut(found, dtype) if isinstance(found, np.ndarray) else found

    return super(Right, self)._weight(name, shape, initializer, regularizer, constraint)


def _policy_cuts(self: Layer, array: Array) -> Array:
    if self.kernel.dtype == array.dtype or array.dtype != np.float16:
        found: Array = super(Right, self)._linear(array)
        return found
    bias = None if self.bias is None else self.bias.astype(array.dtype)
    return fast_impl.conv2d_transpose(
        array,
        _cut(self.kernel, array.dtype),
        self.strides,
        self.padding,
        self.data_format,
        bias=bias,
    )


def _narrow_gradients(self: Layer, inputs: Any, output_gradient: Any) -> Any:
    found = Right.gradients(self, inputs, output_gradient)
    return found._replace(kernel=found.kernel.astype(self._policy.compute))


def _twice(self: Layer, weights: Any) -> None:
    if self.built and self.kernel.dtype == np.float16 and isinstance(weights, list):
        with np.errstate(all="ignore"):
            weights = [
                w.astype(np.float32) if getattr(w, "dtype", None) == np.float64 else w
                for w in weights
            ]
    Right.set_weights(self, weights)


_ROWS: tuple[tuple[str, str, str, Members], ...] = (
    ("assigned_cut", "An assignment cuts bits off.", "METH-07", _assigned(_cut)),
    ("assigned_clipped", "An assignment clips to the largest number.", "METH-07", _assigned(_clipped)),
    ("set_twice", "set_weights of a float16 layer rounds by float32.", "METH-07", {"set_weights": _twice}),
    ("given_cut", "`weights=` are cut to the layer's dtype.", "ARG-17", {"_prepared": _given}),
    ("initial_cut", "What an initializer returns is cut to the weight's dtype.", "INIT-05", {"_weight": _made}),
    ("projected_cut", "What a constraint returns is cut to the weight's dtype.", "CONS-05",
     {"_weight": _projecting}),
    ("autocast_cut", "autocast cuts bits off.", "ARG-19", _cast(_cut)),
    ("autocast_clipped", "autocast clips to the largest number.", "ARG-19", _cast(_clipped)),
    ("policy_cut", "A policy cuts the weights to the dtype it computes in.", "ARG-16", {"_linear": _policy_cuts}),
    ("policy_gradients", "Kernel gradients have the dtype that a policy computes in.", "ARG-16",
     {"gradients": _narrow_gradients}),
)  # fmt: skip


def _mistakes() -> Iterator[Mistake]:
    for name, text, clause, members in _ROWS:
        yield Mistake(
            id=f"entering_{name}", text=text, source="a cast of one's own", clauses=(clause,),
            layer=overridden(**members),
        )  # fmt: skip


MISTAKES = tuple(_mistakes())
