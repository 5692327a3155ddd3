"""Causes: which of a layer's features makes its calls wrong, and which clause that feature belongs to.

A wrong call fails every clause that looks at its output. So that one cause is one failure, the layer of a failing
case is made plainer step by step, as long as its call stays wrong: what cannot be taken away
is needed for the mistake, and the clauses of what is needed are to blame. All others are blocked by them.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial, reduce
from typing import Any

import attrs
import numpy as np

from conformance.cases.drawn.configurations import Configuration
from conformance.cases.drawn.data import nonzero_integers, position_coded, reals
from conformance.cases.drawn.strategies import ACTIVATIONS, geometry_case
from conformance.checks import CHECKS, NotSupported, NotTried, Traits, View
from conformance.checks.applicability import runs_here
from conformance.checks.chapters.forward.activations import check_activation_follows_the_bias
from conformance.checks.chapters.forward.values import compare_call
from conformance.checks.view import Misbehaved
from conformance.judge.evidence import Evidence
from conformance.judge.judging import Failure, HarnessError, judge
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.geometry import Geometry
from conformance.model.named import resolve
from conformance.model.observation import Unsupported
from conformance.model.values.codec import Array, Value, dtype_of
from conformance.model.values.dtypes import SIGNIFICAND_BITS
from conformance.subjects import Subject, in_own_terms

#: The search for one subject's causes ends after so many calls of its own, or, where calls take long, seconds. No
#: call counts for more than `LONGEST`: what takes longer is a process that has to be started anew. `LEAST` calls
#: are made however long they take: about ten causes need them, and a busy machine must not hide those.
CALLS, SECONDS, LONGEST, LEAST = 2000, 60.0, 1.0, 150
#: Whose matter it is where no feature's own clause fails.
LAST = ("VAL-01", "ACT-01")
#: Formats in which only small integers sum exactly, and those in which integers do that float32 cannot hold.
_SHORT = ("float16", "bfloat16")
_WIDE = ("int32", "float64")
#: Begins the name of a policy: what is computed in another dtype than the weights have.
_MIXED = "mixed_"
#: Features, beside a dtype, that a subject may have instead of a default of the page.
_OFFERED = ("channels_first", "no bias")
#: Integers from this on count as large.
_LARGE = 2**12


@attrs.frozen
class Layer:
    """What a call's result may depend on: the layer, the shape and dtype of its input, the kind of data.

    The data are small integers, real numbers or, in a format that sums them exactly, `large` integers. The weights
    of an `unbuilt` layer are made by the call, in the dtype of its input: there is no argument for it.
    """

    configuration: Configuration
    activation: str | None = None
    integers: bool = True
    large: bool = False
    unbuilt: bool = False

    def case(self) -> Case:
        """Return the case that calls the layer; it is called once, unless it is unbuilt."""
        c = self.configuration
        if self.unbuilt:
            arguments = attrs.evolve(c, dtype="float32").arguments()
            call = steps.Call(position_coded(c.input_shape(), c.dtype))
            return Case("inferred dtypes", arguments, (call, steps.GetWeights(), call))
        exact = self.activation is None and c.dtype not in _SHORT
        empty = 0 in (c.batch, *c.size, c.in_channels)
        if self.integers and exact and c.dtype == "float32" and not empty:
            return geometry_case(c)
        named = {"function": "triple"} if self.activation == "triple" else self.activation
        more = {} if named is None else {"activation": named}
        plain = "degenerate" if empty else "numbers"
        family = plain if named is None else "activations"
        if not self.integers:
            inputs, kernel = reals(c.input_shape(), 1, c.dtype), reals(c.kernel_shape, 2, c.dtype)
        elif self.large and c.dtype in _WIDE and not empty:
            # Odd ones: float32 holds none of them, and hardly a sum.
            largest = 2**29 // math.prod((*c.kernel_size, c.in_channels)) | 1
            inputs = largest - 2 * position_coded(c.input_shape(), c.dtype)
            kernel = nonzero_integers(c.kernel_shape, 2, c.dtype, largest=2)
        elif exact:
            inputs = position_coded(c.input_shape(), c.dtype)
            kernel = position_coded(c.kernel_shape, c.dtype)
        else:
            # In a short format, a long sum of larger ones is rounded, and what is left out of it does not show.
            terms = math.prod((*c.kernel_size, c.in_channels))
            largest = 1 if 4 * terms >= 2 ** SIGNIFICAND_BITS.get(c.dtype, 32) else 2
            inputs = nonzero_integers(c.input_shape(), 1, c.dtype, largest=largest)
            kernel = nonzero_integers(c.kernel_shape, 2, c.dtype, largest=largest)
        return Case(family, c.arguments(**more), (*c.weights(kernel), steps.Call(inputs)))

    @property
    def features(self) -> frozenset[str]:
        """What a mistake may need: in what the layer departs from the plainest one, and whether it has a bias."""
        c = self.configuration
        found = {
            f"activation {self.activation}": self.activation is not None,
            f"dtype {c.dtype}": c.dtype != "float32",
            "unbuilt": self.unbuilt,
            "real numbers": not self.integers,
            "large integers": self.integers and self.large and c.dtype in _WIDE,
            "channels_first": c.data_format == "channels_first",
            "no channels": c.in_channels == 0,
            "empty": 0 in (c.batch, *c.size),
            "bias": c.use_bias,
            "no bias": not c.use_bias,
            "unequal axes": _side(c, 0) != _side(c, 1),
        }
        axes = (self._kind(side) for side in (0, 1))
        return frozenset([*(name for name, there in found.items() if there), *axes]) - {"valid"}

    def _kind(self, side: int) -> str:
        c, axis = self.configuration, self.configuration.geometry.axes[side]
        kinds = {
            "output_padding": axis.output_padding is not None,
            "dilation": c.dilation_rate > 1,
            "short": axis.extent < axis.stride,
            "strided": axis.stride > 1,
        }
        kind = next((name for name, there in kinds.items() if there), "")
        return f"{c.padding} {kind}".strip()


#: What is asked where a case's own layer is no ordinary one.
_PLAINEST = Layer(
    Configuration(
        batch=2, in_channels=2, filters=3, size=(4, 5), strides=(1, 1), kernel_size=(2, 3)
    )
)


def layer_of(case: Case, inputs: Array | None = None) -> Layer | None:
    """Return the layer and input of a case's first call or gradient.

    Where the arguments are no ordinary ones, it is the plainest layer; None where no layer takes the input.

    Args:
        case: the case.
        inputs: what stands for the case's own input.
    """
    arguments = _plainly_spelled(case.arguments)
    inputs = _inputs(case) if inputs is None else inputs
    if inputs is None or inputs.ndim != 4:
        return None
    name = inputs.dtype.name
    given = arguments.get("dtype")
    own = (name if making_call(case) else "float32") if given is None else given
    if isinstance(own, str) and (own.startswith(_MIXED) or arguments.get("autocast") is True):
        own = name = own.removeprefix(_MIXED)  # what it computes in, whatever it is given
    if own != name or not (name in SIGNIFICAND_BITS or name == "int32"):
        return None
    activation = arguments.get("activation")
    if isinstance(activation, dict):
        activation = activation.get("function")
    try:
        geometry = Geometry.of(arguments)
    except (KeyError, TypeError, ValueError):
        return _PLAINEST
    height, width = geometry.axes
    if height.dilation != width.dilation:
        return _PLAINEST
    batch, *size, channels = geometry.to_channels_last(inputs).shape
    output_padding = (height.output_padding, width.output_padding)
    c = Configuration(
        batch=batch,
        in_channels=channels,
        filters=geometry.filters,
        size=(size[0], size[1]),
        strides=(height.stride, width.stride),
        kernel_size=(height.kernel, width.kernel),
        padding="same" if height.same else "valid",
        data_format="channels_first" if geometry.channels_first else "channels_last",
        dilation_rate=height.dilation,
        output_padding=None if None in output_padding else output_padding,  # type: ignore[arg-type]
        use_bias=geometry.use_bias,
        dtype=name,
    )
    named = activation if activation in ("triple", *ACTIVATIONS) else None
    weights = (one.values for one in case.steps if isinstance(one, steps.SetWeights))
    arrays = (inputs, *itertools.chain.from_iterable(weights))
    return Layer(c, named, bool(np.all(_whole(inputs))), any(map(_is_large, arrays)))


def _plainly_spelled(arguments: Mapping[str, Value]) -> Mapping[str, Value]:
    """Return arguments with sizes as lists and integers, and the dtype by name, whatever the case has instead."""
    spelled = dict(arguments)
    if isinstance(spelled.get("dtype"), Mapping):
        with contextlib.suppress(Unsupported, TypeError):
            spelled["dtype"] = np.dtype(resolve(spelled["dtype"])).name
    for name in ("filters", "kernel_size", "strides", "dilation_rate", "output_padding"):
        if isinstance(spelled.get(name), Mapping):
            with contextlib.suppress(Unsupported):
                made = resolve(spelled[name])
                spelled[name] = [*made] if np.iterable(made) else made
    return spelled


def making_call(case: Case) -> steps.Call | None:
    """Return the call that makes the weights, whose input decides about their dtype; None where no call does."""
    making = (steps.Build, steps.SetWeights, steps.Call, steps.Gradients, steps.Train)
    first = next((step for step in case.steps if isinstance(step, making)), None)
    return first if isinstance(first, steps.Call) else None


def _dtype(layer: Layer) -> str:
    return layer.configuration.dtype


def _layer_that_fails(failure: Failure) -> Layer | None:
    """Return the layer and input of the step that fails; None where it has no input."""
    case, step = failure.case, failure.mismatch.step
    if step is None or not isinstance(getattr(case.steps[step], "inputs", None), np.ndarray):
        return None
    arguments = _arguments_at(case, step)
    return layer_of(attrs.evolve(case, arguments=arguments, steps=(case.steps[step],)))


def _arguments_at(case: Case, step: int) -> Mapping[str, Value]:
    """Return the arguments of the layer that a step is about: the case may have made others meanwhile."""
    made = {"layer": case.arguments}
    current: Mapping[str, Value] = case.arguments
    for one in case.steps[:step]:
        if isinstance(one, steps.Construct) and not one.positional:
            current = made[one.layer] = one.arguments
        elif isinstance(one, (steps.Construct, steps.Use)):
            current = made.get(one.layer, case.arguments)
    return current


def _inputs(case: Case) -> Array | None:
    """Return the first input; without any, one of the shape that the layer is built for."""
    for step in case.steps:
        found = getattr(step, "inputs", None)
        if isinstance(found, np.ndarray):
            return found
    shapes = (step.input_shape for step in case.steps if isinstance(step, steps.Build))
    shape = next(shapes, (2, 4, 5, 2))
    if not all(isinstance(size, int) for size in shape):
        return None
    return np.zeros([size or 0 for size in shape], _own_dtype(case))


def _own_dtype(case: Case) -> np.dtype[Any]:
    """Return the dtype that the layer is made with; float32 where that is none by name."""
    try:
        return dtype_of(str(case.argument("dtype", "float32")))
    except TypeError:
        return np.dtype(np.float32)


def _whole(array: Array) -> Array:
    """Tell of each element whether it is an integer; NaN and infinities count as such."""
    wide = array.astype(np.float64)
    whole: Array = ~np.isfinite(wide) | (wide == np.round(wide))
    return whole


def _is_large(array: Array) -> bool:
    sizes = np.abs(array).astype(np.float64)
    return bool(np.any(np.isfinite(sizes) & (sizes >= _LARGE)))


def _side(c: Configuration, side: int) -> tuple[int, int, int | None]:
    extra = None if c.output_padding is None else c.output_padding[side]
    return c.kernel_size[side], c.strides[side], extra


def _alike(c: Configuration, side: int) -> Configuration:
    """Return the configuration with both axes as the one of `side`."""
    kernel, stride, extra = _side(c, side)
    return attrs.evolve(
        c,
        kernel_size=(kernel, kernel),
        strides=(stride, stride),
        output_padding=None if extra is None else (extra, extra),
    )


def _smaller(layer: Layer) -> Layer:
    """Return the layer with few images, pixels, channels and filters; all its features stay."""
    c = layer.configuration
    sizes = attrs.evolve(
        c,
        batch=min(c.batch, 2),
        in_channels=min(c.in_channels, 2),
        filters=min(c.filters, 3),
        size=(min(c.size[0], 4), min(c.size[1], 5)),
    )
    return attrs.evolve(layer, configuration=sizes)


def _plainer(layer: Layer) -> Iterator[Callable[[Layer], Layer]]:
    """Yield the ways to make a layer plainer, the last feature that a layer gets first."""

    def changed(**changes: object) -> Callable[[Layer], Layer]:
        return lambda one: attrs.evolve(
            one,
            configuration=attrs.evolve(one.configuration, **changes),  # type: ignore[arg-type]
        )

    valid = changed(padding="valid")
    yield lambda one: attrs.evolve(one, activation=None)
    yield lambda one: attrs.evolve(one, integers=True)
    yield lambda one: attrs.evolve(one, large=False)
    yield lambda one: attrs.evolve(one, unbuilt=False)
    yield changed(dtype="float32")
    yield changed(data_format="channels_last")
    c = layer.configuration
    size = c.size[0] or 2, c.size[1] or 2
    yield changed(batch=max(c.batch, 1), size=size)
    yield changed(in_channels=max(c.in_channels, 1))
    yield changed(output_padding=None)
    yield changed(dilation_rate=1)
    for side in (0, 1):
        yield lambda one, side=side: attrs.evolve(  # type: ignore[misc]
            one, configuration=_alike(one.configuration, side)
        )
    yield changed(strides=(1, 1), output_padding=None)
    # What a length or a crop is for a short kernel, `valid` and `same` each say by themselves.
    yield lambda one: one if any(kind.endswith("short") for kind in one.features) else valid(one)
    yield changed(use_bias=True)


@attrs.frozen(eq=False)
class Cause:
    """What makes calls wrong.

    Args:
        needs: the features without which the call is right; none where the plainest layer is wrong.
        how: in what the call is wrong: `error`, `form`, `layout`, `shape`, `dtype` or `values`.
        failures: the clauses that are to blame, each with its failure on the plainest layer that is wrong.
    """

    needs: frozenset[str]
    how: str
    failures: Mapping[str, Failure]


class _Spent(Exception):  # noqa: N818 - an answer, no error
    """As many calls were made, or as much time was used, as the search may."""


class Causes:
    """The causes of one subject's wrong calls; every call is made once.

    Args:
        evidence, subject, traits: of the run.
    """

    def __init__(self, evidence: Evidence, subject: Subject, traits: Traits) -> None:
        self._evidence, self._subject, self._traits = evidence, subject, traits
        self._wrong: dict[Layer, str] = {}
        self._found: dict[Layer, Cause | None] = {}
        self._causes: list[Cause] = []
        self._seconds = 0.0

    def of(self, case: Case, failure: Failure | None = None) -> Cause | None:
        """Return what makes the call of the case's layer wrong; None where it is right, or nobody can tell.

        Once as many calls were made as may be, it is what is known to make calls of such layers wrong.

        Args:
            case: the case.
            failure: how a clause fails on it. Where that is its call, the layer is known as wrong without another.
        """
        layer = layer_of(case)
        if layer is None:
            return None
        how = "" if failure is None or layer is _PLAINEST else how_of_its_call(failure)
        found = self._of(layer, how)
        if found is None and making_call(case):
            found = self._of(attrs.evolve(layer, activation=None, unbuilt=True))
        if found is None and failure is not None:
            # The first image may be too small to show what is wrong with a later one.
            there = _layer_that_fails(failure)
            if there is not None and there != layer and _dtype(there) == _dtype(layer):
                found = self._of(there)
        return found

    def of_making(self, case: Case) -> Cause | None:
        """Return what makes it wrong to construct or build the case's layer, whatever the layer is called on."""
        for layer in (layer_of(case), layer_of(case, np.zeros((2, 4, 5, 2), _own_dtype(case)))):
            found = None if layer is None else self._of(layer)
            if found is not None:
                return found
        return None

    def _of(self, layer: Layer, how: str = "") -> Cause | None:
        """Return what makes the layer's call wrong; `how` tells in what it is, where that needs no call."""
        if layer not in self._found:
            for cause in self._known(layer):
                if cause.how == how:
                    return cause
            try:
                self._found[layer] = self._search(layer)
            except _Spent:
                # Every kind of axis has its length by SHAPE-02 where it is padded.
                is_same = how == "shape" and layer.configuration.padding == "same"
                return next(self._known(layer, {"same"} if is_same else ()), None)
        found = self._found[layer]
        # What was found later may need less.
        return found and next(self._explaining(layer, found.how), found)

    def _known(self, layer: Layer, more: Collection[str] = ()) -> Iterator[Cause]:
        """Yield the causes that need nothing but what the layer has, and `more`, those that need least first."""
        features = layer.features.union(more)
        if "same strided" in features:
            features |= {"same"}  # the clauses about plain axes are about them, too
        fitting = (one for one in self._causes if one.needs and one.needs <= features)
        yield from sorted(fitting, key=lambda one: len(one.needs))

    def _explaining(self, layer: Layer, how: str) -> Iterator[Cause]:
        """Yield the known causes of what is wrong with a layer: wrong numbers do not make a shape wrong."""
        yield from (one for one in self._known(layer) if how != "shape" or one.how == how)

    def _search(self, layer: Layer) -> Cause | None:
        # Few mistakes need a large layer, and a large one takes long.
        smaller = _smaller(layer)
        if self._how(smaller):
            layer = smaller
        how = self._how(layer)
        if not how:
            return None
        # Where a feature alone is enough, nothing is asked about the others.
        for cause in self._explaining(layer, how):
            return cause

        def is_wrong(plainer: Layer) -> bool:
            found = self._how(plainer)
            if how == "error" and found == "dtype":
                return False  # a result in another dtype is no reason to raise
            return found == how if how == "shape" else bool(found)

        changes = [*_plainer(layer)]
        plainest = reduce(lambda one, change: change(one), changes, layer)
        if is_wrong(plainest):
            layer = plainest
        # What a subject has nothing else for, nobody can tell that it needs to be wrong.
        unasked: set[str] = set()
        for change in changes:
            plainer = change(layer)
            if is_wrong(plainer):
                layer = plainer
            elif self._is_lacking(plainer):
                unasked |= layer.features - plainer.features
        how = self._how(layer)
        needs = layer.features - (unasked & {*_OFFERED, f"dtype {_dtype(layer)}"})
        if "bias" in needs:
            without = attrs.evolve(layer.configuration, use_bias=False)
            bare = attrs.evolve(layer, configuration=without)
            if is_wrong(bare) or self._is_lacking(bare):
                needs -= {"bias"}
        case = self._case(layer)
        tried = (owners(layer, needs, how), *((clause,) for clause in LAST))
        failures = next(filter(None, (self._failures(case, clauses) for clauses in tried)), None)
        if failures is None:
            return None
        cause = Cause(needs, how, failures)
        self._causes.append(cause)
        return cause

    def _failures(self, case: Case, clauses: tuple[str, ...]) -> Mapping[str, Failure]:
        """Return the failure of each of the clauses that fails on the case."""
        found: dict[str, Failure] = {}
        for check in CHECKS.applying(case, self._traits):
            if check.claims or check.clause not in clauses or check.clause in found:
                continue
            try:
                failure = judge(self._evidence, check, case, self._subject, self._traits)
            except (NotSupported, NotTried, HarnessError):
                continue
            if failure is not None:
                found[check.clause] = failure
        return found

    def _how(self, layer: Layer) -> str:
        """Return how the layer's call is wrong, an empty text where it is right; raise _Spent."""
        if layer not in self._wrong:
            calls = len(self._wrong)
            if calls >= CALLS or (calls >= LEAST and self._seconds > SECONDS):
                raise _Spent
            started = time.monotonic()
            try:
                self._wrong[layer] = self._call(layer)
            finally:
                self._seconds += min(time.monotonic() - started, LONGEST)
        return self._wrong[layer]

    def _case(self, layer: Layer) -> Case:
        """Return the layer's case as the subject can be asked."""
        return in_own_terms(self._subject, layer.case())

    def _is_lacking(self, layer: Layer) -> bool:
        """Tell whether the subject does not offer such a layer."""
        observation = self._evidence.observation(self._subject, self._case(layer))
        return any(outcome.unsupported is not None for outcome in observation.all_outcomes)

    def _call(self, layer: Layer) -> str:
        try:
            case = self._case(layer)
            if min(layer.configuration.output_shape) < 0 or not runs_here(case, self._traits):
                return ""
            observation = self._evidence.observation(self._subject, case)
            if observation.not_tried is not None:
                raise _Spent
            view = View(case, observation, self._evidence.expectation(case), self._traits)
            return _how(view)
        except _Spent:
            raise
        except Exception:  # a layer that cannot be asked about tells nothing
            return ""


def how_of_its_call(failure: Failure) -> str:
    """Return in what the call of a failing case is wrong, as in `Cause`; an empty text where nobody can tell.

    The call must be the first one, in plain surroundings: then it is that of the case's layer. Nobody can tell of
    values where NaN or infinities are among the numbers.
    """
    case, step = failure.case, failure.mismatch.step
    calls = [index for index, one in enumerate(case.steps) if isinstance(one, steps.Call)]
    if not calls or calls[0] != step or case.situation is not None:
        return ""
    if case.argument("activation") not in (None, *ACTIVATIONS):
        return ""
    if failure.status == "error":
        return "error"
    got, expected = failure.mismatch.got, failure.mismatch.expected
    if isinstance(got, np.ndarray) and isinstance(expected, np.ndarray):
        call = case.steps[step]
        assert isinstance(call, steps.Call)
        if got.dtype != call.inputs.dtype:
            return "dtype"
        return "values" if all(map(_is_finite, case.steps)) else ""
    # What is told of a shape or of a dtype is no array.
    if isinstance(got, list) and isinstance(expected, list) and len(got) == len(expected) == 4:
        return "shape"
    return "dtype" if isinstance(got, str) and isinstance(expected, str) else ""


def _is_finite(step: steps.Step) -> bool:
    values = attrs.asdict(step, recurse=False).values()
    arrays = [one for value in values for one in (value if isinstance(value, tuple) else (value,))]
    return all(np.isfinite(a.astype(np.float64)).all() for a in arrays if isinstance(a, np.ndarray))


def _how(view: View) -> str:
    index, call = view.first(steps.Call)
    if view.expectation.refuses(index):
        return ""
    expectation, is_linear = view.expectation, view.case.argument("activation") is None
    has_weights = any(view.steps(steps.SetWeights))
    try:
        got = view.value(index)
    except (NotSupported, NotTried):
        return ""
    except Misbehaved:
        return "error"
    # The loops, of which the value is made, may take long; an activation changes no shape.
    wanted = expectation.linear_output(index).values if has_weights else expectation.value(index)
    if not isinstance(got, np.ndarray) or got.ndim != wanted.ndim:
        return "form"
    if got.shape != wanted.shape:
        right = wanted if is_linear else expectation.value(index)
        moved = (np.moveaxis(right, 1, 3), np.moveaxis(right, 3, 1)) if right.ndim == 4 else ()
        return "layout" if any(map(partial(_close, got), moved)) else "shape"
    if got.dtype != call.inputs.dtype:
        return "dtype"
    if not has_weights:
        return ""  # weights of the layer's own, which may be random
    mismatch = compare_call(view) if is_linear else check_activation_follows_the_bias.judge(view)
    return "" if mismatch is None else "values"


def _close(one: Array, other: Array) -> bool:
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=1e-2, equal_nan=True))


def owners(layer: Layer, needs: frozenset[str], how: str) -> tuple[str, ...]:
    """Return the clauses of what a mistake needs.

    Args:
        layer: the plainest layer that is wrong.
        needs: its features that the mistake needs.
        how: as in `Cause`.
    """
    c = layer.configuration
    sized = how == "shape"
    if "unbuilt" in needs:
        return ("VAR-01",) if c.dtype == "float32" else ("DTYPE-01",)
    clauses = {
        f"activation {layer.activation}": ["ACT-01"],
        f"dtype {c.dtype}": ["DTYPE-03" if c.dtype == "int32" else "DTYPE-02"],
        "real numbers": ["DTYPE-02"],
        "large integers": ["DTYPE-03" if c.dtype == "int32" else "DTYPE-02"],
        "channels_first": ["FMT-02"],
        "no channels": ["SHAPE-12"],
        "empty": ["SHAPE-11"],
        "no bias": ["BIAS-02"],
        "bias": ["BIAS-01"],
        "unequal axes": ["SHAPE-05"] if how in ("shape", "error") else [],
    }
    unreached = "bias" in needs and any(need.endswith("short") for need in needs)
    if unreached and not sized:
        return ("PAD-06",)
    found = [clause for need, owned in clauses.items() if need in needs for clause in owned]
    if not found:
        found = _of_space(needs, sized=sized)
    if not found and how == "error":
        found = _of_space(needs, sized=True)
    if not found:
        found = {"dtype": ["DTYPE-02"], "shape": ["SHAPE-01"], "layout": ["FMT-01"]}.get(how, [])
    return tuple(found)


def _of_space(needs: frozenset[str], *, sized: bool) -> list[str]:
    """Return the clauses of an axis' kind: of lengths, or of the places of rows."""
    lengths = {
        "valid output_padding": "SHAPE-03",
        "same output_padding": "SHAPE-03",
        "valid dilation": "SHAPE-04",
        "same dilation": "SHAPE-04",
        "valid short": "SHAPE-01",
        "valid strided": "SHAPE-01",
    }
    places = {
        "valid output_padding": "PAD-04",
        "same output_padding": "PAD-04",
        "same dilation": "PAD-05",
        "valid short": "PAD-03",
        "same short": "PAD-02",
        "same strided": "PAD-01",
        "same": "PAD-01",
    }
    chosen = lengths if sized else places
    found = [clause for kind, clause in chosen.items() if kind in needs]
    if sized and not found and any(need.startswith("same") for need in needs):
        return ["SHAPE-02"]
    return found
