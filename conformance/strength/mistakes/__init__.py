"""Known mistakes: wrong layers that the suite must reject, each a small change of a right one.

Every mistake is a class that can be put to the test by its id:
``conformance run --subject conformance.strength.mistakes:M02_height``. `MISTAKES` is the catalogue, in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.strength.mistakes.layer import (
    alike,
    answers,
    arguments,
    crossings,
    initial_values,
    interface,
    manners,
    mutants,
    rare,
    sentences,
    training,
)
from conformance.strength.mistakes.mistake import Mistake
from conformance.strength.mistakes.results import (
    corners,
    crossed,
    divided,
    entering,
    geometry,
    numbers,
    passed_back,
    sizes,
    special,
)
from conformance.strength.mistakes.surroundings import (
    again,
    apart,
    company,
    handed,
    history,
    late,
    memory,
    passed,
    sharing,
)

__all__ = ["CHAPTERS", "MISTAKES", "Mistake"]

CHAPTERS: Mapping[str, tuple[Mistake, ...]] = {
    "geometry": geometry.MISTAKES,
    "numbers": numbers.MISTAKES,
    "sizes": (*sizes.MISTAKES, *divided.MISTAKES),
    "two things at once": (*crossed.MISTAKES, *corners.MISTAKES, *again.SUMS),
    "special numbers": special.MISTAKES,
    "training": training.MISTAKES,
    "initial values": initial_values.MISTAKES,
    "arguments": arguments.MISTAKES,
    "interface": interface.MISTAKES,
    "memory": memory.MISTAKES,
    "sharing": sharing.MISTAKES,
    "what is handed over": (*handed.MISTAKES, *again.HANDED),
    "history": (*history.MISTAKES, *again.KEPT),
    "batches and threads": company.MISTAKES,
    "what is passed in": (*passed.MISTAKES, *entering.MISTAKES),
    "single sentences": (*sentences.MISTAKES, *answers.MISTAKES),
    "rare uses": (*rare.MISTAKES, *manners.MISTAKES, *again.ANSWERS),
    "two that are alike": alike.MISTAKES,
    "one of several": (*apart.MISTAKES, *again.COPIES),
    "read late or known wrongly": late.MISTAKES,
    "what mutants showed": mutants.MISTAKES,
    "where two plain things meet": (*crossings.MISTAKES, *passed_back.MISTAKES),
}
MISTAKES: Mapping[str, Mistake] = {
    mistake.id: mistake for chapter in CHAPTERS.values() for mistake in chapter
}
for _mistake in MISTAKES.values():  # where `pickle` finds the class again
    _mistake.layer.__module__, _mistake.layer.__qualname__ = __name__, _mistake.id


def __getattr__(name: str) -> Any:
    """Return the class of a mistake by its id, so that it can be named as a subject."""
    try:
        return MISTAKES[name].layer
    except KeyError:
        raise AttributeError(f"no mistake is called {name!r}") from None
