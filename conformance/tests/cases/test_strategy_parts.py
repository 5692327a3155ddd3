"""The parts that cases are drawn with: each gives what it says, and reaches all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.cases.drawn import life_cycles
from conformance.cases.drawn.configurations import (
    Configuration,
    _output_padding,
    _shortest,
    _unequal_pair,
)
from conformance.cases.drawn.data import position_coded, reals, small_integers, with_specials
from conformance.cases.drawn.strategies import geometry_case
from conformance.model import steps
from conformance.model.case import Case

SETTINGS = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
PLAIN: dict[str, Any] = {
    "batch": 2,
    "in_channels": 4,
    "filters": 3,
    "size": (5, 6),
    "strides": (1, 1),
    "kernel_size": (2, 3),
}


def _drawn(part: Callable[[st.DrawFn], Any]) -> list[Any]:
    """What the part gives over many draws."""
    found: list[Any] = []

    @SETTINGS
    @given(st.data())
    def draw(data: st.DataObject) -> None:
        found.append(part(data.draw))

    draw()
    return found


def test_a_pair_of_unequal_numbers_reaches_one_beyond_the_largest() -> None:
    pairs = set(_drawn(lambda draw: _unequal_pair(draw, 3, False)))
    assert pairs == {(a, b) for a in (1, 2, 3) for b in (1, 2, 3, 4) if a != b}


def test_a_pair_of_equal_numbers_reaches_the_largest() -> None:
    assert set(_drawn(lambda draw: _unequal_pair(draw, 3, True))) == {(1, 1), (2, 2), (3, 3)}


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "legal"),
    [
        (3, 3, "same", {0, 1, 2}),
        (2, 3, "same", {1, 2}),
        (2, 3, "valid", {0, 1, 2}),
        (3, 1, "same", {0}),
        (2, 1, "valid", {0}),
        (2, 1, "same", {None}),
        (1, 2, "same", {0, 1}),
        (2, 2, "same", {1}),
    ],
)
def test_every_legal_output_padding_is_drawn(
    kernel: int, stride: int, padding: str, legal: set[int | None]
) -> None:
    assert set(_drawn(lambda draw: _output_padding(draw, kernel, stride, padding))) == legal


@pytest.mark.parametrize(("pair", "told"), [((2, 2), 2), ((2, 3), [2, 3]), ((3, 2), [3, 2])])
def test_a_pair_is_told_as_shortly_as_it_can_be(pair: tuple[int, int], told: Any) -> None:
    assert _shortest(pair) == told


def test_arguments_that_the_page_has_as_default_are_left_out() -> None:
    assert Configuration(**PLAIN).arguments() == {"filters": 3, "kernel_size": [2, 3]}


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("strides", (1, 2), [1, 2]),
        ("strides", (2, 2), 2),
        ("padding", "same", "same"),
        ("data_format", "channels_first", "channels_first"),
        ("dilation_rate", 2, 2),
        ("output_padding", (0, 1), [0, 1]),
        ("use_bias", False, False),
        ("dtype", "float16", "float16"),
    ],
)
def test_every_other_argument_is_told(name: str, value: Any, told: Any) -> None:
    found = Configuration(**{**PLAIN, name: value}).arguments(name="x")
    assert found == {"filters": 3, "kernel_size": [2, 3], name: told, "name": "x"}


@pytest.mark.parametrize(
    ("data_format", "more", "shape"),
    [
        ("channels_last", {}, (2, 5, 6, 4)),
        ("channels_first", {}, (2, 4, 5, 6)),
        ("channels_last", {"batch": 7}, (7, 5, 6, 4)),
        ("channels_last", {"size": (8, 9)}, (2, 8, 9, 4)),
        ("channels_first", {"batch": 7, "size": (8, 9)}, (7, 4, 8, 9)),
    ],
)
def test_an_input_has_the_shape_of_its_format(
    data_format: str, more: dict[str, Any], shape: tuple[int, ...]
) -> None:
    assert Configuration(**PLAIN, data_format=data_format).input_shape(**more) == shape


def _listed(values: Iterable[Any]) -> list[Any]:
    return [value.tolist() for value in values]


def test_weights_are_built_for_the_input_and_set() -> None:
    c = Configuration(**PLAIN, dtype="float16")
    kernel = position_coded(c.kernel_shape)
    build, set_weights = c.weights(kernel)
    assert (build, _listed(set_weights.values)) == (
        steps.Build((2, 5, 6, 4)),
        [kernel.tolist(), [3.0, 4.0, 5.0]],
    )
    assert set_weights.values[1].dtype.name == "float16"


def test_a_bias_that_is_given_is_set() -> None:
    _, set_weights = Configuration(**PLAIN).weights(np.ones(1), np.zeros(3))
    assert _listed(set_weights.values) == [[1.0], [0.0, 0.0, 0.0]]


def test_without_bias_the_kernel_is_the_only_weight() -> None:
    _, set_weights = Configuration(**PLAIN, use_bias=False).weights(np.ones(1))
    assert _listed(set_weights.values) == [[1.0]]


def test_positions_count_up_from_one() -> None:
    found = position_coded((2, 3))
    assert (found.tolist(), found.dtype.name) == ([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "float32")


def test_positions_count_up_from_where_they_are_told() -> None:
    assert position_coded((2,), "int32", start=-1).tolist() == [-1, 0]


def test_small_integers_reach_both_ends() -> None:
    found = small_integers((200,), 1)
    assert (sorted(set(found.tolist())), found.dtype.name) == ([-2, -1, 0, 1, 2], "float32")


def test_small_integers_reach_as_far_as_they_are_told() -> None:
    found = small_integers((200,), 1, "int32", largest=1)
    assert (sorted(set(found.tolist())), found.dtype.name) == ([-1, 0, 1], "int32")


@pytest.mark.parametrize("make", [small_integers, reals])
def test_other_seeds_give_other_numbers(make: Callable[..., Any]) -> None:
    assert make((20,), 1).tolist() != make((20,), 2).tolist()


@pytest.mark.parametrize("make", [small_integers, reals])
def test_one_seed_gives_the_same_numbers(make: Callable[..., Any]) -> None:
    assert make((20,), 1).tolist() == make((20,), 1).tolist()


def test_reals_are_rounded_to_their_dtype() -> None:
    found, rounded = reals((4, 5), 1, "float64"), reals((4, 5), 1)
    assert (found.shape, found.dtype.name) == ((4, 5), "float64")
    assert rounded.tolist() == found.astype("float32").tolist()


def _special(array: Any) -> list[bool]:
    negative_zero = (array == 0) & np.signbit(array)
    return (~np.isfinite(array) | negative_zero).ravel().tolist()


@pytest.mark.parametrize(
    ("size", "count", "most"), [(6, 1, 1), (6, 3, 3), (2, 5, 2), (1, 1, 1), (0, 2, 0)]
)
def test_as_many_elements_as_there_should_be_are_special(size: int, count: int, most: int) -> None:
    found = [sum(_special(with_specials(np.ones(size), seed, count))) for seed in range(200)]
    assert (min(found), max(found)) == (min(most, 1), most)


def test_every_element_may_be_special() -> None:
    found = [_special(with_specials(np.ones(3), seed, 1)) for seed in range(200)]
    assert np.any(found, axis=0).tolist() == [True, True, True]


def test_every_special_number_occurs() -> None:
    found = {str(with_specials(np.ones(1), seed, 1)[0]) for seed in range(100)}
    assert found == {"nan", "inf", "-inf", "-0.0"}


def test_one_seed_makes_the_same_elements_special() -> None:
    found = [_special(with_specials(np.ones(50), 1, 3)) for _ in range(2)]
    assert found[0] == found[1]


def test_what_is_made_special_is_a_copy() -> None:
    before = np.ones(1)
    with_specials(before, 0, 1)
    assert before.tolist() == [1.0]


def test_a_configuration_is_a_case_of_the_family_that_is_named() -> None:
    c = Configuration(**PLAIN)
    assert [geometry_case(c).family, geometry_case(c, "mine").family] == ["geometry", "mine"]


def test_the_data_of_a_geometry_have_its_dtype() -> None:
    case = geometry_case(Configuration(**PLAIN, dtype="float16"))
    _, _, set_weights, _, call = case.steps
    assert set_weights.values[0].dtype.name == "float16"
    assert call.inputs.dtype.name == "float16"


# Life cycles.

LIFE = Configuration(**PLAIN)


def _life(**more: Any) -> life_cycles._Life:
    return life_cycles._Life(LIFE, 10, **more)


UNBUILT = ["call", "read weights", "read losses", "build"]
BUILT = [
    "call", "read weights", "read losses", "set weights", "refused weights", "refused channels",
    "shape", "another layer",
]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "rules"),
    [
        ({}, UNBUILT),
        ({"built": True}, [*BUILT, "train"]),
        ({"built": True, "trainings": 1}, [*BUILT, "train"]),
        ({"built": True, "trainings": 2}, BUILT),
    ],
)
def test_the_rules_are_those_whose_condition_holds(more: Any, rules: list[str]) -> None:
    assert life_cycles._rules(_life(**more)) == rules


def _told(life: life_cycles._Life) -> list[Any]:
    """The steps of a life as plain data."""
    return Case("life", {}, tuple(life.steps)).to_json()["steps"]


def _applied(rule: str, *numbers: Any, **more: Any) -> life_cycles._Life:
    life = _life(**more)
    left = iter(numbers)
    life_cycles._apply(lambda _: next(left), rule, life)
    return life


def _integers(shape: tuple[int, ...], seed: int, largest: int = 2) -> Any:
    return small_integers(shape, seed, largest=largest)


KERNEL, BIAS = _integers((2, 3, 3, 4), 11), _integers((3,), 12)
OTHER = {"filters": 3, "kernel_size": [2, 3], "kernel_initializer": "ones"}


@pytest.mark.parametrize(
    ("rule", "numbers", "wanted"),
    [
        ("call", (3, 1, 2), [steps.Call(_integers((3, 1, 2, 4), 11, 1))]),
        ("build", (), [steps.Build((2, 5, 6, 4))]),
        ("read weights", (), [steps.Invoke("get_weights")]),
        ("read losses", (), [steps.Losses()]),
        ("set weights", (), [steps.SetWeights((KERNEL, BIAS))]),
        ("refused weights", (), [steps.SetWeights((KERNEL, BIAS, position_coded((2,))))]),
        ("refused channels", (), [steps.Call(position_coded((2, 5, 6, 5)))]),
        ("shape", (), [steps.ComputeOutputShape((2, 5, 6, 4))]),
        (
            "another layer",
            (),
            [
                steps.Construct("other 1", OTHER),
                steps.Call(_integers((1, 5, 6, 4), 11, 1)),
                steps.Use("layer"),
            ],
        ),
        (
            "train",
            (0.5,),
            [steps.Train(_integers((2, 5, 6, 4), 11, 1), _integers((2, 6, 8, 3), 12, 1), 0.5)],
        ),
    ],
)
def test_a_rule_adds_its_steps(rule: str, numbers: tuple[Any, ...], wanted: list[Any]) -> None:
    assert _told(_applied(rule, *numbers)) == Case("life", {}, tuple(wanted)).to_json()["steps"]


@pytest.mark.parametrize(
    ("rule", "numbers", "state"),
    [
        ("call", (1, 1, 1), (True, 0, 1)),
        ("build", (), (True, 0, 1)),
        ("read weights", (), (False, 0, 1)),
        ("another layer", (), (False, 0, 2)),
        ("train", (1.0,), (False, 1, 1)),
    ],
)
def test_a_rule_changes_what_is_known(
    rule: str, numbers: tuple[Any, ...], state: tuple[bool, int, int]
) -> None:
    life = _applied(rule, *numbers)
    assert (life.built, life.trainings, life.layers) == state


def test_a_second_other_layer_has_another_name() -> None:
    assert _told(_applied("another layer", layers=2))[0]["layer"] == "other 2"


def test_a_second_training_is_counted() -> None:
    assert _applied("train", 1.0, trainings=1).trainings == 2


def test_weights_without_bias_are_the_kernel() -> None:
    life = life_cycles._Life(Configuration(**PLAIN, use_bias=False), 10)
    assert _listed(life.weights()) == [KERNEL.tolist()]


def _call_shape(draw: st.DrawFn) -> tuple[int, ...]:
    life = _life()
    life_cycles._apply(draw, "call", life)
    return tuple(life.steps[0].inputs.shape[:3])


def test_calls_have_one_to_three_images_rows_and_columns() -> None:
    sizes = list(zip(*_drawn(_call_shape)))
    assert [set(found) for found in sizes] == [{1, 2, 3}] * 3


def _learning_rate(draw: st.DrawFn) -> float:
    life = _life()
    life_cycles._apply(draw, "train", life)
    return float(life.steps[0].learning_rate)


def test_the_learning_rates_are_exact() -> None:
    assert set(_drawn(_learning_rate)) == {0.5, 1.0}
