"""Whatever a case holds, the oracle computes it in a wider format."""

from __future__ import annotations

import attrs
import numpy as np

from conformance.cases import FAMILIES
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.named import literal
from conformance.oracle.expectation import Expectation, _widened


def test_a_dtype_given_as_a_type_is_known_to_the_oracle() -> None:
    inputs = np.ones((1, 1, 1, 1))
    outputs = []
    for dtype in ("float64", literal("np.float64")):
        arguments = {"filters": 1, "kernel_size": 1, "dtype": dtype}
        made = steps.Build((1, 1, 1, 1)), steps.SetWeights((inputs, np.ones(1)))
        case = Case("made up", arguments, (*made, steps.Call(inputs)))
        outputs.append(Expectation(case).observation.outcomes[2].value)
    assert np.array_equal(*outputs)


def test_every_listed_case_can_be_widened() -> None:
    listed = [case for family in FAMILIES.values() for case in family.listed(100)]
    narrow = [case.id for case in listed for array in _arrays(_widened(case)) if array in _NARROW]
    assert len(listed) > 1000
    assert narrow == []


#: Formats that are widened.
_NARROW = ("float16", "bfloat16", "float32")


def _arrays(case: Case) -> list[str]:
    """The formats of all arrays that the steps of a case hold."""
    values = [value for step in case.steps for value in attrs.asdict(step, recurse=False).values()]
    items = [item for v in values for item in (v if isinstance(v, tuple) else (v,))]
    return [item.dtype.name for item in items if isinstance(item, np.ndarray)]
