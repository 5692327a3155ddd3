"""Scripts about the numbers of a training step, outside TensorFlow: there an optimizer takes them.

A contract of this suite's own (docs/testing-your-layer.md): `apply_gradients(gradients, learning_rate)`.
"""

from __future__ import annotations

import numpy as np

from conformance.cases.scripted.expected import Expected, Gives, Succeeds, Typed, Wanted
from conformance.cases.scripted.script import LAYER, Line, Script, then
from conformance.model import steps
from conformance.model.named import literal

_KERNEL = np.arange(-18, 18, dtype="f").reshape(2, 3, 3, 2)
_BIAS = np.array([-4, 0, 4], "f")
_GRADIENTS = literal("[np.full((2, 3, 3, 2), 2, 'float32'), np.ones(3, 'float32')]")
_AFTER = Gives([(_KERNEL - 1).tolist(), (_BIAS - 0.5).tolist()])


def _outside(step: steps.Step, wanted: Wanted) -> Line:
    return Line(step, Expected(outside=wanted))


SCRIPTS = tuple(
    Script(
        clause="CONS-01",
        arguments=LAYER,
        lines=(
            *then(steps.Build((None, None, None, 2)), steps.SetWeights((_KERNEL, _BIAS))),
            _outside(steps.Invoke("apply_gradients", (_GRADIENTS, literal(rate))), Succeeds()),
            _outside(steps.GetWeights(), _AFTER),
            _outside(steps.GetWeights(), Typed("float32")),
        ),
    )
    for rate in ("np.float32(0.5)", "np.float64(0.5)")
)
