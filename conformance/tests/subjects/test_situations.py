"""How situations are carried out: the same elements in other memory, and threads in lock step."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import fast_impl
from conformance.cases.situations import situated
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.situation import KINDS, MEMORY
from conformance.subjects import situations
from conformance.subjects.backend import observe
from conformance.subjects.layer import FunctionBackend, LayerBackend

ARRAY = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
SHAPES = ((2, 3, 4), (3,), (0, 3), (1, 1, 1, 1), ())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", situations.PLACED)
def test_an_array_holds_the_same_elements_wherever_it_lies(
    name: str, shape: tuple[int, ...]
) -> None:
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    placed = situations.PLACED[name](array)
    assert (placed.shape, placed.tolist()) == (shape, array.tolist())


def test_every_situation_of_memory_is_carried_out() -> None:
    assert set(situations.PLACED) == {n for n, kind in KINDS.items() if kind.clause == MEMORY}


PROPERTIES = {
    "fortran ordered": lambda a: a.flags.f_contiguous and not a.flags.c_contiguous,
    "transposed": lambda a: a.strides[-1] == max(a.strides),
    "sliced": lambda a: not (a.flags.c_contiguous or a.flags.f_contiguous),
    "flipped": lambda a: max(a.strides) < 0,
    "unaligned": lambda a: not a.flags.aligned,
    "read only": lambda a: not a.flags.writeable,
    "memory mapped": lambda a: isinstance(a, np.memmap),
    "byte swapped": lambda a: not a.dtype.isnative,
}


@pytest.mark.parametrize("name", PROPERTIES)
def test_an_array_lies_as_the_situation_says(name: str) -> None:
    assert PROPERTIES[name](situations.PLACED[name](ARRAY))


class Keeps(fast_impl.Conv2DTranspose):
    """A layer that keeps the gradients of a step."""

    kept: Any = ()

    def apply_gradients(self, gradients: Any, learning_rate: float) -> None:
        type(self).kept = gradients
        super().apply_gradients(gradients, learning_rate)


@pytest.mark.parametrize("name", PROPERTIES)
def test_the_gradients_of_a_step_lie_as_the_situation_says(name: str) -> None:
    listed = (
        steps.Build((1, 2, 2, 2)),
        steps.Train(np.ones((1, 2, 2, 2)), np.ones((1, 3, 4, 2)), 1.0),
    )
    arguments = {"filters": 2, "kernel_size": [2, 3], "dtype": "float64"}
    observe(situated(Case("constraints", arguments, listed), name), LayerBackend(Keeps))
    assert PROPERTIES[name](Keeps.kept[0])


def test_equal_rows_are_repeated_by_a_stride_of_zero() -> None:
    rows = np.repeat(ARRAY[:1], 5, 0)
    assert situations.PLACED["repeated"](rows).strides[0] == 0


def test_whatever_can_be_written_to_is_overwritten() -> None:
    arrays = [np.zeros(2), (np.zeros(3, np.int8), None), situations.read_only(np.zeros(2))]
    situations.overwrite(arrays)
    assert [arrays[0].tolist(), arrays[1][0].tolist(), arrays[2].tolist()] == [
        [77, 77], [77, 77, 77], [0, 0],
    ]  # fmt: skip


def test_numbers_of_lists_and_dictionaries_are_overwritten_at_any_depth() -> None:
    given = [[2, 3], {"config": {"l2": 0.5, "name": "l2", "exact": True}}, (4, [5])]
    situations.overwrite(given)
    assert given == [[7, 7], {"config": {"l2": 7, "name": "l2", "exact": True}}, (4, [7])]


def test_the_last_result_of_the_shape_and_dtype_is_given_back_once() -> None:
    results = [np.zeros(3), np.zeros(3), np.zeros(3, np.float32), np.zeros(2), None]
    last = results[1]
    found = [situations.given_back(np.arange(3.0), results) for _ in range(3)]
    assert (found[0] is last, [array.tolist() for array in found]) == (True, [[0, 1, 2]] * 3)


def test_a_result_that_cannot_be_written_to_is_not_given_back() -> None:
    result = situations.read_only(np.zeros(3))
    assert situations.given_back(np.ones(3), [result]) is not result


def test_every_call_in_another_thread_is_in_the_same_one() -> None:
    threads = []
    for _ in range(2):
        situations.in_another_thread(lambda _: threads.append(threading.get_ident()), ARRAY)
    assert [*{*threads}] == [threads[0]] != [threading.get_ident()]


def test_the_result_of_another_thread_is_read_after_its_next_call() -> None:
    buffer = np.zeros_like(ARRAY)

    def reused(array: np.ndarray) -> np.ndarray:
        buffer[...] = array
        return buffer

    found = situations.in_another_thread(reused, ARRAY)
    assert np.array_equal(found, np.flip(ARRAY) + 1)


class Told(fast_impl.Conv2DTranspose):
    """A layer that keeps what its constructor is given."""

    kept: Any = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        type(self).kept = kwargs
        super().__init__(*args, **kwargs)


def _told(situation: str, **more: Any) -> dict[str, Any]:
    arguments = {"filters": 2, "kernel_size": [2, 3], **more}
    case = Case("handed over", arguments, (steps.Call(np.ones((1, 2, 2, 2), np.float32)),))
    observe(situated(case, situation), LayerBackend(Told))
    kept: dict[str, Any] = Told.kept
    return kept


def test_lists_that_a_constructor_was_given_are_overwritten() -> None:
    assert _told("arguments overwritten")["kernel_size"] == [7, 7]


def test_weights_that_a_constructor_was_given_are_overwritten_after_a_call() -> None:
    weights = [np.ones((2, 3, 2, 2), np.float32), np.ones(2, np.float32)]
    found = _told("arguments overwritten", weights=weights)["weights"]
    assert [np.unique(array).tolist() for array in found] == [[77], [77]]


def test_weights_that_a_constructor_is_given_lie_as_the_situation_says() -> None:
    weights = [np.ones((2, 3, 2, 2), np.float32), np.ones(2, np.float32)]
    found = _told("sliced", weights=weights)["weights"]
    assert PROPERTIES["sliced"](found[0])


class _Racing:
    def __call__(self, array: np.ndarray) -> np.ndarray:
        self.kept = array
        found = self.kept
        return found + 0


def test_a_thread_sees_what_the_one_behind_it_kept() -> None:
    found = situations.around_another_call(_Racing(), ARRAY)
    assert np.array_equal(found, np.flip(ARRAY) + 1)


def test_threads_that_share_nothing_give_what_one_gives() -> None:
    assert np.array_equal(situations.around_another_call(lambda a: 2 * a, ARRAY), 2 * ARRAY)


def test_an_exception_in_the_thread_is_the_call_s_own() -> None:
    def fails(array: np.ndarray) -> None:
        raise RuntimeError(f"of shape {array.shape}")

    with pytest.raises(RuntimeError, match="of shape"):
        situations.inside_another_call(fails, ARRAY)


def test_a_lock_that_both_threads_want_ends_the_lock_step() -> None:
    lock = threading.Lock()

    def one_at_a_time(array: np.ndarray) -> np.ndarray:
        with lock:
            found = array
            return found + 0

    assert np.array_equal(situations.inside_another_call(one_at_a_time, ARRAY), ARRAY)


class _Noting:
    """A layer that notes what it is called with."""

    def __init__(self, **_: object) -> None:
        self.seen: list[np.ndarray] = []
        _Noting.last = self

    def build(self, _: object) -> None: ...

    def set_weights(self, weights: list[np.ndarray]) -> None:
        self.kernel = weights[0]

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        self.seen.append(inputs)
        return inputs + 0


CASE = Case(
    "geometry",
    {"filters": 1, "kernel_size": 1},
    (
        steps.Build((2, 3, 2, 2)),
        steps.SetWeights((np.ones((1, 1, 1, 2), np.float32),)),
        steps.Call(ARRAY.reshape(2, 3, 2, 2)),
    ),
)


def _seen(name: str) -> list[np.ndarray]:
    observe(situated(CASE, name), LayerBackend(_Noting))
    return _Noting.last.seen


def test_a_batch_is_called_in_parts() -> None:
    assert [len(inputs) for inputs in _seen("in parts")] == [1, 1]


def test_a_batch_is_called_within_a_larger_one() -> None:
    assert [len(inputs) for inputs in _seen("in a larger batch")] == [5]


class _Tensor:
    """A result with a type of its own, which is read as an array and nothing else."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self._array if dtype is None else self._array.astype(dtype)


class _OfTensors(_Noting):
    def __call__(self, inputs: Any) -> Any:
        return _Tensor(super().__call__(inputs))


@pytest.mark.parametrize(
    "name", ["in parts", "in a larger batch", "repeatedly", "inside another call"]
)
def test_a_result_of_a_type_of_its_own_is_called_in_any_way(name: str) -> None:
    seen = observe(situated(CASE, name), LayerBackend(_OfTensors))
    assert [outcome.error for outcome in seen.outcomes] == [None] * len(seen.outcomes)


def test_arrays_are_overwritten_after_the_step() -> None:
    assert all((inputs == 77).all() for inputs in _seen("arguments overwritten"))


def test_the_same_array_is_filled_anew() -> None:
    first, *others = _seen("arguments refilled")
    assert all(other is first for other in others)


def test_results_are_read_when_the_case_is_over() -> None:
    class Reusing(_Noting):
        result = np.zeros((2, 3, 2, 2), np.float32)

        def __call__(self, inputs: np.ndarray) -> np.ndarray:
            self.result[...] = inputs
            return self.result

    case = situated(CASE, "results kept")
    outcomes = observe(case, LayerBackend(Reusing)).outcomes
    last = max(i for i, step in enumerate(case.steps) if isinstance(step, steps.Call))
    (own,) = (i for i, step in case.own_steps if isinstance(step, steps.Call))
    assert outcomes[own].value.tolist() == case.steps[last].inputs.tolist()


class Touchy(np.ndarray):
    """An array that raises whatever is done with it, but for NumPy's own conversion."""

    def __getitem__(self, key: Any) -> Any:
        raise RuntimeError("not to be looked at")

    def __setitem__(self, key: Any, value: Any) -> None:
        raise RuntimeError("not to be written to")

    def view(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("not to be viewed")

    @property
    def flags(self) -> Any:
        raise RuntimeError("without flags")


@pytest.mark.parametrize("name", ["results kept", "results overwritten", "results given back"])
def test_a_result_of_a_class_of_its_own_is_a_result_like_others(name: str) -> None:
    def touchy(inputs: np.ndarray, *_: object, **__: object) -> np.ndarray:
        return np.ndarray.view(inputs + inputs, Touchy)

    case = situated(CASE, name)
    outcomes = observe(case, FunctionBackend(touchy)).outcomes
    (own,) = (i for i, step in case.own_steps if isinstance(step, steps.Call))
    assert outcomes[own].value.tolist() == (2 * case.steps[own].inputs).tolist()


def test_a_result_that_cannot_be_read_later_is_an_error_of_its_step() -> None:
    class Once:
        def __init__(self, array: np.ndarray) -> None:
            self.arrays = [array]

        def __array__(self, *_: object, **__: object) -> np.ndarray:
            return self.arrays.pop()

    def once(inputs: np.ndarray, *_: object, **__: object) -> Once:
        return Once(inputs)

    case = situated(CASE, "results kept")
    outcomes = observe(case, FunctionBackend(once)).outcomes
    (own,) = (i for i, step in case.own_steps if isinstance(step, steps.Call))
    error = outcomes[own].error
    assert error is not None
    assert (error.types[0], error.moment) == ("IndexError", "reading of the result")


def test_a_step_that_a_function_lacks_keeps_its_place_among_the_results() -> None:
    def twice(inputs: np.ndarray, *_: object, **__: object) -> np.ndarray:
        return inputs + inputs

    lacking = steps.Gradients(ARRAY.reshape(2, 3, 2, 2), ARRAY.reshape(2, 3, 2, 2))
    case = situated(
        Case("geometry", CASE.arguments, (*CASE.steps[:2], lacking, CASE.steps[2])), "results kept"
    )
    outcomes = observe(case, FunctionBackend(twice)).outcomes
    told = [outcome.unsupported for outcome in outcomes]
    asked = [isinstance(step, steps.Gradients) for step in case.steps]
    assert [reason is not None for reason in told] == asked


class Tensor:
    """A tensor that requires a gradient: it is no array before it is detached."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")

    def detach(self) -> np.ndarray:
        return self._array


@pytest.mark.parametrize("name", ["repeatedly", "in parts", "inside another call"])
def test_a_tensor_that_requires_a_gradient_is_a_result_like_others(name: str) -> None:
    result = situations.CALLED[name](Tensor, ARRAY)
    found = result.detach() if isinstance(result, Tensor) else result
    np.testing.assert_array_equal(found, ARRAY)


def test_a_read_only_view_shows_what_its_owner_writes() -> None:
    array = ARRAY.copy()
    view = situations.read_only_view(array)
    situations.overwrite([array])
    assert (view.flags.writeable, np.unique(view).tolist()) == (False, [77.0])


def test_of_results_views_are_left() -> None:
    result = [ARRAY, None]
    view, nothing = situations.views(result)
    assert (view is ARRAY, view.base is ARRAY.base, nothing) == (False, True, None)


@pytest.mark.parametrize(("name", "wanted"), [("results kept", [7, 7, 7, 7]), (None, None)])
def test_the_list_that_build_is_given_is_overwritten(
    name: str | None, wanted: list[int] | None
) -> None:
    built: list[Any] = []

    class Built(fast_impl.Conv2DTranspose):
        def build(self, input_shape: Any) -> None:
            super().build(input_shape)
            built.append(input_shape)

    backend = LayerBackend(Built)
    backend.situation = name
    backend.construct({"filters": 1, "kernel_size": [1, 1]})
    backend.do(steps.Build((1, 2, 3, 4)))
    assert built == [wanted or (1, 2, 3, 4)]
