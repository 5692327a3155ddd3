"""A script: a case whose every step carries what is expected of it.

Clauses about names, methods, attributes and forms of arguments are short stories with a known end. A script
is data: the constructor's arguments, the steps, and what is expected of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import attrs
import numpy as np

from conformance.cases.scripted.expected import Expected, Raises, Wanted
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.traits import Traits
from conformance.model.values.codec import Value

NOTHING: Expected[Any] = Expected()


@attrs.frozen
class Line:
    """A step, and what is expected of it; nothing where it only prepares the next."""

    step: steps.Step
    expected: Expected[Wanted] = NOTHING


#: To which subjects a script applies.
_WHERE: Mapping[str, Callable[[Traits], bool]] = {
    "everywhere": lambda _: True,
    "tensorflow": lambda traits: traits.tensorflow,
    "eager": lambda traits: traits.tensorflow and not traits.graph,
    "graph": lambda traits: traits.tensorflow and traits.graph,
    "not graph": lambda traits: not traits.graph,
    "without a tape": lambda traits: not traits.tensorflow and not traits.tape,
    "of the page": lambda traits: traits.of_the_page,
}


@attrs.frozen(kw_only=True, slots=False)
class Script:
    """A case with what is expected of its constructor and of its steps.

    Args:
        clause: the clause it proves.
        lines: steps and their ends.
        arguments: the constructor's.
        constructor: how the constructor must fail; where nothing is expected it must just work.
        where: `everywhere`, `tensorflow`, `eager` or `graph` (TensorFlow in that mode), `not graph`
            (TensorFlow in eager mode and every other subject), `of the page` (TensorFlow of its release),
            `without a tape` (outside TensorFlow, where gradients are no call's).
    """

    clause: str
    lines: tuple[Line, ...]
    arguments: Mapping[str, Value]
    constructor: Expected[Raises] = NOTHING
    where: str = attrs.field(default="everywhere", validator=attrs.validators.in_(_WHERE))

    @cached_property
    def case(self) -> Case:
        """The case; its family is the clause's own, so that a clause can be run alone."""
        family = family_of(self.clause)
        return Case(family, self.arguments, tuple(line.step for line in self.lines))

    def concerns(self, traits: Traits) -> bool:
        """Tell whether the script applies to a subject, and expects anything of it."""
        expected: list[Expected[Any]] = [self.constructor]
        expected += [line.expected for line in self.lines]
        return _WHERE[self.where](traits) and any(one.by(traits) is not None for one in expected)


def family_of(clause: str) -> str:
    """Return the name of the family of a clause's scripts."""
    return f"scripted {clause}"


def both(step: steps.Step, wanted: Wanted, **more: Any) -> Line:
    """Return a line that expects the same in both modes."""
    return Line(step, Expected(wanted, wanted, **more))


def either(step: steps.Step, eager: Wanted | None, graph: Wanted | None, **more: Any) -> Line:
    """Return a line that expects one thing in eager mode and another in graph mode."""
    return Line(step, Expected(eager, graph, **more))


def then(*listed: steps.Step) -> tuple[Line, ...]:
    """Return lines that only prepare."""
    return tuple(map(Line, listed))


#: Filters 3, kernel 2x3: of scripts that set the weights, which a layer can be asked that takes no initializer.
SIZES: Mapping[str, Value] = {"filters": 3, "kernel_size": [2, 3]}
#: What most scripts begin with: its kernel counts up.
LAYER: Mapping[str, Value] = {**SIZES, "kernel_initializer": {"function": "count up"}}
SHAPE = (1, 4, 5, 2)
INPUTS = (np.arange(40) % 7 - 3).reshape(SHAPE).astype(np.float32)
