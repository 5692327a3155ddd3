"""Distributions of initial values, signatures and lists of methods, as their checks see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest
from scipy.special import ndtr

from conformance.checks import (
    CHECKS,
    Misbehaved,
    NotSupported,
    Traits,
    View,
)
from conformance.checks.chapters.layer.interface import _comparable, _is_plain, _lost
from conformance.checks.chapters.training import initializers
from conformance.model.case import Case
from conformance.model.observation import Error, Observation, Outcome
from conformance.model.steps import (
    Bases,
    Build,
    Call,
    CounterpartSignature,
    Has,
    Invoke,
    Losses,
    RoundTrip,
    SetWeights,
    Signature,
    SourceLines,
    Step,
    Train,
    WithoutLegacyKeras,
)
from conformance.oracle.comparison import Mismatch
from conformance.oracle.expectation import Expectation

JUDGES = {check.name: check.judge for check in CHECKS}
PLACES = np.array([-9.0, -4.0, -2.0, 0.0, 2.0, 4.0, 9.0])
#: A normal of deviation 2 that is cut at two deviations, at `PLACES`.
CUT = [
    0.0,
    0.0,
    (ndtr(-1) - ndtr(-2)) / (1 - 2 * ndtr(-2)),
    0.5,
    (ndtr(1) - ndtr(-2)) / (1 - 2 * ndtr(-2)),
    1.0,
    1.0,
]


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda: initializers._uniform(-4.0, 4.0), [0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0]),
        (lambda: initializers._normal(0.0, 2.0), ndtr(PLACES / 2)),
        (lambda: initializers._cut_normal(0.0, 2.0), CUT),
        (lambda: initializers._scaled(4.0 * 0.87962566103423978**2), CUT),
    ],
    ids=["uniform", "normal", "cut normal", "scaled"],
)
def test_a_distribution_is_its_formula(make: Callable[[], Any], wanted: Any) -> None:
    assert make()(PLACES) == pytest.approx(np.asarray(wanted), abs=1e-15)


def _judged(judge: str, step: Any, value: Any) -> Mismatch | None:
    case = Case("signatures", {"filters": 3, "kernel_size": 2}, (step,))
    observation = Observation(outcomes=(Outcome(value=value),))
    return JUDGES[judge](View(case, observation, Expectation(case), Traits()))


def _signature(bias_initializer: str | None) -> list[list[Any]]:
    defaults = {
        "filters": None, "kernel_size": None, "strides": "(1, 1)", "padding": "'valid'",
        "data_format": "'channels_last'", "activation": "None", "use_bias": "True",
        "kernel_initializer": "None", "bias_initializer": bias_initializer,
        "kernel_regularizer": "None", "bias_regularizer": "None", "activity_regularizer": "None",
        "kernel_constraint": "None", "bias_constraint": "None", "trainable": "True", "name": "None",
    }  # fmt: skip
    named = [[name, "POSITIONAL_OR_KEYWORD", text] for name, text in defaults.items()]
    return [*named, ["kwargs", "VAR_KEYWORD", None]]


def test_the_default_of_the_bias_initializer_may_be_any_object() -> None:
    assert _judged("check_signature", Signature(), _signature("<zeros at 0x7f>")) is None


def test_the_bias_initializer_has_a_default() -> None:
    found = _judged("check_signature", Signature(), _signature(None))
    assert found is not None
    assert found.message == "bias_initializer should default to Zeros, defaults to None"


def test_another_default_is_told() -> None:
    signature = _signature("zeros")
    signature[2][2] = "(2, 2)"
    found = _judged("check_signature", Signature(), signature)
    assert found is not None
    assert found.message == "strides should default to (1, 1), defaults to (2, 2)"


def test_a_constructor_that_passes_on_tells_no_parameters() -> None:
    signature = [["args", "VAR_POSITIONAL", None], ["kwargs", "VAR_KEYWORD", None]]
    with pytest.raises(NotSupported, match="passes on what it is given"):
        _judged("check_signature", Signature(), signature)


def test_a_constructor_that_lacks_parameters_is_judged_by_no_order() -> None:
    signature = [row for row in _signature("zeros") if row[0] not in ("activation", "name")]
    with pytest.raises(NotSupported, match="without activation, name"):
        _judged("check_signature", Signature(), signature)


def test_a_constructor_that_lacks_parameters_has_the_others_in_order() -> None:
    first, second, *others = _signature("zeros")
    found = _judged("check_signature", Signature(), [second, first, *others[1:]])
    assert found is not None
    assert found.message.startswith("the parameters should be ['filters', 'kernel_size'")


def test_every_missing_method_is_told() -> None:
    step = Has(("apply", "convolution_op", "get_losses_for", "get_updates_for"))
    found = _judged("claim_the_listed_methods_exist", step, [True, True, False, False])
    assert found is not None
    assert found.message == "the layer has no get_losses_for, get_updates_for"


def _told(mismatch: Mismatch | None) -> tuple[Any, ...]:
    assert mismatch is not None
    return mismatch.message, mismatch.expected, mismatch.got, mismatch.step


def test_another_default_of_the_native_layer_is_told() -> None:
    names = [name for name, _, _ in _signature("zeros")]
    names.insert(4, "output_padding")
    signature = [[name, "POSITIONAL_OR_KEYWORD", "None"] for name in names]
    found = _judged("check_names_of_the_native_layer", CounterpartSignature(), signature)
    wanted, got = ["None", "'glorot_uniform'"], ["None", "None"]
    assert _told(found) == (f"defaults should be {wanted}, are {got}", wanted, got, 0)


ANCESTORS = {
    "tf.keras.layers.Conv2DTranspose": "keras.src.layers.convolutional.Conv2DTranspose",
    "tf.keras.layers.Conv2D": "keras.src.layers.convolutional.conv2d.Conv2D",
    "tf.compat.v1.layers.Layer": "keras.src.legacy_tf_layers.base.Layer",
    "tf.keras.layers.Layer": "keras.src.engine.base_layer.Layer",
    "tf.Module": "tensorflow.python.module.module.Module",
}


def test_a_layer_has_the_page_s_five_ancestors() -> None:
    assert _judged("check_base_classes", Bases(), list(ANCESTORS.values())) is None


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("tf.keras.layers.Conv2DTranspose", ["keras.src.legacy_tf_layers.Conv2DTranspose"]),
        ("tf.keras.layers.Conv2D", ["keras.src.layers.SeparableConv2D"]),
        ("tf.compat.v1.layers.Layer", ["keras.src.legacy_tf_layers.base.Other", "keras.Layer"]),
        ("tf.keras.layers.Layer", ["keras.src.engine.base_layer.Other", "keras.Layer"]),
        ("tf.Module", ["tensorflow.python.module.Other", "torch.nn.Module"]),
    ],
)
def test_a_missing_ancestor_is_told(name: str, others: list[str]) -> None:
    classes = [*(c for base, c in ANCESTORS.items() if base != name), *others]
    found = _judged("check_base_classes", Bases(), classes)
    assert _told(found) == (f"should inherit from {name}", list(ANCESTORS), classes, 0)


def test_missing_ancestors_are_told_together() -> None:
    found = _judged("check_base_classes", Bases(), list(ANCESTORS.values())[:3])
    assert _told(found)[0] == "should inherit from tf.keras.layers.Layer, tf.Module"


def test_a_configuration_that_is_not_plain_is_told() -> None:
    config = {"name": "x", "activation": {"type": "function", "repr": "<f>"}}
    found = _judged("check_configuration_survives", RoundTrip(), [config, config])
    assert _told(found) == ("the configuration should be plain data", None, config, 0)


def test_what_differs_in_a_configuration_is_told() -> None:
    before, after = {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 3, "d": 4}
    found = _judged("check_configuration_survives", RoundTrip(), [before, after])
    text = "the configuration of the new layer differs in b, c, d"
    assert _told(found) == (text, {"b": 2, "c": 3}, {"b": 3, "d": 4}, 0)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (2, "from_config has changed the dictionary that it was given"),
        (3, "get_config gives another configuration after its first one was written to"),
    ],
)
def test_a_dictionary_that_is_not_left_alone_is_told(place: int, text: str) -> None:
    answer: list[Any] = [{"a": 1, "b": 2}] * 4
    answer[place] = {"b": 2}
    found = _judged("check_configuration_survives", RoundTrip(), answer)
    assert _told(found) == (text, {"a": 1}, {}, 0)


def test_an_option_that_the_configuration_does_not_tell_is_told() -> None:
    form = {"class_name": "RandomUniform", "config": {"seed": 3, "maxval": 1.0}}
    options = {"seed": None, "maxval": 1.0, "minval": 0.0}
    told = {"kernel_initializer": {"class_name": "RandomUniform", "config": options}}
    found = _lost({"kernel_initializer": form}, told)
    assert found == ("kernel_initializer", {"seed": 3}, {"seed": None})


@pytest.mark.parametrize("name", ["kernel_initializer", "bias_initializer"])
def test_an_initializer_s_dtype_does_not_count(name: str) -> None:
    config = {name: {"class_name": "Zeros", "config": {"dtype": "float32", "seed": 3}}, "a": 1}
    assert _comparable(config) == {name: {"class_name": "Zeros", "config": {"seed": 3}}, "a": 1}


@pytest.mark.parametrize(
    "config",
    [
        {"kernel_regularizer": {"config": {"dtype": "float32"}}},
        {"kernel_initializer": "zeros"},
        {"kernel_initializer": {"config": None}},
        {"dtype": "float32"},
    ],
)
def test_every_other_dtype_counts(config: dict[str, Any]) -> None:
    assert _comparable(config) == config


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ({"a": [1, 1.5, "x", None, True]}, True),
        ({"type": "x"}, True),
        ({"repr": "x"}, True),
        ({"type": "x", "repr": "y"}, False),
        ({"a": [{"type": "x", "repr": "y"}]}, False),
        ({"a": np.ones(1)}, False),
    ],
)
def test_plain_data_is_told_from_objects(value: Any, plain: bool) -> None:
    assert _is_plain(value) is plain


LINES = {
    "Conv2DTranspose": [1479, 1596], "apply": [239, 240], "convolution_op": [217, 232],
    "get_losses_for": [1341, 1358], "get_updates_for": [1322, 1339],
}  # fmt: skip


@pytest.mark.parametrize("lines", [[1479, 1596], [1470, 1596], [1479, 1595], [1479, 1597]])
def test_lines_may_begin_earlier_and_end_one_off(lines: list[int]) -> None:
    found = {**LINES, "Conv2DTranspose": lines}
    assert _judged("check_links_to_source_lines", SourceLines(), found) is None


@pytest.mark.parametrize("lines", [[239, 239], [230, 239]])
def test_lines_may_end_where_they_should_begin(lines: list[int]) -> None:
    assert _judged("check_links_to_source_lines", SourceLines(), {**LINES, "apply": lines}) is None


@pytest.mark.parametrize("lines", [[1480, 1596], [1479, 1594], [1479, 1598], [1, 3]])
def test_other_lines_are_told(lines: list[int]) -> None:
    got = {**LINES, "Conv2DTranspose": lines}
    found = _judged("check_links_to_source_lines", SourceLines(), got)
    text = f"Conv2DTranspose should be at 1479 to 1596, is at {lines[0]} to {lines[1]}"
    assert _told(found) == (text, [1479, 1596], got, 0)


@pytest.mark.parametrize("text", ["AttributeError", "no such thing in Keras 3", ""])
def test_another_answer_of_keras_3_is_told(text: str) -> None:
    found = _judged("check_keras_3_has_no_such_layer", WithoutLegacyKeras(), text)
    assert _told(found) == (
        f"should be an AttributeError about Keras 3, is {text!r}",
        None,
        text,
        0,
    )


# Life cycles: weights are set, then refused, and what follows must be as if nothing had been.

KERNEL, BIAS = np.ones((2, 2, 3, 1), np.float32), np.ones(3, np.float32)
TRAIN = Train(np.ones((1, 1, 1, 1), np.float32), np.ones((1, 2, 2, 3), np.float32), 0.5)


def _life(last: Step, value: Any, *before: Step) -> View:
    refused = SetWeights((BIAS,))
    steps = (Build((1, 1, 1, 1)), SetWeights((KERNEL, BIAS)), refused, *before, last)
    arguments = {"filters": 3, "kernel_size": 2, "kernel_regularizer": {"function": "sum"}}
    case = Case("life cycles", arguments, steps)
    right = Expectation(case).observation.outcomes[: 3 + len(before)]
    return View(
        case, Observation(outcomes=(*right, Outcome(value=value))), Expectation(case), Traits()
    )


REFUSALS = JUDGES["check_refused_steps_leave_the_layer_as_it_was"]


@pytest.mark.parametrize(
    ("last", "value"),
    [
        (Losses(), [12.0]),
        (Losses(), [12]),
        (Losses(), [np.array(12.0, np.float32)]),
        (TRAIN, [KERNEL - 0.5, BIAS - 2]),
        (Invoke("get_weights"), [KERNEL, BIAS]),
    ],
)
def test_what_follows_a_refusal_is_right(last: Step, value: Any) -> None:
    assert REFUSALS(_life(last, value)) is None


@pytest.mark.parametrize("before", [(), (Losses(),), (TRAIN, Losses())])
@pytest.mark.parametrize("last", [Losses(), TRAIN, Invoke("get_weights")])
def test_what_follows_a_refusal_is_judged(last: Step, before: tuple[Step, ...]) -> None:
    assert REFUSALS(_life(last, [], *before)) is not None


def test_a_life_without_a_refusal_says_nothing_of_refusals() -> None:
    (refusals,) = (c for c in CHECKS.of("LIFE-04") if "life cycles" in c.families)
    case = _life(Losses(), None).case
    told = attrs.evolve(case, steps=(*case.steps[:2], *case.steps[3:]))
    other = Call(np.ones((1, 1, 1, 2), np.float32))
    channels = attrs.evolve(told, steps=(*told.steps, other))
    assert [refusals.applies(c, Traits()) for c in (case, told, channels)] == [True, False, True]


CALL = Call(np.ones((1, 1, 1, 1), np.float32))
ARGUMENTS = JUDGES["check_arguments_are_left_alone"]


def _called(outcome: Outcome) -> View:
    case = Case("geometry", {"filters": 3, "kernel_size": 2}, (Build((1, 1, 1, 1)), CALL))
    return View(case, Observation(outcomes=(Outcome(), outcome)), Expectation(case), Traits())


def test_a_call_that_changes_nothing_leaves_its_arguments_alone() -> None:
    assert ARGUMENTS(_called(Outcome())) is None
    found = ARGUMENTS(_called(Outcome(modified=("inputs", "kernel"))))
    assert found is not None
    assert found.message == "changed its inputs, kernel in place"


def test_a_call_that_raised_proves_nothing_of_its_arguments() -> None:
    with pytest.raises(Misbehaved):
        ARGUMENTS(_called(Outcome(error=Error(("ValueError",), "no", "call"))))


@pytest.mark.parametrize(
    ("modified", "message"),
    [
        ((), None),
        (
            ("activation",),
            "the constructor changed what it was given for activation in place",
        ),
    ],
)
def test_a_constructor_leaves_configurations_alone(
    modified: tuple[str, ...], message: str | None
) -> None:
    case = Case("round trips", {"filters": 3, "kernel_size": 2}, ())
    view = View(case, Observation(Outcome(modified=modified)), Expectation(case), Traits())
    found = JUDGES["check_configurations_are_left_alone"](view)
    assert (found and found.message) == message


def test_a_constructor_that_nobody_watches_is_not_judged() -> None:
    case = Case("round trips", {"filters": 3, "kernel_size": 2}, ())
    view = View(case, Observation(Outcome(modified=None)), Expectation(case), Traits())
    with pytest.raises(NotSupported, match="does not say which of its arguments"):
        JUDGES["check_configurations_are_left_alone"](view)


def test_whoever_does_not_look_at_its_arguments_is_not_judged() -> None:
    with pytest.raises(NotSupported, match="does not say which of its arguments"):
        ARGUMENTS(_called(Outcome(modified=None)))


def test_a_call_that_is_wrong_each_time_is_told() -> None:
    one, two = np.ones((1, 1, 1, 1), np.float32), np.ones((1, 1, 2, 1), np.float32)
    steps = (
        Build((1, 1, 1, 1)),
        SetWeights((one, np.zeros(1, np.float32))),
        Call(one),
        Call(two),
        Call(one),
    )
    case = Case("repeats", {"filters": 1, "kernel_size": 1}, steps)
    values = (None, None, one + 1, two, one + 1)
    observation = Observation(outcomes=tuple(Outcome(value=value) for value in values))
    view = View(case, observation, Expectation(case), Traits())
    found = JUDGES["check_a_call_does_not_depend_on_earlier_calls"](view)
    assert found is not None
    assert found.step == 2


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (None, "uniform between -0.25 and 0.25"),
        ("random_normal", "normal with mean 0 and standard deviation 0.05"),
        (
            "truncated_normal",
            "normal with mean 0 and standard deviation 0.05, cut off at two deviations",
        ),
    ],
)
def test_a_distribution_is_told_in_words(form: Any, text: str) -> None:
    assert str(initializers.distribution(form, 48.0, 48.0)) == text
