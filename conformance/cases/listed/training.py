"""Listed cases of training: forms of regularizers and constraints, losses, optimizers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from conformance.cases.drawn.data import position_coded, small_integers
from conformance.cases.listed.layer import KERNEL_SHAPE, case, function, weights
from conformance.cases.listed.layer import inputs as layer_inputs
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.values.codec import Array


def _training(
    kernel: Array, rate: float = 0.5, optimizer: str = "gradient_descent"
) -> tuple[steps.Step, ...]:
    kernel_height, kernel_width, filters, channels = kernel.shape
    inputs = small_integers((2, 3, 2, channels), 5, largest=1)
    upstream = small_integers((2, 2 + kernel_height, 1 + kernel_width, filters), 6, largest=1)
    return (
        *weights(kernel),
        steps.GetWeights(),
        steps.Train(inputs, upstream, rate, optimizer),
    )


def _regularizer_forms() -> tuple[Case, ...]:
    forms: tuple[Any, ...] = (
        "l3",
        5,
        function("no loss"),
        function("seven"),
        function("numpy sum"),
        function("per channel"),
        {"class_name": "OrthogonalRegularizer", "config": {}},
    )
    named: tuple[Any, ...] = (
        "l2",
        "L2",
        "l1",
        "L1",
        "l1_l2",
        {"class_name": "L1", "config": {"l1": 0.5}},
    )
    # What a config leaves out has its default.
    shortened: tuple[tuple[str, dict[str, float]], ...] = (
        ("L1L2", {"l1": 0.5}),
        ("L1L2", {"l2": 0.25}),
        ("L1L2", {}),
        ("L1", {}),
        ("L2", {}),
    )
    named += tuple({"class_name": name, "config": config} for name, config in shortened)
    cases = []
    for form in forms + named:
        for part in ("kernel", "activity"):
            arguments = {f"{part}_regularizer": form}
            reading = (*weights(), steps.Call(layer_inputs()), steps.Losses())
            cases.append(case("regularizer forms", arguments, *reading))
    return tuple(cases)


def _loss_targets() -> tuple[Case, ...]:
    arguments = {
        "activity_regularizer": function("sum"),
        "kernel_regularizer": function("sum of squares"),
    }
    targets = (
        "inputs",
        "outputs",
        "kernel",
        "bias",
        "nested",
        "twice",
        "one of two",
        "empty",
        "none",
        "text",
        "number",
        "foreign",
    )
    asked = [steps.LossesFor(target) for target in targets]
    updates = [steps.UpdatesFor(target) for target in ("inputs", "none")]
    return (
        case("loss targets", arguments, *weights(), steps.Call(layer_inputs()), steps.Losses(), *asked, *updates),
        case("loss targets", arguments, steps.LossesFor("empty"), steps.UpdatesFor("empty")),
        # Those of the weights are never those of older ones.
        case(
            "loss targets",
            {"kernel_regularizer": function("sum of squares"), "bias_regularizer": function("sum")},
            *(
                step
                for start in (1, 2)
                for step in (
                    *weights(position_coded(KERNEL_SHAPE, start=start))[start - 1 :],
                    steps.Losses(),
                    steps.LossesFor("none"),
                )
            ),
        ),
    )  # fmt: skip


def _empty_batch_losses() -> tuple[Case, ...]:
    arguments = {"activity_regularizer": function("sum of squares"), "kernel_regularizer": "l2"}
    empty = steps.Call(np.zeros((0, 4, 5, 2), np.float32))
    return (case("empty batch losses", arguments, *weights(), empty, steps.Losses()),)


def _constraint_forms() -> tuple[Case, ...]:
    kernel = small_integers((2, 3, 3, 2), 4, largest=4)
    good: tuple[Any, ...] = (
        "non_neg", "NonNeg", "max_norm", "MaxNorm", "unit_norm", "min_max_norm",
        {"class_name": "MaxNorm", "config": {"max_value": 1.5, "axis": [0, 1, 3]}},
        # No norm at all, and limits the wrong way round, of which the lower one counts.
        {"class_name": "MaxNorm", "config": {"max_value": 0.0}},
        {"class_name": "MinMaxNorm", "config": {"min_value": 3.0, "max_value": 1.0}},
        {"class_name": "MinMaxNorm", "config": {"min_value": 2.0, "max_value": 3.0, "rate": 0.0}},
        {"class_name": "MinMaxNorm", "config": {"max_value": 0.0}},
        # An axis from the end, and all of them.
        {"class_name": "UnitNorm", "config": {"axis": -1}},
        {"class_name": "MaxNorm", "config": {"max_value": 1.5, "axis": [0, 1, 2, 3]}},
        function("double plus one"), function("numpy clip"),
        "non_pos", 7,
    )  # fmt: skip
    return tuple(
        case("constraint forms", {"kernel_constraint": form}, *_training(kernel)) for form in good
    )


def _constraint_results() -> tuple[Case, ...]:
    kernel = small_integers((2, 3, 3, 2), 4, largest=4)
    names = ("flatten", "scalar", "other dtype", "none")
    return tuple(
        case("constraint results", {f"{part}_constraint": function(name)}, *_training(kernel))
        for part in ("kernel", "bias")
        for name in names
        if (part, name) != ("bias", "flatten")  # a bias is flat already
    )


def _special_constraints() -> tuple[Case, ...]:
    kernel = np.array([3.0, -0.0, -2.0, 0.0, -np.inf, np.inf], np.float32).reshape(2, 1, 3, 1)
    weights = (steps.Build((None, None, None, 1)), steps.SetWeights((kernel, position_coded((3,)))))
    # A gradient of zeros: the step leaves the kernel as it is and the constraint is applied.
    train = steps.Train(np.zeros((1, 1, 1, 1), np.float32), np.zeros((1, 2, 1, 3), np.float32), 1.0)
    single = {"filters": 3, "kernel_size": [2, 1], "kernel_constraint": "non_neg"}
    wide = small_integers((2, 1, 3, 1), 4, "float64")
    return (
        Case("non-negative", single, (*weights, train)),
        Case(
            "non-negative",
            {**single, "dtype": "float64"},
            (
                steps.Build((None, None, None, 1)),
                steps.SetWeights((wide, position_coded((3,), "float64"))),
                steps.Train(np.ones((1, 1, 1, 1)), np.ones((1, 2, 1, 3)), 1.0),
            ),
        ),
    )


def _special_norms() -> tuple[Case, ...]:
    """Columns with an infinity, with NaN, with both, and of no norm."""
    columns = ((np.inf, 1), (1, np.nan), (2, -np.inf), (np.nan, np.inf), (0, 0), (0, -np.inf))
    kernel = np.array([*zip(*columns)], np.float32).reshape(2, 1, 3, 2)
    train = steps.Train(np.zeros((1, 1, 1, 2), np.float32), np.zeros((1, 2, 1, 3), np.float32), 1.0)
    listed = (
        steps.Build((None, None, None, 2)),
        steps.SetWeights((kernel, position_coded((3,)))),
        train,
    )
    return tuple(
        Case(
            "special norms",
            {"filters": 3, "kernel_size": [2, 1], "kernel_constraint": name},
            listed,
        )
        for name in ("max_norm", "unit_norm", "min_max_norm")
    )


def _radial() -> tuple[Case, ...]:
    cases = []
    for sides in ((2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7), (1, 1), (2, 3)):
        kernel = position_coded((*sides, 2, 1))
        arguments = {
            "filters": 2,
            "kernel_size": list(sides),
            "kernel_constraint": {"class_name": "RadialConstraint", "config": {}},
        }
        cases.append(Case("radial", arguments, _training(kernel, rate=0.0)))
    return tuple(cases)


def _untrainable() -> tuple[Case, ...]:
    arguments = {"kernel_constraint": "non_neg"}
    *before, train = _training(small_integers(KERNEL_SHAPE, 4))
    return (
        case("untrainable", {"trainable": False, **arguments}, *before, train),
        case("untrainable", arguments, *before, steps.Assign("trainable", False), train),
        case("untrainable", {}, *before, steps.Assign("trainable", False), train),
    )


def _frozen_gradients() -> tuple[Case, ...]:
    """Return layers in the middle of a model that are not trained: what comes before them is."""
    upstream = position_coded((2, 5, 7, 3), start=-50)
    asked = (*weights(position_coded(KERNEL_SHAPE)), steps.Gradients(layer_inputs(), upstream))
    return (
        case("frozen gradients", {"trainable": False}, *asked),
        case("frozen gradients", {"trainable": False, "activation": "relu"}, *asked),
        case("frozen gradients", {}, *asked[:-1], steps.Assign("trainable", False), asked[-1]),
    )


def _optimizers() -> tuple[Case, ...]:
    names = (
        "GradientDescent", "Momentum", "Adam", "RMSProp", "Adagrad", "Ftrl", "Adadelta",
        "ProximalGradientDescent", "ProximalAdagrad", "AdagradDA",
    )  # fmt: skip
    kernel = small_integers((2, 3, 3, 2), 4, largest=4) * 3
    arguments = {"kernel_constraint": function("clip"), "bias_constraint": function("clip")}
    return tuple(
        case("optimizers", arguments, *_training(kernel, 0.125, name))
        for name in (*(f"v1.{name}" for name in names), "keras.SGD", "keras.Adam")
    )


#: Families all of whose cases are always run.
TABLES: Mapping[str, Callable[[], tuple[Case, ...]]] = {
    "regularizer forms": _regularizer_forms,
    "loss targets": _loss_targets,
    "empty batch losses": _empty_batch_losses,
    "constraint forms": _constraint_forms,
    "constraint results": _constraint_results,
    "non-negative": _special_constraints,
    "special norms": _special_norms,
    "radial": _radial,
    "untrainable": _untrainable,
    "frozen gradients": _frozen_gradients,
    "optimizers": _optimizers,
}
