"""The families of cases, in the order in which a run makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

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


def _none() -> tuple[Case, ...]:
    return ()


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
        return tuple(self.make_fixed())

    @cached_property
    def _thorough(self) -> tuple[Case, ...]:
        return tuple(self.make_thorough())

    def listed(self, examples: int) -> tuple[Case, ...]:
        """Return the cases, none of them drawn, of a run where an average family draws `examples`."""
        return self.fixed + self._thorough if examples >= THOROUGH else self.fixed

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
