"""Scenes: cases whose every step carries what must come of it.

Clauses about names, methods and attributes are short stories with a known end. A scene is data: the
constructor's arguments, the steps, and for each step what is wanted in eager and in graph mode, in the
releases where that differs. Subjects off TensorFlow are asked for what eager mode gives, unless `off` says
otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import attrs
import numpy as np

from conformance.model import case as steps
from conformance.model.case import Case
from conformance.model.codec import Value


@attrs.frozen
class Raises:
    """One of these exceptions (`A|B`), its message holding the fragment where TensorFlow is asked."""

    error: str
    fragment: str = ""
    moment: str = ""


@attrs.frozen
class Gives:
    """This very value; NumPy numbers count as Python's."""

    value: Value


@attrs.frozen
class Holds:
    """A list or dict with these members among others; `absent` ones are not among them."""

    members: tuple[Value, ...]
    absent: tuple[Value, ...] = ()


@attrs.frozen
class Like:
    """A string that matches the regular expression."""

    pattern: str


@attrs.frozen
class Succeeds:
    """Any value: the point is that nothing is raised."""


@attrs.frozen
class SameAs:
    """The value of an earlier step, to the bit."""

    step: int


@attrs.frozen
class Follows:
    """The name after that of an earlier step: `foo` and `foo_1`, `foo_1` and `foo_2`."""

    step: int


@attrs.frozen
class Numbers:
    """What the oracle computes for the step, exactly: the data are small integers."""


@attrs.frozen
class Arrays:
    """A list of arrays of these shapes."""

    shapes: tuple[tuple[int, ...], ...]


@attrs.frozen
class Typed:
    """An array of this dtype, or a list of such arrays."""

    dtype: str


@attrs.frozen
class Filled:
    """A list of arrays, each holding one number throughout: these."""

    numbers: tuple[float, ...]


Wanted: TypeAlias = (
    Raises | Gives | Holds | Like | Succeeds | SameAs | Follows | Numbers | Arrays | Typed | Filled
)


@attrs.frozen(kw_only=True)
class Line:
    """A step, and what must come of it; None where it only prepares the next."""

    step: steps.Step
    eager: Wanted | None = None
    graph: Wanted | None = None
    off: Wanted | None = None
    old: tuple[Wanted | None, Wanted | None] | None = None
    new: tuple[Wanted | None, Wanted | None] | None = None

    def wanted(self, *, tensorflow: bool, graph: bool, release: tuple[int, int]) -> Wanted | None:
        """Return what is wanted of a subject in a mode of a release."""
        if not tensorflow and self.off is not None:
            return self.off
        pair = (self.eager, self.graph)
        if self.old is not None and release < (2, 10):
            pair = self.old
        if self.new is not None and release >= (2, 16):
            pair = self.new
        return pair[1 if graph else 0]


@attrs.frozen(kw_only=True)
class Scene:
    """A case with what is wanted of its steps.

    Args:
        clause: the clause it proves.
        lines: steps and their ends.
        arguments: the constructor's.
        constructor: what must come of the constructor, None where it must just work.
        where: `everywhere`, `tensorflow`, `eager` or `graph` (TensorFlow in that mode), `eager or off`
            (TensorFlow in eager mode and every other subject), `before 2.10` (TensorFlow's releases).
    """

    clause: str
    lines: tuple[Line, ...]
    arguments: Mapping[str, Value]
    constructor: Raises | None = None
    where: str = "everywhere"

    def case(self) -> Case:
        """Return the case; its family is the clause's own, so that a clause can be run alone."""
        family = f"scenes {self.clause}"
        return Case(family, self.arguments, tuple(line.step for line in self.lines))

    def concerns(self, *, tensorflow: bool, graph: bool, release: tuple[int, int]) -> bool:
        """Tell whether the scene speaks to a subject."""
        if self.where == "everywhere":
            return True
        if self.where == "eager or off":
            return not graph
        if self.where == "before 2.10":
            return tensorflow and release < (2, 10)
        return tensorflow and self.where in ("tensorflow", "graph" if graph else "eager")


def both(step: steps.Step, wanted: Wanted, **more: Any) -> Line:
    """Return a line that wants the same in both modes."""
    return Line(step=step, eager=wanted, graph=wanted, **more)


def either(step: steps.Step, eager: Wanted, graph: Wanted, **more: Any) -> Line:
    """Return a line that wants one thing in eager mode and another in graph mode."""
    return Line(step=step, eager=eager, graph=graph, **more)


def then(*listed: steps.Step) -> tuple[Line, ...]:
    """Return lines that only prepare."""
    return tuple(Line(step=step) for step in listed)


#: What most scenes begin with: filters 3, kernel 2x3, a kernel that counts up.
LAYER: Mapping[str, Value] = {
    "filters": 3,
    "kernel_size": [2, 3],
    "kernel_initializer": {"function": "count up"},
}
SHAPE = (1, 4, 5, 2)
INPUTS = (np.arange(40) % 7 - 3).reshape(SHAPE).astype(np.float32)
