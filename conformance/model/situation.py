"""A situation: what surrounds the steps of a case and must not matter.

It stands beside the case: the steps, and what they must give, are the same with and without it. Some situations a
backend carries out (`conformance.subjects.situations`): how arrays lie in memory, what the caller does with them,
how a call is made. The others are steps of their own among the case's, done `aside`: nothing is asked of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs


@attrs.frozen
class Kind:
    """A kind of situation.

    Args:
        clause: the clause that says that it must not matter.
        words: what is the case then, after "where".
    """

    clause: str
    words: str


_LIFE, _AGAIN, _BATCH = "LIFE-01", "VAL-02", "DTYPE-06"
MEMORY, SHARING, THREADS = "SIT-01", "SIT-02", "SIT-03"

#: Every kind by its name.
KINDS: Mapping[str, Kind] = {
    # how arrays lie in memory
    "fortran ordered": Kind(MEMORY, "arrays are Fortran-ordered"),
    "transposed": Kind(MEMORY, "arrays are transposed views, the last axis the outermost in memory"),
    "sliced": Kind(MEMORY, "arrays are every second element of larger ones"),
    "flipped": Kind(MEMORY, "arrays are reversed views: all strides are negative"),
    "repeated": Kind(MEMORY, "arrays are views that repeat elements by strides of zero"),
    "unaligned": Kind(MEMORY, "arrays begin at odd addresses"),
    "read only": Kind(MEMORY, "arrays are read-only"),
    "memory mapped": Kind(MEMORY, "arrays are memory maps of files"),
    "byte swapped": Kind(MEMORY, "arrays have the other byte order"),
    # what the caller does with arrays
    "arguments overwritten": Kind(SHARING, "the caller overwrites its arrays after each step"),
    "arguments refilled": Kind(SHARING, "the caller fills the same arrays anew for each step"),
    "results overwritten": Kind(SHARING, "the caller overwrites each result after reading it"),
    "results kept": Kind(SHARING, "the caller reads each result only after the last step"),
    "results given back": Kind(SHARING, "the caller fills arrays that the layer gave, and passes them back"),
    # how a call is made
    "in parts": Kind(_BATCH, "a batch is called in two parts"),
    "in a larger batch": Kind(_BATCH, "a batch is called as the end of a larger one"),
    "repeatedly": Kind(_AGAIN, "each call is made 130 times, and a result that differs from the first one counts"),
    "inside another call": Kind(THREADS, "a second thread is in the middle of the same call with other arrays"),
    "around another call": Kind(THREADS, "a second thread makes the same call, with other arrays, in its middle"),
    "in another thread": Kind(THREADS, "a second thread makes every call, and the first one sets the weights"),
    # what came before: steps done aside
    "called before": Kind(_AGAIN, "the same steps were done twice before, and a call before gradients"),
    "other calls around": Kind(_AGAIN, "the same steps were done with other arrays, before and afterwards"),
    "other sizes before": Kind(_AGAIN, "smaller and larger images and batches came before"),
    "other weights before": Kind(_LIFE, "the layer was used with other weights before"),
    "one weight changed": Kind(_LIFE, "the layer was used with weights that differ in one element before"),
    "other bias before": Kind(_LIFE, "the layer was used with the same kernel and another bias before"),
    "weights assigned": Kind(_LIFE, "the weights were assigned to `kernel` and `bias` after other ones were used"),
    "trained before": Kind(_LIFE, "the layer was called, and trained for a step"),
    "another layer": Kind(_LIFE, "another layer of the same shapes was used in between"),
    "another kind of layer": Kind(_LIFE, "another layer, whose shapes alone are the same, was used in between"),
    "another dtype": Kind(_LIFE, "another layer of the same shapes and another dtype was used in between"),
}  # fmt: skip
#: Those with a second thread: each call is made hundreds of times, which takes a second.
OF_THREADS = tuple(name for name, kind in KINDS.items() if kind.clause == THREADS)


def _steps(indices: Any) -> tuple[int, ...]:
    if not isinstance(indices, (list, tuple)) or not all(
        type(index) is int and index >= 0 for index in indices
    ):
        raise ValueError("a situation's `aside` is a list of indices of steps")
    return tuple(indices)


@attrs.frozen
class Situation:
    """The kind of situation that a case is in, and the steps of the case that belong to it alone."""

    name: str = attrs.field(validator=attrs.validators.in_(KINDS))
    aside: tuple[int, ...] = attrs.field(default=(), converter=_steps)

    @property
    def kind(self) -> Kind:
        """What it is, and the clause that is about it."""
        return KINDS[self.name]

    def to_json(self) -> dict[str, Any]:
        """Return the situation as plain JSON."""
        return {"name": self.name, "aside": list(self.aside)}

    @staticmethod
    def from_json(data: Any) -> Situation:
        """Undo `to_json`; raise ValueError where `data` is no situation that this release knows."""
        if not isinstance(data, Mapping):
            raise ValueError("a situation is an object with `name` and `aside`")
        if data.get("name") not in KINDS:
            raise ValueError(f"unknown situation {str(data.get('name'))[:80]!r}")
        return Situation(data["name"], data.get("aside", ()))
