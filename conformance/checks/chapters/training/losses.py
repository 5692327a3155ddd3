"""LOSS: regularizers, the activity penalty, and who lists which loss."""

from __future__ import annotations

import attrs
import numpy as np

from conformance.cases.scripted.expected import Raises
from conformance.checks.check import check
from conformance.checks.refusals import expect_error
from conformance.checks.view import View
from conformance.model.case import Case
from conformance.model.steps import (
    Build,
    Call,
    Collection,
    Losses,
    LossesFor,
    LossIdentity,
    UpdatesFor,
)
from conformance.model.traits import Traits
from conformance.model.values.codec import Value
from conformance.oracle.comparison import Mismatch, compare_numbers, describe
from conformance.oracle.tolerance import unit_roundoff

#: Roundings in a loss whose sum is exact: the factor's own, the product, one more product and sum
#: for l1_l2, the division by the batch size; doubled for reciprocals.
_ROUNDINGS = 16
#: The same and the sum, of positive numbers that need not be integers, in float64.
_SUMMED = 2**14 + _ROUNDINGS


def compare_losses(
    got: Value, wanted: list[Value], index: int, what: str, dtype_name: str = "float32"
) -> Mismatch | None:
    """Compare a list of losses with the expected one, in order.

    The sums are of small integers and exact, so only the factor and the division may round; those of a
    float64 layer may be of any positive numbers.
    """
    roundings = _SUMMED if dtype_name == "float64" else _ROUNDINGS
    if not isinstance(got, list):
        return Mismatch(f"{what} should be a list, is {describe(got)}", wanted, got, index)
    if len(got) != len(wanted):
        return Mismatch(
            f"{what} should hold {_count(len(wanted))}, holds {len(got)}", wanted, got, index
        )
    for number, (one, target) in enumerate(zip(got, wanted)):
        exact = np.asarray(target, np.float64)
        allowed = roundings * unit_roundoff(dtype_name) * np.abs(exact)
        mismatch = compare_numbers(one, exact, allowed, step=index, what=f"{what}[{number}]")
        if mismatch is not None:
            return mismatch
    return None


def _count(number: int) -> str:
    return "1 loss" if number == 1 else f"{number} losses"


def _compared(
    view: View, got: Value, wanted: list[Value], index: int, what: str
) -> Mismatch | None:
    return compare_losses(got, wanted, index, what, view.case.argument("dtype", "float32"))


def _activity(view: View) -> bool:
    return "activity_regularizer" in view.case.arguments


def _nth(view: View, number: int) -> int:
    return [index for index, _ in view.steps(Losses)][number]


def _has_weight_loss(case: Case, _: Traits) -> bool:
    bias = case.argument("use_bias", True) and "bias_regularizer" in case.arguments
    return bool("kernel_regularizer" in case.arguments or bias)


def _weight_losses(view: View, number: int) -> list[Value]:
    wanted = view.expectation.value(_nth(view, number))
    return list(wanted[1:] if _activity(view) else wanted)


@check("LOSS-01", "losses", when=_has_weight_loss)
def check_weight_losses_are_unscaled_and_current(view: View) -> Mismatch | None:
    """regularizer(weight), unscaled; after set_weights that of the new weights."""
    for number in (0, 2):
        index = _nth(view, number)
        wanted = _weight_losses(view, number)
        got = view.value(index)
        if isinstance(got, list):
            got = got[-len(wanted) :]
        mismatch = _compared(view, got, wanted, index, "weight losses")
        if mismatch is not None:
            return mismatch
    return None


@check("LOSS-02", "losses", when=lambda case, _: "activity_regularizer" in case.arguments)
def check_activity_loss_is_divided_by_the_batch_size(view: View) -> Mismatch | None:
    """regularizer(output) / N, at two batch sizes."""
    for number in (0, 1):
        index = _nth(view, number)
        got, wanted = view.value(index), view.expectation.value(index)[0]
        if not isinstance(got, list) or not got:
            return Mismatch("losses should hold the activity loss", [wanted], got, index)
        place = number if view.traits.graph and number < len(got) else 0
        mismatch = _compared(view, [got[place]], [wanted], index, "activity loss")
        if mismatch is not None:
            calls = [step for _, step in view.steps(Call)]
            batch = calls[number].inputs.shape[0]
            return _with_hint(mismatch, got[place], wanted, batch)
    return None


def _with_hint(mismatch: Mismatch, got: Value, wanted: Value, batch: int) -> Mismatch:
    """Say so where the value is the one that was never divided by the batch size."""
    undivided = np.asarray(wanted) * batch
    if isinstance(got, np.ndarray) and np.allclose(got.astype(np.float64), undivided):
        text = f"; this is the penalty before the division by the batch size {batch}"
        return attrs.evolve(mismatch, message=mismatch.message + text)
    return mismatch


@check("LOSS-03", "empty batch losses")
def check_activity_loss_of_an_empty_batch(view: View) -> Mismatch | None:
    """Graph: NaN (0/0); eager: NaN in 2.9, 0.0 later."""
    index = _nth(view, 0)
    not_a_number = view.traits.graph or view.traits.of_the_page
    wanted = np.nan if not_a_number else 0.0
    got = view.value(index)
    if not isinstance(got, list) or len(got) != 2:
        return Mismatch("losses should hold two entries", 2, got, index)
    return _compared(view, [got[0]], [wanted], index, "activity loss")


@check("LOSS-04", "losses")
def check_order_of_losses(view: View) -> Mismatch | None:
    """Activity first, then kernel, then bias."""
    index = _nth(view, 0)
    return _compared(view, view.value(index), view.expectation.value(index), index, "losses")


@check("LOSS-04", "losses", when=lambda _, traits: traits.graph)
def check_order_of_the_collection(view: View) -> Mismatch | None:
    """REGULARIZATION_LOSSES: kernel, bias, then one activity loss for each call."""
    index, _ = view.first(Collection)
    return _compared(view, view.value(index), _collected(view), index, "collection")


def _collected(view: View) -> list[Value]:
    # The second call's output is not computed anew, but its weights are: see LOSS-06.
    activity = _activity_with_new_weights(view) if _activity(view) else []
    return [*_weight_losses(view, 2), *activity]


def _activity_with_new_weights(view: View) -> list[Value]:
    """Return the activity losses of both calls, made of the weights that were set last."""
    return [view.expectation.with_last_weights.value(_nth(view, n))[0] for n in (0, 1)]


@check("LOSS-05", "losses", when=lambda case, _: "activity_regularizer" in case.arguments)
def check_two_calls(view: View) -> Mismatch | None:
    """Graph: one activity loss for each call; eager: that of the last call only."""
    first, second = _nth(view, 0), _nth(view, 1)
    wanted = list(view.expectation.value(second))
    if view.traits.graph:
        wanted.insert(0, view.expectation.value(first)[0])
    return _compared(view, view.value(second), wanted, second, "losses")


@check("LOSS-06", "losses", when=lambda _, traits: traits.tensorflow)
def check_identity_of_losses(view: View) -> Mismatch | None:
    """Activity losses are the same objects at each access, weight losses are new ones."""
    index, _ = view.first(LossIdentity)
    weights = len(_weight_losses(view, 2))
    activity = (2 if view.traits.graph else 1) if _activity(view) else 0
    wanted = [True] * activity + [False] * weights
    got = view.value(index)
    if got != wanted:
        return Mismatch(f"the same object twice: should be {wanted}, is {got}", wanted, got, index)
    return None


@check("LOSS-06", "losses", when=lambda _, traits: not traits.graph)
def check_weight_losses_are_recomputed_and_activity_losses_kept(view: View) -> Mismatch | None:
    """Eager: after set_weights, weight losses follow and the activity loss stays."""
    index = _nth(view, 2)
    return _compared(view, view.value(index), view.expectation.value(index), index, "losses")


@check("LOSS-07", "losses", "loss targets")
def check_get_losses_for(view: View) -> Mismatch | None:
    """Activity losses for anything upstream, weight losses for None only."""
    for index, step in view.steps(LossesFor):
        mismatch = _judge_losses_for(view, index, step.target)
        if mismatch is not None:
            return mismatch
    return None


def _judge_losses_for(view: View, index: int, target: str) -> Mismatch | None:
    if view.traits.tensorflow and not view.traits.graph:
        return expect_error(view, index, Raises("AttributeError"))
    if target in ("text", "number"):
        return expect_error(view, index, Raises("TypeError"))
    if target in ("empty", "foreign"):
        wanted: list[Value] = []
    elif target == "none":
        number = sum(before < index for before, _ in view.steps(Losses)) - 1
        wanted = _weight_losses(view, number)
    elif target == "outputs" and not view.traits.tensorflow and view.value(index) == []:
        # An array has no history: whoever converts a result hands out another array, which is no mistake.
        return None
    else:
        wanted = _activity_losses(view)
    return _compared(view, view.value(index), wanted, index, f"get_losses_for({target})")


def _activity_losses(view: View) -> list[Value]:
    """Activity losses that belong to the last call's inputs."""
    if not _activity(view):
        return []
    if view.traits.graph and view.case.family == "losses":
        return [_activity_with_new_weights(view)[1]]
    last = len(list(view.steps(Losses))) - 1
    return [view.expectation.value(_nth(view, last))[0]]


@check("LOSS-08", "losses", "loss targets")
def check_get_updates_for(view: View) -> Mismatch | None:
    """This layer has no updates."""
    for index, _ in view.steps(UpdatesFor):
        if view.traits.tensorflow and not view.traits.graph:
            mismatch = expect_error(view, index, Raises("AttributeError"))
        else:
            mismatch = _compared(view, view.value(index), [], index, "get_updates_for")
        if mismatch is not None:
            return mismatch
    return None


@check("LOSS-09", "regularizer forms")
def check_regularizer_forms(view: View) -> Mismatch | None:
    """Strings, dicts, instances and callables; what is refused, and when."""
    arguments = view.case.arguments
    activity = "activity_regularizer" in arguments
    form = arguments["activity_regularizer" if activity else "kernel_regularizer"]
    name = form.get("function", form.get("class_name")) if isinstance(form, dict) else form
    call_index, _ = view.first(Call)
    index = _nth(view, 0)
    # A graph has the loss of a weight as soon as the weight is made.
    made = view.first(Build)[0] if view.traits.graph else index
    raising = call_index if activity else made
    old = view.traits.of_the_page
    if name == 5 or (name == "l3" and (old or view.traits.v1)):
        return expect_error(view, None, Raises("ValueError"))
    if name == "l3":
        return expect_error(view, raising, Raises("TypeError"))
    if name == "OrthogonalRegularizer":
        return expect_error(view, raising, Raises("ValueError"))
    if name == "no loss":
        if activity:
            return expect_error(view, call_index, Raises("AttributeError" if old else "ValueError"))
        return _compared(view, view.value(index), [], index, "losses")
    if name == "seven" and activity and old:
        return expect_error(view, call_index, Raises("AttributeError"))
    if name == "numpy sum" and view.traits.v1 and not activity:
        # To NumPy a reference variable is one object, and the sum of one object is that object.
        kernel, _ = view.expectation.weights_at(index)
        return _compared(view, view.value(index), [kernel], index, "losses")
    if name == "numpy sum" and view.traits.graph:
        return expect_error(view, raising, Raises("NotImplementedError"))
    return _compared(view, view.value(index), view.expectation.value(index), index, "losses")


@check(
    "LOSS-10",
    "losses",
    when=lambda case, traits: traits.graph and "activity_regularizer" in case.arguments,
)
def check_the_collection_holds_activity_losses(view: View) -> Mismatch | None:
    """get_regularization_loss sums the collection, which includes the activity losses."""
    index, _ = view.first(Collection)
    got = view.value(index)
    if not isinstance(got, list):
        return Mismatch("the collection should be a list", None, got, index)
    total = np.asarray(sum(np.asarray(item, np.float64).sum() for item in got))
    wanted = np.asarray(sum(float(np.sum(item)) for item in _collected(view)))
    sizes = sum(float(np.sum(np.abs(item))) for item in _collected(view))
    allowed = np.asarray(_ROUNDINGS * 2.0**-24 * sizes)
    return compare_numbers(total, wanted, allowed, step=index, what="sum of the collection")


@check("LOSS-11", "losses", when=lambda case, _: case.argument("trainable", True) is False)
def check_trainable_false_keeps_losses(view: View) -> Mismatch | None:
    """trainable=False does not remove any loss."""
    index = _nth(view, 0)
    return _compared(view, view.value(index), view.expectation.value(index), index, "losses")
