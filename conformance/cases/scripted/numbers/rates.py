"""Scripts about the numbers of a training step, outside TensorFlow: there an optimizer takes them.

A contract of this suite's own (docs/testing-your-layer.md): `apply_gradients(gradients, learning_rate)`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.cases.scripted.expected import (
    Expected,
    Gives,
    IfTaken,
    Numbers,
    Succeeds,
    Typed,
    Wanted,
)
from conformance.cases.scripted.script import INPUTS, SIZES, Line, Script, then
from conformance.model import steps
from conformance.model.named import literal

_KERNEL = np.arange(-18, 18, dtype="f").reshape(2, 3, 3, 2)
_BIAS = np.array([-4, 0, 4], "f")
_GRADIENTS = literal("[np.full((2, 3, 3, 2), 2.5, 'float32'), np.full(3, 1.5, 'float32')]")


def _outside(step: steps.Step, wanted: Wanted) -> Line:
    return Line(step, Expected(outside=wanted))


_BUILT = then(steps.Build((None, None, None, 2)), steps.SetWeights((_KERNEL, _BIAS)))


def _step(*rates: tuple[Any, float]) -> Script:
    """Return a script of a step with each rate: as it is given, and what it is."""
    lines, total = [*_BUILT], 0.0
    for given, rate in rates:
        total += rate
        after = [(_KERNEL - 2.5 * total).tolist(), (_BIAS - 1.5 * total).tolist()]
        lines += [
            _outside(steps.Invoke("apply_gradients", (_GRADIENTS, given)), Succeeds()),
            _outside(steps.GetWeights(), Gives(after)),
            _outside(steps.GetWeights(), Typed("float32")),
        ]
    lines.append(_outside(steps.Call(INPUTS), Numbers()))
    return Script(clause="CONS-01", arguments=SIZES, lines=tuple(lines))


#: A number that float32 does not have, in float64.
_DOUBLE = Script(
    clause="CONS-01",
    arguments={"filters": 3, "kernel_size": 1, "dtype": "float64"},
    lines=(
        *then(steps.Build((None, None, None, 1))),
        *then(steps.SetWeights((np.zeros((1, 1, 3, 1)), np.zeros(3)))),
        _outside(
            steps.Invoke("apply_gradients", ([np.ones((1, 1, 3, 1)), np.ones(3)], 0.1)), Succeeds()
        ),
        _outside(steps.GetWeights(), Gives([[[[[-0.1]] * 3]], [-0.1] * 3])),
    ),
)
#: A weight without a gradient is left alone, projection included (CONS-06). No layer needs to take None for one.
_WITHOUT_ONE = tuple(
    Script(
        clause="CONS-06",
        arguments={**SIZES, "kernel_constraint": form, "bias_constraint": form},
        lines=(
            *_BUILT,
            _outside(steps.Call(INPUTS), Numbers()),
            _outside(steps.Invoke("apply_gradients", ([None, np.ones(3, "f")], 0.5)), IfTaken(None)),
            _outside(steps.GetWeights(), Gives([_KERNEL.tolist(), project(_BIAS - 0.5).tolist()])),
            _outside(steps.Call(INPUTS), Numbers()),
            _outside(steps.SetWeights((_KERNEL, _BIAS)), Succeeds()),
            _outside(steps.Invoke("apply_gradients", ([np.ones((2, 3, 3, 2), "f"), None], 0.5)), IfTaken(None)),
            _outside(steps.GetWeights(), Gives([project(_KERNEL - 0.5).tolist(), _BIAS.tolist()])),
        ),
    )
    for form, project in (
        ({"function": "negate"}, np.negative),
        ("non_neg", lambda weight: np.maximum(weight, 0)),
    )
)  # fmt: skip

SCRIPTS = (
    *(_step((literal(f"np.{dtype}(0.5)"), 0.5)) for dtype in ("float32", "float64")),
    _step((-0.5, -0.5), (1, 1.0), (1.5, 1.5), (literal("np.int64(2)"), 2.0)),
    _DOUBLE,
    *_WITHOUT_ONE,
)
