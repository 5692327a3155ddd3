"""Describes how wrong results differ from the right ones, where one description fits them all."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from conformance.judge.culprits import call_not_refused
from conformance.judge.judging import Failure
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.values.codec import Array, of_a_type
from conformance.oracle.comparison import NO_ARRAY, Mismatch, is_other_dtype
from conformance.oracle.tolerance import unit_roundoff

#: A description must fit so many failing cases, and of a finding's cases so many are looked at.
ENOUGH, LOOKED_AT = 3, 60
#: So many do where NaN and infinities alone are wrong, and where they come from is seen.
ENOUGH_SPECIAL = 2
#: How far a result with fewer different values is shifted cannot be told.
TELLING = 6
#: No longer shift is looked for.
FARTHEST = 8
#: What is said where inputs are cast.
CAST = (
    "looks like inputs are cast to the layer's dtype, which is float32 unless another one is named"
)
#: Steps whose results are looked at for NaN and infinities; other descriptions are of calls alone.
_OF_ARRAYS = (steps.Call, steps.Gradients)
#: Begins the words for a factor that mistakes seldom have.
_BY_FACTOR = "the right {} multiplied by"
#: A dtype, and the one in which it is computed.
IMPRECISE = "{} computed less precisely than claimed, like {}"
#: Scaled errors up to this are no sign of a narrower format.
OWN_ROUNDING = 32


def of_another_form(failures: Sequence[Failure]) -> str | None:
    """Return what calls give instead of arrays, where all of them give such a thing; None where they do not."""
    given = {
        of_a_type(failure.mismatch.got)
        for failure in failures
        if _is_call(failure) and failure.mismatch.message.startswith(NO_ARRAY)
    }
    wrong = [failure for failure in failures if failure.status == "fail"]
    if len(given) != 1 or not all(f.mismatch.message.startswith(NO_ARRAY) for f in wrong):
        return None
    return f"the call returns {given.pop()}, where an array is needed"


def described(failures: Sequence[Failure]) -> str | None:
    """Return a description that fits every failing case, None where none does.

    Shifts that differ from case to case must be seen in three quarters of the large cases. A shift that leaves
    less than half of the result in sight, or is longer than `FARTHEST`, is not looked for.

    Unless inputs are cast, or results come out in another dtype, the failures must be of numbers: an array
    expected, and an array of its shape given. Of losses and gradients it is told by what they are multiplied.
    """
    wrong = [failure for failure in failures if failure.status == "fail"]
    if any(map(_is_cast, wrong)) and all(_is_cast(one) or call_not_refused(one) for one in wrong):
        return CAST
    if text := _narrowed(failures[:LOOKED_AT]) or _multiplied(failures[:LOOKED_AT]):
        return text
    pairs = []
    for failure in failures[:LOOKED_AT]:
        right, got = failure.mismatch.expected, failure.mismatch.got
        if not isinstance(right, np.ndarray) or not isinstance(got, np.ndarray):
            return None
        if right.shape != got.shape or not isinstance(_step(failure), _OF_ARRAYS):
            return None
        pairs.append((failure, right.astype(np.float64), got.astype(np.float64)))
    if len(pairs) >= ENOUGH_SPECIAL and (text := _fitting(_specials, pairs)):
        return text
    if len(pairs) < ENOUGH or not all(_is_call(failure) for failure, *_ in pairs):
        return None
    # A result that is almost the right one is not the right one moved, turned or scaled.
    almost = any(_near(got, right) for _, right, got in pairs)
    for describe in _OF_SMALL_DIFFERENCES if almost else _DESCRIPTIONS:
        if text := _fitting(describe, pairs):
            return text
    large = [pair for pair in pairs if len(np.unique(pair[1])) >= TELLING]
    moved = sum(any(_moves(*pair)) for pair in large)
    if not almost and moved >= ENOUGH and 4 * moved >= 3 * len(large):
        return "looks like the right result shifted; how far depends on the arguments"
    return None


def _fitting(
    describe: Callable[[Failure, Array, Array], Iterator[str]],
    pairs: Sequence[tuple[Failure, Array, Array]],
) -> str | None:
    """Return the first description that fits every failing case, with its right result and the one it got."""
    first, *others = [dict.fromkeys(describe(*pair)) for pair in pairs]
    fitting = (text for text in first if all(text in other for other in others))
    return next((f"looks like {text}" for text in fitting), None)


def _is_cast(failure: Failure) -> bool:
    """Tell whether an input of another dtype became one of the layer's own: float32 where none is named."""
    case, mismatch = failure.case, failure.mismatch
    own = str(case.argument("dtype") or "float32").removeprefix("mixed_")
    given = {step.inputs.dtype.name for step in case.steps if isinstance(step, steps.Call)} - {own}
    if not given or mismatch.step is None:
        return False
    if call_not_refused(failure):
        return bool(mismatch.got.dtype.name == own)
    if not isinstance(mismatch.got, str) or mismatch.got != own:
        return False
    # So a layer has its dtype before it is called.
    is_asked = _step(failure) == steps.Read("dtype") and mismatch.expected is None
    return is_asked or (isinstance(mismatch.expected, str) and mismatch.expected in given)


def _narrowed(failures: Sequence[Failure]) -> str | None:
    """Return which one dtype all results come out in, or are only as precise as; None where there is none."""
    pairs = {pair for pair in map(_dtypes, failures) if pair is not None}
    if len(failures) < ENOUGH or len(pairs) != 1:
        return None
    ((wanted, got),) = pairs
    text = IMPRECISE.format(wanted, got)
    others = [failure for failure in failures if _dtypes(failure) is None]
    for failure in others:
        right, given = failure.mismatch.expected, failure.mismatch.got
        if not (isinstance(right, np.ndarray) and isinstance(given, np.ndarray)):
            return None
        if right.shape != given.shape or text not in _precisions(failure, right, given):
            return None
    return f"looks like {text if others else f'{wanted} that comes out as {got}'}"


def _dtypes(failure: Failure) -> tuple[str, str] | None:
    """Return the dtype that a call's result should have and that it has, None where that is not what is wrong."""
    if not (_is_call(failure) and is_other_dtype(failure.mismatch)):
        return None
    return failure.mismatch.expected, failure.mismatch.got


def _is_call(failure: Failure) -> bool:
    return isinstance(_step(failure), steps.Call)


def _step(failure: Failure) -> steps.Step | None:
    step = failure.mismatch.step
    return None if step is None else failure.case.steps[step]


def _multiplied(failures: Sequence[Failure]) -> str | None:
    """Return by what the right losses, or the right gradients, are multiplied in every failing case.

    Of a number or two anything is a multiple: gradients must have more different ones, and so must losses where
    the factor is none that a mistake makes often.
    """
    nouns = {_noun(_step(failure)) for failure in failures}
    noun = next(iter(nouns)) if len(nouns) == 1 else None
    if noun is None:
        return None
    fitting: list[str] | None = None
    different: set[float] = set()
    for failure in failures:
        pair = _numbers(failure.mismatch)
        if pair is None:
            return None
        found = [*_multiples(failure, *pair)]
        fitting = [text for text in (found if fitting is None else fitting) if text in found]
        different.update(pair[0].flat)
    for text in fitting or ():
        is_usual = not text.startswith(_BY_FACTOR)
        if len(different) >= ENOUGH or (is_usual and noun == "loss"):
            return f"looks like {text.format(noun)}"
    return None


def _multiples(failure: Failure, right: Array, got: Array) -> Iterator[str]:
    """Yield in which words a result is a multiple of the right one; the noun is to be put in."""
    if not np.any(right) or not np.isfinite([right, got]).all():
        return
    place = np.unravel_index(int(np.argmax(np.abs(right))), right.shape)
    factor = float(got[place] / right[place])
    if not _near(got, right * factor):
        return
    batch = _batch(failure) or 1
    usual = {
        "half of the right {}": 0.5,
        "twice the right {}": 2.0,
        "the right {} with the wrong sign": -1.0,
        "the right {} times the batch size": batch,
        "the right {} divided by the batch size": 1 / batch,
    }
    yield from (text for text, one in usual.items() if one != 1 and np.isclose(factor, one))
    yield f"{_BY_FACTOR} {factor:.4g}"


def _noun(step: steps.Step | None) -> str | None:
    if isinstance(step, (steps.Losses, steps.LossesFor, steps.Collection)):
        return "loss"
    return "gradient" if isinstance(step, (steps.Gradients, steps.LossGradients)) else None


def _numbers(mismatch: Mismatch) -> tuple[Array, Array] | None:
    """Return the numbers expected and got, as arrays of float64 of one shape."""
    try:
        right, got = (np.asarray(value, np.float64) for value in (mismatch.expected, mismatch.got))
    except (TypeError, ValueError):  # not numbers
        return None
    return (right, got) if right.shape == got.shape else None


def _batch(failure: Failure) -> int | None:
    """Return how many images the step is about: its own, or those of the last call before it."""
    step = failure.mismatch.step
    before = failure.case.steps[: 0 if step is None else step + 1]
    inputs = [one.inputs for one in before if isinstance(one, (steps.Call, steps.Gradients))]
    return inputs[-1].shape[0] if inputs and inputs[-1].ndim else None


def _spatial(case: Case) -> tuple[int, int]:
    return (2, 3) if case.argument("data_format", "channels_last") == "channels_first" else (1, 2)


def _channels(case: Case) -> int:
    return 1 if case.argument("data_format", "channels_last") == "channels_first" else 3


def _largest(array: Array) -> float:
    return float(np.max(np.abs(array), initial=0.0, where=np.isfinite(array)))


def _near(one: Array, other: Array, largest: float | None = None) -> bool:
    largest = _largest(other) if largest is None else largest
    return bool(np.allclose(one, other, rtol=1e-5, atol=1e-6 * largest, equal_nan=True))


def _specials(failure: Failure, right: Array, got: Array) -> Iterator[str]:
    """Describe results of which nothing but NaN and infinities is wrong."""
    wrong = ~np.isclose(got, right, rtol=1e-5, atol=1e-6 * _largest(right), equal_nan=True)
    if not wrong.any():
        return
    if np.isnan(got[wrong]).all():
        for name, reached in _reached(failure, right.shape):
            if reached[wrong].all():
                yield f"NaN or infinities of the {name} that are multiplied by zeros where there is no pixel: NaN"
        # Height and width; rows that no kernel reaches are no part of a transform.
        axes = (2, 3) if failure.case.argument("data_format") == "channels_first" else (1, 2)
        lines = [np.isnan(got).mean(axis, keepdims=True) >= 0.5 for axis in axes if got.ndim == 4]
        if lines and np.logical_or(*lines)[wrong].all():
            yield "NaN or infinities that fill whole lines of their image, as a transform of it does"
    lost = right[wrong]
    largest = {float(np.finfo(name).max) for name in (np.float16, np.float32, np.float64)}
    if np.isinf(lost).all() and all(
        abs(value) in largest and (value > 0) == (wanted > 0)
        for value, wanted in zip(got[wrong], lost)
    ):
        yield "infinities clamped to the largest finite number"
    if not np.isfinite(lost).any() and not np.isnan(got[wrong]).any():
        yield "NaN and infinities replaced by numbers, as a clamp does"


def _reached(failure: Failure, shape: tuple[int, ...]) -> Iterator[tuple[str, Array]]:
    """Tell which numbers a NaN or an infinity of the arguments comes to if images had no end.

    Of a call these are the outputs, of gradients those by the inputs or by the kernel. Each argument is told with
    its axis that is one of the result, too.
    """
    case, step = failure.case, _step(failure)
    weights = next((one.values for one in case.steps if isinstance(one, steps.SetWeights)), ())
    kernel = weights[0] if weights and weights[0].ndim == 4 else None
    channels, told = _channels(case), failure.mismatch.message
    met: list[tuple[str, Array | None, int, int]] = []
    if isinstance(step, steps.Gradients) and told.startswith("input gradient"):
        met = [("kernel", kernel, 3, channels), ("output gradient", step.output_gradient, 0, 0)]
    elif isinstance(step, steps.Gradients) and told.startswith("kernel gradient"):
        met = [
            ("inputs", step.inputs, channels, 3),
            ("output gradient", step.output_gradient, channels, 2),
        ]
    elif isinstance(step, steps.Call):
        met = [("kernel", kernel, 2, channels), ("inputs", step.inputs, 0, 0)]
    for name, array, own, axis in met:
        if array is None or array.ndim != 4 or len(shape) != 4 or array.shape[own] != shape[axis]:
            continue
        others = tuple(one for one in range(4) if one != own)
        special = ~np.isfinite(array.astype(np.float64))
        across = [-1 if one == axis else 1 for one in range(4)]
        yield name, np.broadcast_to(special.any(others).reshape(across), shape)


def _precisions(failure: Failure, right: Array, got: Array) -> Iterator[str]:
    mismatch, dtype = failure.mismatch, str(failure.case.argument("dtype", "float32"))
    own = mismatch.got.dtype.name
    if mismatch.scaled_error is None and own in ("int32", "float64"):
        # Of integers, which should be exact, all are such as float32 has.
        close = np.allclose(got, right, rtol=0, atol=2.0**-22 * _largest(right))
        if close and np.array_equal(got, got.astype(np.float32)):
            yield IMPRECISE.format(own, "float32")
    if mismatch.scaled_error is None or dtype not in ("float32", "float64"):
        return
    if mismatch.scaled_error <= OWN_ROUNDING:
        return
    relative = mismatch.scaled_error * unit_roundoff(dtype)
    formats = [("TF32 or float16", 2.0**-10), ("bfloat16", 2.0**-7)]
    if dtype == "float64":
        # Of a long sum float32 may lose more than a bit: the bound grows with it.
        formats.insert(0, ("float32", 2.0**-23 * max(1.0, (mismatch.bound or 0.0) / 2)))
    for name, coarsest in formats:
        if relative <= coarsest:
            yield IMPRECISE.format(dtype, name)


def _moves(failure: Failure, right: Array, got: Array) -> Iterator[tuple[int, ...]]:
    """Yield the ways by which the right result is shifted, short ones first: at least half of it is seen."""
    if right.ndim != 4:
        return
    axes = _spatial(failure.case)
    most = [min(right.shape[axis] // 2, FARTHEST) for axis in axes]
    ways = [way for way in itertools.product(*(range(-n, n + 1) for n in most)) if any(way)]
    # One image and channel tells of most ways that they are none, at a fraction of the cost.
    largest = _largest(right)
    plane: list[Any] = [slice(None) if axis in axes else slice(1) for axis in range(4)]
    for way in sorted(ways, key=lambda way: abs(way[0]) + abs(way[1])):
        here: list[Any] = [slice(None)] * 4
        there: list[Any] = [slice(None)] * 4
        for axis, by in zip(axes, way):
            here[axis] = slice(max(by, 0), right.shape[axis] + min(by, 0))
            there[axis] = slice(max(-by, 0), right.shape[axis] + min(-by, 0))
        moved, seen = right[tuple(there)], got[tuple(here)]
        few = seen[tuple(plane)], moved[tuple(plane)]
        if 2 * moved.size < right.size or not _near(*few, largest):
            continue
        if len(np.unique(moved)) > 2 and _near(seen, moved):
            yield way


def _shifts(failure: Failure, right: Array, got: Array) -> Iterator[str]:
    for way in _moves(failure, right, got):
        yield f"the right result shifted by {way}"


def _turns(failure: Failure, right: Array, got: Array) -> Iterator[str]:
    if right.ndim != 4:
        return
    height, width = _spatial(failure.case)
    changed: dict[str, Callable[[], Array]] = {
        "its spatial axes exchanged": lambda: np.swapaxes(right, height, width),
        "its rows reversed": lambda: np.flip(right, height),
        "its columns reversed": lambda: np.flip(right, width),
        "its rows and columns reversed": lambda: np.flip(right, (height, width)),
        "its channels reversed": lambda: np.flip(right, _channels(failure.case)),
    }
    for text, change in changed.items():
        turned = change()
        if turned.shape == got.shape and _near(got, turned):
            yield f"the right result with {text}"


def _factors(_: Failure, right: Array, got: Array) -> Iterator[str]:
    if not np.isfinite(right).all() or not np.any(right):
        return
    place = np.unravel_index(int(np.argmax(np.abs(right))), right.shape)
    factor = got[place] / right[place]
    if np.isfinite(factor) and _near(got, right * factor):
        yield f"the right result times {factor:.4g}"


def _constants(failure: Failure, right: Array, got: Array) -> Iterator[str]:
    if right.ndim != 4 or not np.isfinite(right).all() or not np.isfinite(got).all():
        return
    axis = _channels(failure.case)
    pixels = right.size // max(1, right.shape[axis])
    others = tuple(a for a in range(4) if a != axis)
    difference = got - right
    constant = difference.mean(axis=others, keepdims=True)
    if pixels > 1 and _near(right + constant, got):
        yield "the right result plus a constant per channel"


def _places(failure: Failure, right: Array, got: Array) -> Iterator[str]:
    if right.ndim != 4:
        return
    with np.errstate(invalid="ignore"):
        largest = _largest(right)
        wrong = ~(np.abs(got - right) <= 1e-6 * largest) & ~(np.isnan(got) & np.isnan(right))
    where = np.nonzero(wrong)
    if not len(where[0]):
        return
    for name, axis in zip(("row", "column"), _spatial(failure.case)):
        last = right.shape[axis] - 1
        if last > 1 and set(where[axis]) == {0}:
            yield f"a difference in the first {name} only"
        if last > 1 and set(where[axis]) == {last}:
            yield f"a difference in the last {name} only"
    if right.shape[0] > 1 and 0 not in where[0]:
        yield "a difference in the later images of a batch only"


#: From the most telling to the least.
_DESCRIPTIONS: tuple[Callable[[Failure, Array, Array], Iterator[str]], ...] = (
    _shifts,
    _turns,
    _factors,
    _precisions,
    _constants,
    _places,
)
_OF_SMALL_DIFFERENCES = (_precisions, _places)
