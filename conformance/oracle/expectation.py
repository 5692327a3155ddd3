"""The expectation: what `reference_impl` makes of a case in float64, and how sure it is."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from typing import Any

import attrs
import numpy as np

import reference_impl
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.geometry import Geometry
from conformance.model.observation import Observation
from conformance.model.values import limits
from conformance.model.values.codec import Array, Value
from conformance.model.values.dtypes import SIGNIFICAND_BITS
from conformance.oracle import activations, taps
from conformance.oracle.bounds import OracleError, check_case
from conformance.oracle.comparison import Mismatch, compare_numbers
from conformance.oracle.normwise import Transform, of_gradients, of_output
from conformance.oracle.tolerance import (
    allowed_error,
    exactly_summable,
    unit_roundoff,
)
from conformance.subjects.backend import observe, plain
from conformance.subjects.layer import LayerBackend

#: Where loops would make more products than this they are too slow, and matrix products stand in for them.
LOOPS = 10_000


@attrs.frozen(eq=False)
class Exact:
    """Expected numbers.

    Args:
        values: float64 (or integers), before any rounding to the subject's dtype.
        magnitude: S = sum of absolute products, of the same shape.
        terms: upper bound of the products in one sum.
        exact: whether every order of summation in the subject's dtype gives `values` exactly.
        dtype_name: the subject's dtype.
        more: error allowed beside that of the sums, of the same shape, or 0.
        transform: what a transform would make the values of; None where they are no convolution.
    """

    values: Array
    magnitude: Array
    terms: int
    exact: bool
    dtype_name: str
    more: Array | float = 0.0
    transform: Callable[[], Transform] | None = None

    def compare(self, got: Value, *, step: int, what: str = "output") -> Mismatch | None:
        """Return a mismatch unless `got` is right, element by element or in the norm of each image."""
        return compare_numbers(
            got,
            self.values,
            self.allowed,
            step=step,
            what=what,
            unit=self.unit,
            normwise=self.normwise,
        )

    @property
    def normwise(self) -> Callable[[], Array] | None:
        """What gives the error that a transform may have; None where there is none."""
        made = self.transform
        if made is None or self.dtype_name not in SIGNIFICAND_BITS:
            return None
        return lambda: made().allowed(self.magnitude, self.dtype_name)

    def carried(self, activation: Any) -> Callable[[], Array] | None:
        """Return what gives the error that an activation makes of a transform's; None where there is none."""
        error = self.normwise
        if error is None:
            return None
        name = activation["function"] if isinstance(activation, dict) else activation
        return lambda: activations.carried_error(name, self.values, error())

    @property
    def allowed(self) -> Array:
        """The bound on the absolute error."""
        return self.more + allowed_error(self.magnitude, self.terms, self.dtype_name, self.exact)

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
        """What the reference layer does with the case in float64; raise OracleError where that is too large."""
        check_case(self.case)
        backend = _OracleBackend()
        found = observe(_widened(self.case), backend, backend.note_weights)
        # The layer itself, whose numbers are Python's, takes more memory than all that is asked of it.
        self._noted = backend.noted
        if found.crash is not None:
            raise OracleError(f"the oracle's {found.crash}")
        return found

    @cached_property
    def with_last_weights(self) -> Expectation:
        """The oracle's answer to the case with the weights that it sets last from the first time on."""
        given = [step for step in self.case.steps if isinstance(step, steps.SetWeights)]
        changed = (
            given[-1] if isinstance(step, steps.SetWeights) else step for step in self.case.steps
        )
        return Expectation(attrs.evolve(self.case, steps=tuple(changed)))

    def value(self, index: int) -> Value:
        """Return step `index`'s value; raise OracleError where the oracle raised."""
        observation = self.observation
        if observation.constructed.error is not None:
            raise OracleError(f"the oracle's constructor raised {observation.constructed.error}")
        if observation.constructed.unsupported is not None:
            raise OracleError(f"the oracle cannot: {observation.constructed.unsupported}")
        outcome = observation.outcomes[index]
        if outcome.error is not None or outcome.unsupported is not None:
            raise OracleError(f"the oracle's step {index}: {outcome.error or outcome.unsupported}")
        return outcome.value

    def refuses(self, index: int | None) -> bool:
        """Tell whether the right layer is not made, raises at step `index`, or is not asked as it is too large."""
        try:
            right = self._quick.observation
        except OracleError:
            return True
        if right.constructed.error is not None or index is None:
            return right.constructed.error is not None
        return right.outcomes[index].error is not None

    @cached_property
    def _quick(self) -> Expectation:
        """What raises wherever this does: the case without its images, where loops take long for them."""
        changed = tuple(
            _without_images(self.case, index, step)
            if isinstance(step, (steps.Call, steps.Gradients))
            else step
            for index, step in enumerate(self.case.steps)
        )
        if all(one is other for one, other in zip(changed, self.case.steps)):
            return self
        return Expectation(attrs.evolve(self.case, steps=changed))

    def linear_output(self, index: int) -> Exact:
        """Return what call `index` gives before the activation, or what gradients are asked for of it."""
        key = (index, "linear")
        if key not in self._exacts:
            check_case(self.case)
            self._exacts[key] = self._compute_linear(index)
        found: Exact = self._exacts[key]
        return found

    def gradients(self, index: int) -> tuple[Exact, Exact, Exact | None]:
        """Return the gradients of step `index` by inputs, kernel and bias, for a linear layer."""
        key = (index, "gradients")
        if key not in self._exacts:
            check_case(self.case)
            self._exacts[key] = self._compute_gradients(index)
        found: tuple[Exact, Exact, Exact | None] = self._exacts[key]
        return found

    def activated_gradients(
        self, index: int, before: Array | None = None
    ) -> tuple[Exact, Exact, Exact | None]:
        """Return the gradients of step `index` through the layer's activation.

        Their sums are made of numbers that the activation's slope has rounded already: `slope_error` of each.
        `before` is the activation's argument; None is the exact one.
        """
        if before is not None:
            return self._compute_activated(index, before)
        key = (index, "activated")
        if key not in self._exacts:
            check_case(self.case)
            exact = self.linear_output(index).values
            self._exacts[key] = self._compute_activated(index, exact)
        found: tuple[Exact, Exact, Exact | None] = self._exacts[key]
        return found

    def weights_at(self, index: int) -> tuple[Array, Array | None]:
        """Return kernel and bias as they are when step `index` begins."""
        given = _given_weights(self.case, index)
        if given is not None:
            return given
        constructed = self.observation.constructed
        if constructed.error is not None:
            raise OracleError(f"the oracle's constructor raised {constructed.error}")
        return self._noted[index]

    def _compute_linear(self, index: int) -> Exact:
        step = self.case.steps[index]
        assert isinstance(step, (steps.Call, steps.Gradients))
        kernel, bias = self.weights_at(index)
        inputs = _wide(step.inputs)
        values = _transposed(self.case, inputs, kernel, bias)
        terms = Geometry.of(self.case.arguments).terms(kernel.shape[3])
        bound = _largest(inputs) * _largest(kernel) * terms + (
            0.0 if bias is None else _largest(bias)
        )
        exact = exactly_summable(step.inputs.dtype.name, bound, inputs, kernel, *_one(bias))
        if exact:
            magnitude = np.broadcast_to(bound, values.shape)
        else:
            with np.errstate(all="ignore"):
                magnitude = _transposed(
                    self.case,
                    np.abs(inputs),
                    np.abs(kernel),
                    None if bias is None else np.abs(bias),
                )
        geometry, name = Geometry.of(self.case.arguments), step.inputs.dtype.name
        transform = partial(of_output, geometry, inputs, kernel)
        return Exact(values, magnitude, terms, exact, name, transform=transform)

    def _compute_gradients(self, index: int) -> tuple[Exact, Exact, Exact | None]:
        step = self.case.steps[index]
        assert isinstance(step, (steps.Gradients, steps.Train, steps.SecondGradient))
        kernel, bias = self.weights_at(index)
        inputs, upstream = _wide(step.inputs), _wide(step.output_gradient)
        name = step.inputs.dtype.name
        terms = _terms(inputs, kernel, upstream)
        x, w, g = map(_largest, (inputs, kernel, upstream))
        bounds = [bound * count for bound, count in zip((g * w, g * x, g), terms)]
        found = _gradients(self.case, inputs, kernel, upstream)
        is_exact = exactly_summable(name, max(bounds), inputs, kernel, upstream)
        sizes: tuple[Array, ...]
        if is_exact and not isinstance(step, steps.SecondGradient):  # whose bound is made of these
            sizes = tuple(np.broadcast_to(bound, one.shape) for bound, one in zip(bounds, found))
        else:
            sizes = _gradients(self.case, np.abs(inputs), np.abs(kernel), np.abs(upstream))
        transforms = _gradient_transforms(self.case, inputs, kernel, upstream)
        exacts = [
            Exact(
                values,
                magnitude,
                count,
                exactly_summable(name, _largest(magnitude), inputs, kernel, upstream),
                name,
                transform=transform,
            )
            for values, magnitude, count, transform in zip(found, sizes, terms, transforms)
        ]
        return exacts[0], exacts[1], None if bias is None else exacts[2]

    def _compute_activated(self, index: int, before: Array) -> tuple[Exact, Exact, Exact | None]:
        step = self.case.steps[index]
        assert isinstance(step, steps.Gradients)
        kernel, bias = self.weights_at(index)
        inputs, upstream = _wide(step.inputs), _wide(step.output_gradient)
        name, dtype_name = str(self.case.arguments["activation"]), step.inputs.dtype.name
        with np.errstate(all="ignore"):
            slopes = activations.through(name, before, upstream)
            rounded = activations.slope_error(name, before, upstream, slopes, dtype_name)
            found = _gradients(self.case, inputs, kernel, slopes)
            sizes = _gradients(self.case, np.abs(inputs), np.abs(kernel), np.abs(slopes))
            errors = _gradients(self.case, np.abs(inputs), np.abs(kernel), rounded)
        transforms = _gradient_transforms(self.case, inputs, kernel, upstream)
        exacts = [
            Exact(
                found[i],
                sizes[i],
                terms,
                exact=False,
                dtype_name=dtype_name,
                more=errors[i],
                transform=transforms[i],
            )
            for i, terms in enumerate(_terms(inputs, kernel, upstream))
        ]
        return exacts[0], exacts[1], None if bias is None else exacts[2]


class _OracleBackend(LayerBackend):
    """The reference layer, with the weights noted as they were before every step."""

    def __init__(self) -> None:
        super().__init__(reference_impl.Conv2DTranspose)
        self.noted: list[tuple[Any, Any]] = []

    def plain(self, result: Any) -> Value:
        """Read all of it: what a subject gives in float16 has four times the bytes here."""
        return plain(result, 4 * limits.ARRAY)

    def note_weights(self) -> None:
        """Note kernel and bias, None before they exist."""
        layer = self.layer
        self.noted.append((layer.kernel, layer.bias) if layer.built else (None, None))


def _widened(case: Case) -> Case:
    """Return the case with every floating array and dtype as float64."""
    arguments = dict(case.arguments)
    dtype = arguments.get("dtype")
    if isinstance(dtype, str) and dtype in SIGNIFICAND_BITS:
        arguments["dtype"] = "float64"
    elif any(isinstance(step, steps.Build) for step in case.steps):
        arguments.setdefault("dtype", "float64")
    return Case(case.family, arguments, tuple(_widened_step(step) for step in case.steps))


def _widened_step(step: steps.Step) -> steps.Step:
    changes: dict[str, Any] = {}
    for field in attrs.fields(type(step)):
        value = getattr(step, field.name)
        if isinstance(value, tuple):
            changes[field.name] = tuple(map(_wide, value))
        else:
            changes[field.name] = _wide(value)
    widened: steps.Step = attrs.evolve(step, **changes)
    return widened


def _wide(value: Any) -> Any:
    is_wider = isinstance(value, np.ndarray) and value.dtype.name in SIGNIFICAND_BITS
    return value.astype(np.float64) if is_wider else value


#: Steps after which a layer that has its weights has the same ones.
_READING = (
    steps.Call, steps.ComputeOutputShape, steps.ConvolutionOp, steps.GetWeights, steps.Gradients,
    steps.SecondGradient,
)  # fmt: skip


def _given_weights(case: Case, index: int) -> tuple[Array, Array | None] | None:
    """Return the weights that a case begins by setting, None where it does more with them than that."""
    beginning = [step for step in case.steps[:index] if not isinstance(step, _READING)]
    if [type(step) for step in beginning] != [steps.Build, steps.SetWeights]:
        return None
    build, given = beginning
    assert isinstance(build, steps.Build)
    assert isinstance(given, steps.SetWeights)
    try:
        geometry = Geometry.of(case.arguments)
        channels = build.input_shape[geometry.channel_axis]
        wanted = [geometry.kernel_shape(channels or 0), (geometry.filters,)][
            : 1 + geometry.use_bias
        ]
    except (
        IndexError,
        KeyError,
        TypeError,
        ValueError,
    ):  # refused arguments, or a form of their own
        return None
    if [np.shape(value) for value in given.values] != wanted:
        return None
    kernel, *bias = map(_wide, given.values)
    return kernel, bias[0] if bias else None


def _gradient_transforms(
    case: Case, inputs: Array, kernel: Array, upstream: Array
) -> tuple[Callable[[], Transform], Callable[[], Transform], None]:
    """Return what transforms would make the gradients by inputs and kernel of; that by the bias is a plain sum."""
    made = partial(of_gradients, Geometry.of(case.arguments), inputs, kernel, upstream)
    return lambda: made()[0], lambda: made()[1], None


def _terms(inputs: Array, kernel: Array, upstream: Array) -> tuple[int, int, int]:
    """Return how many numbers are summed at most in the gradients by inputs, kernel and bias."""
    return (
        int(np.prod(kernel.shape[:3])),
        int(inputs.size // max(kernel.shape[3], 1)),
        int(upstream.size // max(kernel.shape[2], 1)),
    )


def _loops_will_do(case: Case, images: Array, kernel: Array, *others: Array) -> bool:
    """Tell whether the loops are quick enough; what is not finite, and what they refuse, is theirs in any case."""
    if images.ndim != 4:
        return True
    height, width, filters, channels = kernel.shape
    outputs = math.prod(Geometry.of(case.arguments).output_shape(images.shape))
    # A meeting of a pixel with a tap takes them as long as eight products.
    meetings = images.size // max(channels, 1) * height * width
    if meetings * (8 + filters * channels) + outputs <= LOOPS:
        return True
    if images.dtype.kind == "i" and _largest(images) * _largest(kernel) * kernel.size >= 2.0**31:
        return True  # the sums may wrap around
    return not all(bool(np.isfinite(array).all()) for array in (images, kernel, *others))


def _without_images(case: Case, index: int, step: steps.Call | steps.Gradients) -> steps.Step:
    """Return the step of a large case with no images, any other step as it is."""
    weights = _given_weights(case, index)
    if weights is None or step.inputs.ndim != 4:
        return step
    per_image: dict[str, Any] = {"inputs": step.inputs}
    if isinstance(step, steps.Gradients):
        per_image["output_gradient"] = step.output_gradient
    alike = len({len(array) for array in per_image.values()}) == 1
    if not alike or _loops_will_do(case, step.inputs, weights[0], *per_image.values()):
        return step
    return attrs.evolve(step, **{name: array[:0] for name, array in per_image.items()})


def _transposed(case: Case, inputs: Array, kernel: Array, bias: Array | None) -> Array:
    if _loops_will_do(case, inputs, kernel, *_one(bias)):
        with _refusing():
            return reference_impl.conv2d_transpose(
                inputs, kernel, bias=bias, **function_arguments(case)
            )
    return taps.conv2d_transpose(Geometry.of(case.arguments), inputs, kernel, bias)


def _gradients(
    case: Case, inputs: Array, kernel: Array, upstream: Array
) -> tuple[Array, Array, Array]:
    if _loops_will_do(case, inputs, kernel, upstream):
        with _refusing():
            found = reference_impl.conv2d_transpose_gradients(
                inputs, kernel, upstream, **function_arguments(case)
            )
        return found.inputs, found.kernel, found.bias
    geometry = Geometry.of(case.arguments)
    return taps.conv2d_transpose_gradients(geometry, inputs, kernel, upstream)


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """Turn what the oracle's functions refuse into an OracleError: no layer can do such a case."""
    try:
        yield
    except ValueError as error:
        raise OracleError(f"the oracle refuses the case: {error}") from error


def function_arguments(case: Case) -> dict[str, Any]:
    """Return the keywords of `reference_impl`'s functions that the case's arguments give."""
    names = ("strides", "padding", "data_format", "dilation_rate", "output_padding")
    given = {name: case.arguments[name] for name in names if name in case.arguments}
    return {name: tuple(v) if isinstance(v, list) else v for name, v in given.items()}


def _largest(array: Array) -> float:
    return float(np.max(np.abs(array), initial=0))


def _one(bias: Array | None) -> list[Array]:
    return [] if bias is None else [bias]
