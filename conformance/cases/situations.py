"""Cases in situations: of a case, the same case with something around it that must not matter.

A situation that a backend carries out is a name. One that consists of steps (other weights before, another
layer in between) puts them among the case's own, `aside`: nothing is asked of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import numpy as np
from hypothesis import strategies as st

from conformance.cases.drawn.data import small_integers
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.geometry import Geometry
from conformance.model.situation import KINDS, MEMORY, OF_THREADS, SHARING, Situation
from conformance.model.steps import Step
from conformance.model.values.codec import Array, dtype_of

_ARRAYS = tuple(name for name, kind in KINDS.items() if kind.clause in (MEMORY, SHARING))
#: The clause about calls that come before.
_CALLS = KINDS["called before"].clause
_BATCHES = ("in parts", "in a larger batch")
_BEFORE = (
    "called before", "other calls around", "other sizes before", "other weights before", "one weight changed",
    "other bias before", "weights assigned", "another layer", "another kind of layer", "another dtype",
)  # fmt: skip
#: The situations that a family's cases may be in. Losses depend on how often, and on what, a layer is called.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "geometry": (*_ARRAYS, *_BATCHES, *OF_THREADS, *_BEFORE, "trained before", "repeatedly"),
    "numbers": (*_ARRAYS, *_BATCHES, *_BEFORE),
    "activations": (*_ARRAYS, *_BATCHES, *_BEFORE),
    "losses": tuple(name for name in _ARRAYS if KINDS[name].clause == MEMORY),
    "constraints": (*_ARRAYS, *OF_THREADS, *_BEFORE),
    "gradients": (*_ARRAYS, *OF_THREADS, *_BEFORE, "trained before", "repeatedly"),
    "activation gradients": (*_ARRAYS, *OF_THREADS, *_BEFORE, "trained before"),
    "handed over": _ARRAYS,
}
#: What only fixed cases do, for its cost or for its demands on the data.
FIXED_ONLY = ("repeatedly", "trained before", "results given back", *OF_THREADS)


def drawn_in_situations(family: str, cases: st.SearchStrategy[Case]) -> st.SearchStrategy[Case]:
    """Draw cases of a family, two out of three in a situation."""
    names = [name for name in FAMILIES[family] if name not in FIXED_ONLY]
    around = st.one_of(st.none(), st.sampled_from(names), st.sampled_from(names))
    return st.builds(
        lambda case, name: case if name is None else situated(case, name), cases, around
    )


def situated(case: Case, name: str) -> Case:
    """Return the case in a situation; the case itself where its steps have no room for it."""
    if name == "repeated":
        case = attrs.evolve(case, steps=tuple(map(_repeating, case.steps)))
    made = _Situated(case)
    arrange = _ARRANGEMENTS.get(name)
    if arrange is not None and (made.set_at is None or made.asked_at is None):
        return case
    if KINDS[name].clause == SHARING:
        # Whoever keeps something shows it when the same is done with other arrays, before and afterwards.
        arrange = _given_back if name == "results given back" else _others_around
    return made.with_steps(name, *(([], [], []) if arrange is None else arrange(made)))


def calmer(case: Case) -> Iterator[Case]:
    """Yield the case in plain surroundings, and amid mere calls.

    What fails there is no matter of other weights, of a second thread, or of who holds an array.
    """
    plain = case.without_situation
    yield plain
    if case.situation_name == "in another thread":
        yield situated(plain, "other weights before")
    if case.situation is not None and case.situation.kind.clause != _CALLS:
        for name in ("called before", "other calls around", "repeatedly"):
            around = situated(plain, name)
            if around is not plain:
                yield around


class _Situated:
    """A case taken apart: what comes before its weights are set, and before anything is asked of it."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.asked: list[Step] = [step for step in case.steps if isinstance(step, _ASKING)]
        self.set_at = _first(case, steps.SetWeights)
        self.asked_at = _first(case, *_ASKING)
        values: tuple[Array, ...] = ()
        if self.set_at is not None:
            values = case.steps[self.set_at].values  # type: ignore[attr-defined]
        self.weights = values

    @property
    def turned(self) -> tuple[Array, ...]:
        """Other weights, of the same elements."""
        return tuple(np.flip(value).copy() for value in self.weights)

    def set(self, weights: tuple[Array, ...]) -> list[Step]:
        return [steps.SetWeights(weights)] if weights else []

    def first(self, listed: list[Step]) -> tuple[list[Step], list[Step]]:
        """Return steps as those before the weights are set, and before anything is asked.

        A training step changes the weights, so that they have to be set again afterwards.
        """
        if any(isinstance(step, steps.Train) for step in self.asked):
            return [*self.set(self.weights), *listed], []
        return [], listed

    def others(self) -> list[Step]:
        """Return the steps that the case asks about, with other arrays of the same shapes."""
        return [_with_arrays(step, _other) for step in self.asked]

    def permuted(self) -> list[Step]:
        """Return the same with its arrays turned round: their elements, and sums, are the same."""
        return [_with_arrays(step, lambda array: np.flip(array).copy()) for step in self.asked]

    def with_steps(
        self, name: str, before: list[Step], between: list[Step], after: list[Step]
    ) -> Case:
        """Put steps before the weights are set, before anything is asked, and at the end."""
        found: list[Step] = []
        aside: list[int] = []

        def put(listed: list[Step]) -> None:
            aside.extend(range(len(found), len(found) + len(listed)))
            found.extend(listed)

        for index, step in enumerate(self.case.steps):
            if index == self.set_at:
                put(before)
            if index == self.asked_at:
                put(between)
            found.append(step)
        put(after)
        return attrs.evolve(self.case, steps=tuple(found), situation=Situation(name, tuple(aside)))


#: Steps that ask the layer for numbers.
_ASKING = (steps.Call, steps.Gradients, steps.ConvolutionOp, steps.Train)


def _first(case: Case, *kinds: type[Step]) -> int | None:
    return next((i for i, step in enumerate(case.steps) if isinstance(step, kinds)), None)


def _with_arrays(step: Step, change: Callable[[Array], Array]) -> Step:
    changes: dict[str, Any] = {}
    for field in attrs.fields(type(step)):
        value = getattr(step, field.name)
        if isinstance(value, np.ndarray):
            changes[field.name] = change(value)
        elif isinstance(value, tuple) and any(isinstance(item, np.ndarray) for item in value):
            changes[field.name] = tuple(map(change, value))
    changed: Step = attrs.evolve(step, **changes)
    return changed


def _other(array: Array) -> Array:
    return small_integers(array.shape, 11, array.dtype.name)


def alike(case: Case, axis: int | None) -> Case:
    """Return the case with arrays that are the same along an axis, or everywhere."""

    def change(array: Array) -> Array:
        if axis is None:
            return np.full_like(array, array.flat[0])
        return np.repeat(array.take([0], axis), array.shape[axis], axis)

    return attrs.evolve(case, steps=tuple(_with_arrays(step, change) for step in case.steps))


def _repeating(step: Step) -> Step:
    """Return the step with arrays that are the same along their first axis."""
    return _with_arrays(
        step, lambda array: np.repeat(array[:1], len(array), 0) if array.ndim else array
    )


# Each returns the steps before the weights are set, before anything is asked, and at the end.
_Steps = tuple[list[Step], list[Step], list[Step]]


def _others_around(made: _Situated) -> _Steps:
    # The last one has other arrays of the same elements.
    before = [*made.others(), *made.asked, *made.permuted()]
    return *made.first(before), [*made.others(), *made.set(made.turned)]


def _given_back(made: _Situated) -> _Steps:
    """Whatever the case passes, the layer has given an array of that shape before."""
    called = [
        steps.Call(step.inputs)
        for step in made.asked
        if isinstance(step, (steps.Gradients, steps.Train))
    ]
    before, between = made.first([*made.others(), *made.asked, *called])
    return [*made.set(made.turned), steps.GetWeights(), *before], between, []


def _called_before(made: _Situated) -> _Steps:
    # What a call has kept for gradients is of no use to those of other inputs.
    calls = [
        steps.Call(_other(step.inputs)) for step in made.asked if isinstance(step, steps.Gradients)
    ]
    return *made.first([*made.asked * 2, *calls]), []


def _other_sizes(made: _Situated) -> _Steps:
    listed = [other for step in made.asked for other in _of_other_sizes(made.case, step)]
    return *made.first(listed), []


def _of_other_sizes(case: Case, step: Step) -> Iterator[Step]:
    """Yield the step for a smaller image, a larger batch of larger ones, and with height and width exchanged."""
    geometry = Geometry.of(case.arguments)
    own = step.inputs.shape  # type: ignore[attr-defined]
    height, width = (own[axis] for axis in geometry.spatial_axes)
    sizes = [
        (batch, max(height + by, 1), max(width + by, 1)) for batch, by in ((1, -1), (own[0] + 1, 2))
    ]
    for batch, *image in (*sizes, (own[0], width, height)):
        shape = list(own)
        for axis, size in zip(geometry.spatial_axes, image):
            shape[axis] = size
        shape[0] = batch
        inputs = small_integers(tuple(shape), 12, step.inputs.dtype.name)  # type: ignore[attr-defined]
        if isinstance(step, (steps.Gradients, steps.Train)):
            upstream = small_integers(geometry.output_shape(tuple(shape)), 13, inputs.dtype.name)
            yield attrs.evolve(step, inputs=inputs, output_gradient=upstream)
        elif isinstance(step, steps.Call):
            yield attrs.evolve(step, inputs=inputs)


def _used_with(made: _Situated, weights: tuple[Array, ...]) -> _Steps:
    return [*made.set(weights), *made.others(), *made.asked], [], []


def _other_weights(made: _Situated) -> _Steps:
    return _used_with(made, made.turned)


def _one_weight_changed(made: _Situated) -> _Steps:
    kernel, *bias = made.weights
    changed = kernel.copy()
    # Neither the first element nor the last one, where there are others.
    changed.reshape(-1)[changed.size // 2 : changed.size // 2 + 1] += changed.dtype.type(1)
    return _used_with(made, (changed, *bias))


def _other_bias(made: _Situated) -> _Steps:
    kernel, *bias = made.weights
    return _used_with(made, (kernel, *(value + value.dtype.type(1) for value in bias)))


def _weights_assigned(made: _Situated) -> _Steps:
    assigned = [steps.Assign(name, value) for name, value in zip(("kernel", "bias"), made.weights)]
    return [], [*made.set(made.turned), *made.others(), *assigned], []


def _trained_before(made: _Situated) -> _Steps:
    """A step that changes weights by small integers; the arrays are the call's own shapes."""
    geometry = Geometry.of(made.case.arguments)
    listed: list[Step] = []
    for step in made.asked:
        if isinstance(step, (steps.Call, steps.Gradients)) and step.inputs.dtype.kind == "f":
            shape = geometry.output_shape(step.inputs.shape)
            inputs, upstream = (
                small_integers(size, 14, step.inputs.dtype.name, largest=1)
                for size in (step.inputs.shape, shape)
            )
            listed += [step, steps.Train(inputs, upstream, 1.0)]
    return [], listed, []


def _another(made: _Situated, **changes: Any) -> _Steps:
    """Another layer whose kernel and inputs have the same shapes."""
    arguments = {**made.case.arguments, **changes}
    dtype = str(changes.get("dtype", arguments.get("dtype", "float32")))
    weights = made.turned[: 1 + bool(arguments.get("use_bias", True))]
    if len(weights) == 1 and arguments.get("use_bias", True):
        weights = (*weights, small_integers((weights[0].shape[2],), 15, weights[0].dtype.name))
    case = attrs.evolve(made.case, arguments=arguments)
    geometry = Geometry.of(arguments)

    def fitting(step: Step) -> Step:
        changed = _with_arrays(step, lambda array: array.astype(dtype_of(dtype)))
        if isinstance(changed, (steps.Gradients, steps.Train)):
            shape = geometry.output_shape(changed.inputs.shape)
            upstream = small_integers(shape, 16, dtype)
            return attrs.evolve(changed, output_gradient=upstream)
        return changed

    build = [step for step in case.steps if isinstance(step, steps.Build)][:1]
    used = [fitting(step) for step in made.asked if not isinstance(step, steps.ConvolutionOp)]
    # In another dtype it has the same weights in the end, as near as may be.
    sets = [weights, made.weights] if "dtype" in changes else [weights]
    listed = [
        steps.Construct("other", arguments),
        *build,
        *(
            step
            for values in sets
            for step in (
                steps.SetWeights(tuple(value.astype(dtype_of(dtype)) for value in values)),
                *used,
            )
        ),
        steps.Use("layer"),
    ]
    return [], listed, []


def _another_kind(made: _Situated) -> _Steps:
    given = made.case.arguments
    changes: dict[str, Any] = {"use_bias": not given.get("use_bias", True)}
    if "activation" in given:
        changes["activation"] = None
    if "output_padding" not in given:
        changes["padding"] = "valid" if given.get("padding") == "same" else "same"
        if "dilation_rate" not in given:
            height, width = (axis.stride for axis in Geometry.of(given).axes)
            changes["strides"] = [width, height] if width != height else [height + 1, width]
    return _another(made, **changes)


def _another_dtype(made: _Situated) -> _Steps:
    now = made.case.arguments.get("dtype", "float32")
    return _another(made, dtype="float64" if now == "float32" else "float32")


_ARRANGEMENTS: Mapping[str, Callable[[_Situated], _Steps]] = {
    "called before": _called_before,
    "other calls around": _others_around,
    "other sizes before": _other_sizes,
    "other weights before": _other_weights,
    "in another thread": _other_weights,
    "one weight changed": _one_weight_changed,
    "other bias before": _other_bias,
    "weights assigned": _weights_assigned,
    "trained before": _trained_before,
    "another layer": _another,
    "another kind of layer": _another_kind,
    "another dtype": _another_dtype,
}
