"""The form of an answer: what kind of thing it is, and made of what, whatever its numbers.

Checks look into answers: the second weight, the third axis. Where there is none, the answer is wrong, not
the check; `unlike_the_oracle` tells the two apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.model.values.codec import is_told, type_name
from conformance.oracle.comparison import Mismatch
from conformance.subjects.backend import observe
from conformance.subjects.loading import backend_factory


def form(value: Any) -> str:
    """Describe a value without its numbers: ``a list of (an array with 4 axes)``."""
    if isinstance(value, np.ndarray):
        numbers = "" if value.dtype.kind in "biufcV" else f" of {value.dtype.name}"
        return f"an array with {value.ndim} {'axis' if value.ndim == 1 else 'axes'}{numbers}"
    if isinstance(value, (list, tuple)):
        return f"a list of ({', '.join(map(form, value))})"
    if isinstance(value, Mapping) and not is_told(value):
        return f"a mapping of ({', '.join(f'{key}: {form(value[key])}' for key in sorted(value))})"
    return "None" if value is None else f"a value of type {type_name(value)}"


def unlike_the_oracle(
    case: Case, observation: Observation, steps: Iterable[int | None]
) -> Mismatch | None:
    """Return the first of `steps` whose answer has another form than the oracle's, as a mismatch."""
    right = observe(case, backend_factory("reference")())
    for step in sorted(index for index in steps if index is not None):
        if step >= min(len(right.outcomes), len(observation.outcomes)):
            continue
        expected, got = right.outcomes[step], observation.outcomes[step]
        if any(o.error is not None or o.unsupported is not None for o in (expected, got)):
            continue
        wanted, given = form(expected.value), form(got.value)
        if wanted != given:
            message = f"the answer should be {wanted}, and is {given}"
            return Mismatch(message, expected.value, got.value, step)
    return None
