"""A layer whose dtype is given as a type of NumPy has an expectation like any other."""

from __future__ import annotations

import numpy as np

from conformance.model import steps
from conformance.model.case import Case
from conformance.model.named import literal
from conformance.oracle.expectation import Expectation


def test_a_dtype_given_as_a_type_is_known_to_the_oracle() -> None:
    inputs = np.ones((1, 1, 1, 1))
    outputs = []
    for dtype in ("float64", literal("np.float64")):
        arguments = {"filters": 1, "kernel_size": 1, "dtype": dtype}
        made = steps.Build((1, 1, 1, 1)), steps.SetWeights((inputs, np.ones(1)))
        case = Case("made up", arguments, (*made, steps.Call(inputs)))
        outputs.append(Expectation(case).observation.outcomes[2].value)
    assert np.array_equal(*outputs)
