"""What the checks of training say of weights that come close to the right ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.cases.drawn.configurations import Configuration
from conformance.cases.drawn.data import position_coded, small_integers
from conformance.checks import CHECKS, Traits, View
from conformance.checks.chapters.training import constraints
from conformance.checks.chapters.training.losses import compare_losses
from conformance.model.case import Case
from conformance.model.observation import Observation, Outcome
from conformance.model.steps import Call, GetWeights, Losses, Train
from conformance.model.values.codec import Array, Value
from conformance.oracle.comparison import Mismatch
from conformance.oracle.expectation import Expectation

JUDGES = {check.name: check.judge for check in CHECKS}
LAYER = Configuration(
    batch=2, in_channels=2, filters=3, size=(3, 2), strides=(1, 1), kernel_size=(2, 3)
)
RATE = 0.5
TRAIN = 3


def _case(optimizer: str = "gradient_descent", **arguments: Any) -> Case:
    kernel = small_integers(LAYER.kernel_shape, 4, largest=4)
    train = Train(
        small_integers(LAYER.input_shape(), 5, largest=1),
        small_integers(LAYER.output_shape, 6, largest=1),
        RATE,
        optimizer,
    )
    steps = (*LAYER.weights(kernel, position_coded((3,))), GetWeights(), train)
    return Case("constraints", LAYER.arguments(**arguments), steps)


def _view(
    case: Case, trained: Any, traits: Traits | None = None, expectation: Expectation | None = None
) -> View:
    outcomes = (Outcome(),) * TRAIN + (Outcome(value=trained),)
    wanted = Expectation(case) if expectation is None else expectation
    return View(case, Observation(outcomes=outcomes), wanted, traits or Traits())


def _doubled(part: str) -> Case:
    return _case(**{f"{part}_constraint": {"function": "double plus one"}})


def _judged(case: Case, place: int, weight: Any, **more: Any) -> Mismatch | None:
    trained = [value.astype("float32") for value in Expectation(case).value(TRAIN)]
    trained[place] = weight
    return constraints._compare_weight(_view(case, trained), place, **more)


def _before_and_step(case: Case, place: int) -> tuple[Array, Array]:
    expectation = Expectation(case)
    gradient = expectation.gradients(TRAIN)[1 + place]
    before = expectation.weights_at(TRAIN)[place]
    assert gradient is not None
    assert before is not None
    return before, RATE * gradient.values


PARTS = pytest.mark.parametrize(("place", "part"), [(0, "kernel"), (1, "bias")])


def _said(mismatch: Mismatch | None) -> str:
    """What is said after the comparison itself."""
    assert mismatch is not None
    return mismatch.message.rpartition(" wrong")[2]


@PARTS
def test_a_projected_weight_is_right(place: int, part: str) -> None:
    case = _doubled(part)
    before, step = _before_and_step(case, place)
    assert _judged(case, place, (2 * (before - step) + 1).astype("float32")) is None


@PARTS
def test_a_weight_that_was_not_projected_is_told(place: int, part: str) -> None:
    case = _doubled(part)
    before, step = _before_and_step(case, place)
    found = _judged(case, place, (before - step).astype("float32"))
    assert _said(found) == "; this is the updated weight without the projection"


@PARTS
def test_a_weight_that_was_not_updated_is_told(place: int, part: str) -> None:
    case = _doubled(part)
    before, _ = _before_and_step(case, place)
    found = _judged(case, place, before.astype("float32"))
    assert _said(found) == "; this is the weight as it was before the step"


@PARTS
def test_a_weight_that_was_projected_before_the_step_is_told(place: int, part: str) -> None:
    case = _doubled(part)
    before, step = _before_and_step(case, place)
    found = _judged(case, place, (2 * before + 1 - step).astype("float32"))
    assert _said(found) == "; this is the projection of the old weight followed by the step"


@pytest.mark.parametrize(
    ("off", "said"),
    [(5e-6, "; this is the projection of the old weight followed by the step"), (1e-3, "")],
)
def test_the_projection_before_the_step_is_told_as_far_as_it_is_near(off: float, said: str) -> None:
    case = _case(kernel_constraint={"function": "negate"})
    before, step = _before_and_step(case, 0)
    assert _said(_judged(case, 0, (-before - step + off).astype("float32"))) == said


@PARTS
def test_another_weight_is_told_as_it_is(place: int, part: str) -> None:
    case = _doubled(part)
    before, _ = _before_and_step(case, place)
    assert _said(_judged(case, place, (before + 100).astype("float32"))) == ""


@PARTS
def test_what_is_no_weight_is_told_as_it_is(place: int, part: str) -> None:
    found = _judged(_doubled(part), place, "text")
    assert found is not None
    assert found.message.endswith("got 'text'")


def test_a_weight_is_compared_with_what_the_check_wants() -> None:
    case = _doubled("kernel")
    before, step = _before_and_step(case, 0)
    right = (2 * (before - step) + 1).astype("float32")
    assert _judged(case, 0, right, wanted=right + 1) is not None


class _Mistaken(Expectation):
    """An oracle that takes another constraint for right."""

    def value(self, index: int) -> Value:
        return [weight + 1 for weight in super().value(index)]


@pytest.mark.parametrize(
    ("constraint", "target"),
    [
        ("max_norm", lambda norm: np.minimum(norm, 2)),
        ("MaxNorm", lambda norm: np.minimum(norm, 2)),
        ("unit_norm", np.ones_like),
        ("min_max_norm", lambda norm: np.minimum(norm, 1)),
    ],
)
def test_norms_are_the_check_s_own_and_not_the_oracle_s(constraint: str, target: Any) -> None:
    case = _case(kernel_constraint=constraint)
    before, step = _before_and_step(case, 0)
    updated = before - step
    norm = np.sqrt((updated**2).sum(axis=0))
    trained = [(updated * target(norm) / (1e-7 + norm)).astype("float32"), None]
    view = _view(case, trained, expectation=_Mistaken(case))
    assert JUDGES["check_norms_run_over_the_kernel_rows"](view) is None


def _told(mismatch: Mismatch | None) -> tuple[Any, ...]:
    assert mismatch is not None
    return mismatch.message, mismatch.expected, mismatch.got, mismatch.step


def test_an_optimizer_that_changes_nothing_is_told() -> None:
    case = _case("v1.Adam", kernel_constraint={"function": "clip"})
    kernel = case.steps[1].values[0]  # type: ignore[union-attr]
    view = _view(case, [kernel], Traits(tensorflow=True))
    found = JUDGES["check_optimizers_apply_the_constraint"](view)
    assert _told(found) == ("v1.Adam left the kernel as it was", None, kernel, TRAIN)


@pytest.mark.parametrize(
    ("release", "moved", "text"),
    [
        ((2, 9), False, "the op of keras.SGD should update the kernel"),
        ((2, 10), True, "the op of keras.SGD should update nothing"),
    ],
)
def test_what_a_keras_optimizer_should_do_in_a_graph_is_told(
    release: tuple[int, int], moved: bool, text: str
) -> None:
    case = _case("keras.SGD", kernel_constraint={"function": "clip"})
    kernel = case.steps[1].values[0] + moved  # type: ignore[union-attr]
    view = _view(case, [kernel], Traits(tensorflow=True, release=release, mode="graph"))
    found = JUDGES["check_keras_optimizers_in_a_graph"](view)
    assert _told(found) == (text, not moved, moved, TRAIN)


@pytest.mark.parametrize(("release", "moved"), [((2, 9), True), ((2, 10), False)])
def test_what_a_keras_optimizer_does_in_a_graph_is_right(
    release: tuple[int, int], moved: bool
) -> None:
    case = _case("keras.SGD", kernel_constraint={"function": "clip"})
    kernel = case.steps[1].values[0] + moved  # type: ignore[union-attr]
    view = _view(case, [kernel], Traits(tensorflow=True, release=release, mode="graph"))
    assert JUDGES["check_keras_optimizers_in_a_graph"](view) is None


# Losses.

PENALTY = {"activity_regularizer": {"function": "sum"}}
READINGS = (3, 5)


def _penalized(first: Any) -> tuple[View, Value]:
    """A layer of which the first reading of losses gives `first`, and what it should give."""
    kernel = small_integers(LAYER.kernel_shape, 4)
    calls = [small_integers(LAYER.input_shape(batch=n), 5) for n in (2, 4)]
    steps = (
        *LAYER.weights(kernel, position_coded((3,))),
        Call(calls[0]), Losses(), Call(calls[1]), Losses(),
    )  # fmt: skip
    case = Case("losses", LAYER.arguments(**PENALTY), steps)
    expectation = Expectation(case)
    right = [np.asarray(expectation.value(n)[0], np.float32) for n in READINGS]
    values = [Outcome()] * 3 + [Outcome(value=first), Outcome(), Outcome(value=[right[1]])]
    view = View(case, Observation(outcomes=tuple(values)), expectation, Traits())
    return view, right[0]


ACTIVITY = JUDGES["check_activity_loss_is_divided_by_the_batch_size"]


def _penalty(factor: float = 1) -> Value:
    return np.asarray(_penalized([])[1] * factor, np.float32)


def test_a_divided_penalty_is_right() -> None:
    assert ACTIVITY(_penalized([_penalty()])[0]) is None


@pytest.mark.parametrize("off", [1, 1 + 2.0**-18])
def test_a_penalty_that_was_not_divided_is_told(off: float) -> None:
    found = ACTIVITY(_penalized([_penalty(2 * off)])[0])
    assert found is not None
    text = "; this is the penalty before the division by the batch size 2"
    assert found.message.endswith("the only element is wrong" + text)


@pytest.mark.parametrize("factor", [3, 2.01, 0.5])
def test_another_penalty_is_told_as_it_is(factor: float) -> None:
    found = ACTIVITY(_penalized([_penalty(factor)])[0])
    assert found is not None
    assert found.message.endswith("the only element is wrong")


def test_a_penalty_that_is_no_number_is_told_as_it_is() -> None:
    found = ACTIVITY(_penalized(["text"])[0])
    assert found is not None
    assert found.message == "expected an array of shape (), got 'text'"


def test_a_penalty_may_be_a_number_of_python() -> None:
    view, _ = _penalized([float(_penalized([])[1])])
    assert JUDGES["check_activity_regularizer_sees_the_activated_output"](view) is None


@pytest.mark.parametrize("got", [[], "text"])
def test_a_missing_penalty_is_told(got: Any) -> None:
    found = ACTIVITY(_penalized(got)[0])
    assert found is not None
    assert (found.message, found.got) == ("losses should hold the activity loss", got)
    assert found.step == READINGS[0]


@pytest.mark.parametrize("loss", [3, 3.0, np.array(3.0), np.array(3.0, np.float32)])
def test_a_loss_may_be_any_number(loss: Any) -> None:
    assert compare_losses([loss], [3.0], 0, "losses") is None
