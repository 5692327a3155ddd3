"""The families of cases, in the order in which a run makes them."""

from __future__ import annotations

import copyreg
import pickle
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

import attrs
from hypothesis import strategies as st

from conformance.cases import sizes
from conformance.cases.drawn import strategies as drawn
from conformance.cases.drawn.life_cycles import life_cycle_cases
from conformance.cases.listed import lives, numbers, objects, situations, special, training, wide
from conformance.cases.pairs import pairs
from conformance.cases.scripted.scripts import scripted_families
from conformance.cases.situations import drawn_in_situations
from conformance.model.case import Case

#: A run that draws so many examples for an average family tries every listed case: `core` does, `smoke` does not.
THOROUGH = 50
#: A block of listed cases ends before their arrays have more elements together.
BLOCK_ELEMENTS = 2_000_000


def _none() -> tuple[Case, ...]:
    return ()


#: Family and number of every listed case that there is in this process, by `id` of the object: they stay.
_places: dict[int, tuple[Family, int]] = {}


def is_listed(case: Case) -> bool:
    """Tell whether this very case is one that its family lists: any process with this code has it, too."""
    family, _ = _places.get(id(case), (None, 0))
    return family is not None and FAMILIES.get(family.name) is family


def _listed(family: str, number: int) -> Case:
    return FAMILIES[family].at(number)


def _pickled(case: Case) -> str | tuple[Any, ...]:
    """Send a listed case to another process by its number: together they have millions of numbers."""
    if not is_listed(case):
        return object.__reduce_ex__(case, pickle.HIGHEST_PROTOCOL)
    family, number = _places[id(case)]
    return _listed, (family.name, number)


copyreg.pickle(Case, _pickled)


def _in_blocks(cases: Iterable[Case]) -> tuple[tuple[Case, ...], ...]:
    blocks: list[list[Case]] = []
    room = 0
    for case in cases:
        room -= case.elements
        if not blocks or room < 0:
            blocks.append([])
            room = BLOCK_ELEMENTS - case.elements
        blocks[-1].append(case)
    return tuple(map(tuple, blocks))


@attrs.frozen(slots=False, eq=False)
class Family:
    """A way of making cases.

    Args:
        name: what cases carry as `family`.
        strategy: draws cases; None where all of them are fixed.
        make_fixed: makes the cases that every run begins with; called once, when they are asked for.
        share: examples drawn, relative to the profile's number.
        make_thorough: makes the cases that a run of `THOROUGH` examples or more tries after those.
        smallest: makes the smallest failing case of one that failed; None leaves that to Hypothesis.
    """

    name: str
    strategy: st.SearchStrategy[Case] | None = None
    make_fixed: Callable[[], Iterable[Case]] = _none
    share: float = 1.0
    make_thorough: Callable[[], Iterable[Case]] = _none
    smallest: Callable[[Case, Callable[[Case], bool]], Case] | None = None

    @cached_property
    def fixed(self) -> tuple[Case, ...]:
        """Cases that every run begins with."""
        return self._numbered(self.make_fixed(), 0)

    @cached_property
    def _thorough(self) -> tuple[Case, ...]:
        return self._numbered(self.make_thorough(), len(self.fixed))

    def _numbered(self, cases: Iterable[Case], first: int) -> tuple[Case, ...]:
        found = tuple(cases)
        _places.update((id(case), (self, first + n)) for n, case in enumerate(found))
        return found

    def at(self, number: int) -> Case:
        """Return the listed case of this number."""
        first = len(self.fixed)
        return self.fixed[number] if number < first else self._thorough[number - first]

    def named(self, name: str) -> Case:
        """Return the listed case of this id.

        Raises:
            KeyError: none has it.
        """
        return self._fixed_by_id.get(name) or self._by_id[name]

    @cached_property
    def _fixed_by_id(self) -> Mapping[str, Case]:
        return {case.id: case for case in self.fixed}

    @cached_property
    def _by_id(self) -> Mapping[str, Case]:
        return {case.id: case for case in self._thorough}

    def listed(self, examples: int) -> tuple[Case, ...]:
        """Return the cases, none of them drawn, of a run where an average family draws `examples`."""
        return self.fixed + self._thorough if examples >= THOROUGH else self.fixed

    def listed_blocks(self, examples: int) -> tuple[tuple[Case, ...], ...]:
        """Return the same in blocks: what is found of one is a message, and is in memory at once."""
        return self._blocks if examples >= THOROUGH else self._fixed_blocks

    @cached_property
    def _fixed_blocks(self) -> tuple[tuple[Case, ...], ...]:
        return _in_blocks(self.fixed)

    @cached_property
    def _blocks(self) -> tuple[tuple[Case, ...], ...]:
        return _in_blocks(self.listed(THOROUGH))

    @property
    def is_drawn(self) -> bool:
        """Whether cases are drawn, too."""
        return self.strategy is not None

    def drawn_count(self, examples: int) -> int:
        """Return how many cases are drawn where a family of average share draws `examples`."""
        return max(1, round(examples * self.share)) if self.is_drawn else 0


def _situated(
    name: str,
    strategy: st.SearchStrategy[Case],
    make_fixed: Callable[[], Iterable[Case]] = _none,
    share: float = 1.0,
) -> Family:
    """Return a family whose cases are in situations, too: drawn ones, and fixed ones in every situation."""

    def fixed() -> Iterable[Case]:
        return (*make_fixed(), *situations.fixed(name))

    return Family(name, drawn_in_situations(name, strategy), fixed, share)


def _families() -> tuple[Family, ...]:
    tables = {**numbers.TABLES, **special.TABLES, **training.TABLES, **objects.TABLES}
    return (
        _situated("geometry", drawn.geometry_cases(), numbers.geometries, 1.5),
        _situated(
            "numbers",
            drawn.number_cases(),
            lambda: (*numbers.formats(), *numbers.unlike(), *special.wrapping()),
        ),
        Family(sizes.FAMILY, sizes.size_cases(), sizes.few, 0.3, sizes.many, sizes.smallest),
        Family("repeats", drawn.repeat_cases(), numbers.repeats, 0.4),
        Family("unknown sizes", drawn.unknown_size_cases(), numbers.unknown_sizes, 0.4),
        Family("specials", drawn.special_cases(), special.specials, 0.6),
        Family("degenerate", drawn.degenerate_cases(), share=0.4),
        _situated(
            "activations",
            drawn.activation_cases(),
            lambda: (*numbers.softmax(), *special.activations(), *wide.activations()),
            0.6,
        ),
        _situated("losses", drawn.loss_cases(), wide.losses, 0.5),
        _situated(
            "constraints",
            drawn.constraint_cases(),
            lambda: (
                *wide.constraints(),
                *wide.single_constraints(),
                *wide.half_constraints(),
            ),
            0.6,
        ),
        _situated("gradients", drawn.gradient_cases(), numbers.gradients),
        _situated(
            "activation gradients",
            drawn.activation_gradient_cases(),
            lambda: (*special.activation_gradients(), *wide.activation_gradients()),
            0.3,
        ),
        Family("loss gradients", drawn.loss_gradient_cases(), wide.loss_gradients, 0.2),
        Family("handed over", None, lambda: situations.fixed("handed over")),
        Family("life cycles", life_cycle_cases(), lives.lives, 0.4),
        Family("round trips", drawn.round_trip_cases(), objects.round_trips, 0.3),
        Family("pairs", None, pairs),
        *(Family(name, None, make) for name, make in tables.items()),
        *(Family(name, None, make) for name, make in scripted_families().items()),
    )


#: Every family by its name.
FAMILIES: Mapping[str, Family] = {family.name: family for family in _families()}
