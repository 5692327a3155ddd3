"""The expectation: what `reference_impl` makes of a case in float64, and how sure it is."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import attrs
import numpy as np

import reference_impl
from conformance.model import case as steps
from conformance.model.case import Case
from conformance.model.codec import Array, Value
from conformance.model.dtypes import SIGNIFICAND_BITS
from conformance.model.geometry import Geometry
from conformance.model.observation import Observation
from conformance.oracle.tolerance import (
    allowed_error,
    exactly_summable,
    unit_roundoff,
)
from conformance.subjects.backend import observe
from conformance.subjects.layer import LayerBackend


class OracleError(Exception):
    """The oracle could not compute what a check asked for: the harness is broken."""


@attrs.frozen(eq=False)
class Exact:
    """Expected numbers.

    Args:
        values: float64 (or integers), before any rounding to the subject's dtype.
        magnitude: S = sum of absolute products, of the same shape.
        terms: upper bound of the products in one sum.
        exact: whether every order of summation in the subject's dtype gives `values` exactly.
        dtype_name: the subject's dtype.
    """

    values: Array
    magnitude: Array
    terms: int
    exact: bool
    dtype_name: str

    @property
    def allowed(self) -> Array:
        """The bound on the absolute error."""
        return allowed_error(self.magnitude, self.terms, self.dtype_name, self.exact)

    @property
    def unit(self) -> Array:
        """`unit roundoff * S`, what scaled errors are measured in."""
        if self.dtype_name not in SIGNIFICAND_BITS:
            return np.zeros_like(self.magnitude)
        unit: Array = self.magnitude * unit_roundoff(self.dtype_name)
        return unit


class Expectation:
    """The oracle's answer to a case; parts are computed when a check asks for them."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self._exacts: dict[tuple[int, str], Any] = {}

    @cached_property
    def observation(self) -> Observation:
        """What the reference layer does with the case in float64."""
        self._backend = _OracleBackend()
        return observe(_widened(self.case), self._backend, self._backend.note_weights)

    def value(self, index: int) -> Value:
        """Return step `index`'s value; raise OracleError where the oracle raised."""
        observation = self.observation
        if observation.constructed.error is not None:
            raise OracleError(f"the oracle's constructor raised {observation.constructed.error}")
        outcome = observation.outcomes[index]
        if outcome.error is not None or outcome.unsupported is not None:
            raise OracleError(f"the oracle's step {index}: {outcome.error or outcome.unsupported}")
        return outcome.value

    def linear_output(self, index: int) -> Exact:
        """Return what call `index` gives before the activation."""
        key = (index, "linear")
        if key not in self._exacts:
            self._exacts[key] = self._compute_linear(index)
        found: Exact = self._exacts[key]
        return found

    def gradients(self, index: int) -> tuple[Exact, Exact, Exact | None]:
        """Return the gradients of step `index` by inputs, kernel and bias, for a linear layer."""
        key = (index, "gradients")
        if key not in self._exacts:
            self._exacts[key] = self._compute_gradients(index)
        found: tuple[Exact, Exact, Exact | None] = self._exacts[key]
        return found

    def weights_at(self, index: int) -> tuple[Array, Array | None]:
        """Return kernel and bias as they are when step `index` begins."""
        constructed = self.observation.constructed
        if constructed.error is not None:
            raise OracleError(f"the oracle's constructor raised {constructed.error}")
        return self._backend.weights[index]

    def _compute_linear(self, index: int) -> Exact:
        step = self.case.steps[index]
        assert isinstance(step, steps.Call)
        kernel, bias = self.weights_at(index)
        inputs = _wide(step.inputs)
        keywords = _function_arguments(self.case)
        values = reference_impl.conv2d_transpose(inputs, kernel, bias=bias, **keywords)
        terms = Geometry.of(self.case.arguments).terms(kernel.shape[3])
        bound = _largest(inputs) * _largest(kernel) * terms + (
            0.0 if bias is None else _largest(bias)
        )
        exact = exactly_summable(step.inputs.dtype.name, bound, inputs, kernel, *_one(bias))
        if exact:
            magnitude = np.full(values.shape, bound)
        else:
            with np.errstate(all="ignore"):
                magnitude = reference_impl.conv2d_transpose(
                    np.abs(inputs), np.abs(kernel),
                    bias=None if bias is None else np.abs(bias), **keywords,
                )  # fmt: skip
        return Exact(values, magnitude, terms, exact, step.inputs.dtype.name)

    def _compute_gradients(self, index: int) -> tuple[Exact, Exact, Exact | None]:
        step = self.case.steps[index]
        assert isinstance(step, (steps.Gradients, steps.Train, steps.SecondGradient))
        kernel, bias = self.weights_at(index)
        inputs, upstream = _wide(step.inputs), _wide(step.output_gradient)
        keywords = _function_arguments(self.case)
        found = reference_impl.conv2d_transpose_gradients(inputs, kernel, upstream, **keywords)
        sizes = reference_impl.conv2d_transpose_gradients(
            np.abs(inputs), np.abs(kernel), np.abs(upstream), **keywords
        )
        terms = (
            int(np.prod(kernel.shape[:3])),
            int(inputs.size // max(kernel.shape[3], 1)),
            int(upstream.size // max(kernel.shape[2], 1)),
        )
        name = step.inputs.dtype.name
        exacts = [
            Exact(
                values,
                magnitude,
                count,
                exactly_summable(
                    name, float(np.max(magnitude, initial=0)), inputs, kernel, upstream
                ),
                name,
            )
            for values, magnitude, count in zip(found, sizes, terms)
        ]
        return exacts[0], exacts[1], None if bias is None else exacts[2]


class _OracleBackend(LayerBackend):
    """The reference layer, with the weights noted as they were before every step."""

    def __init__(self) -> None:
        super().__init__(reference_impl.Conv2DTranspose)
        self.weights: list[tuple[Any, Any]] = []

    def note_weights(self) -> None:
        """Note kernel and bias, None before they exist."""
        layer = self._layer
        self.weights.append((layer.kernel, layer.bias) if layer.built else (None, None))


def _widened(case: Case) -> Case:
    """Return the case with every floating array and dtype as float64."""
    arguments = dict(case.arguments)
    if arguments.get("dtype") in SIGNIFICAND_BITS:
        arguments["dtype"] = "float64"
    elif any(isinstance(step, steps.Build) for step in case.steps):
        arguments.setdefault("dtype", "float64")
    return Case(case.family, arguments, tuple(_widened_step(step) for step in case.steps))


def _widened_step(step: steps.Step) -> steps.Step:
    changes: dict[str, Any] = {}
    for field in attrs.fields(type(step)):
        value = getattr(step, field.name)
        if isinstance(value, np.ndarray):
            changes[field.name] = _wide(value)
        elif isinstance(value, tuple) and any(isinstance(item, np.ndarray) for item in value):
            changes[field.name] = tuple(_wide(item) for item in value)
    widened: steps.Step = attrs.evolve(step, **changes)
    return widened


def _wide(array: Array) -> Array:
    return array.astype(np.float64) if array.dtype.name in SIGNIFICAND_BITS else array


def _function_arguments(case: Case) -> dict[str, Any]:
    names = ("strides", "padding", "data_format", "dilation_rate", "output_padding")
    given = {name: case.arguments[name] for name in names if name in case.arguments}
    return {name: tuple(v) if isinstance(v, list) else v for name, v in given.items()}


def _largest(array: Array) -> float:
    return float(np.max(np.abs(array), initial=0))


def _one(bias: Array | None) -> list[Array]:
    return [] if bias is None else [bias]
