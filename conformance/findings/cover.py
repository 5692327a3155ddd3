"""Several mistakes at once: known mistakes that together do what a subject does wrong, and break nothing right.

The usual state of a real runtime. A greedy cover of the wrong cases by known mistakes: each of them does on some
wrong cases just what the subject does, is right wherever the subject is right, and explains a case that
no other of the cover does. Where two of them meet in one case, their composition must explain it.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from conformance.model.case import Case

if TYPE_CHECKING:
    from conformance.strength.mistakes import Mistake

#: So many mistakes a cover has at most, and so many that explain the same cases say nothing.
MOST, TOO_MANY = 3, 3
#: So many wrong cases, the first of all, that no known mistake explains alone: no cover is looked for any more.
HOPELESS = 6
#: Every so many wrong cases one may be left that nothing explains: then the cover only looks like the cause.
LEFT = 10
#: The doors of a wrong layer through which mistakes can follow one another.
_DOORS = ("changed_arguments", "changed_inputs", "changed_outputs")


#: Whether a layer, by its name, does what the subject does with a case.
Explains: TypeAlias = Callable[[str, type, Case], bool]


@attrs.frozen(eq=False)
class Cover:
    """Known mistakes that together explain wrong cases.

    Args:
        mistakes: the mistakes.
        cases: for each of them the ids of the cases that it explains alone.
        is_whole: whether no wrong case is left.
        explains: tells of a layer and a case what it told when the cover was found.
    """

    mistakes: tuple[Mistake, ...]
    cases: tuple[frozenset[str], ...]
    is_whole: bool
    explains: Explains

    @property
    def least(self) -> int:
        """How many cases the mistake explains that explains fewest."""
        return min(map(len, self.cases))

    def explaining(self, cases: Iterable[Case]) -> list[Mistake]:
        """Return the mistakes that these cases need, [] where one of the cases is explained by none."""
        needs = [self._explaining(case) for case in cases]
        named: set[str] = set()
        for need in sorted(needs, key=len):  # what has but one explanation comes first
            if not need:
                return []
            if not any(set(ids) <= named for ids in need):
                named.update(need[0])
        return [mistake for mistake in self.mistakes if mistake.id in named]

    def _explaining(self, case: Case) -> list[tuple[str, ...]]:
        """Return the mistakes that explain a case, each alone; where none does, some that do together."""
        alone: list[tuple[str, ...]] = [
            (m.id,) for m in self.mistakes if self.explains(m.id, m.layer, case)
        ]
        return alone or [
            tuple(m.id for m in order)
            for order, name, layer in _orders(self.mistakes)
            if self.explains(name, layer, case)
        ]


def covering(
    wrong: Sequence[Case],
    suspects: Sequence[Mistake],
    explains: Explains,
    is_harmless: Callable[[Mistake], bool],
) -> Cover | None:
    """Return a cover of the wrong cases, None where there is none.

    Args:
        wrong: cases on which the subject gives something else than the right layer, simple ones first.
        suspects: known mistakes, those to be preferred first.
        explains: whether a layer, by its name, does what the subject does with a case.
        is_harmless: whether a mistake is right wherever the subject is.
    """
    left = list(wrong)
    is_harmless = functools.cache(is_harmless)
    chosen: list[Mistake] = []
    unexplained: list[Case] = []
    while left:
        case, *others = left
        found = [m for m in suspects if explains(m.id, m.layer, case) and is_harmless(m)]
        if not found:
            unexplained.append(case)
            left = others
            if 2 * len(unexplained) > len(wrong) or (not chosen and len(unexplained) == HOPELESS):
                return None
            continue
        reach = {m.id: frozenset(c.id for c in left if explains(m.id, m.layer, c)) for m in found}
        best = max(found, key=lambda m: len(reach[m.id]))
        twins = [m for m in found if reach[m.id] == reach[best.id]]
        if len(chosen) == MOST or len(twins) > TOO_MANY:
            return None
        chosen.append(best)
        left = [c for c in others if c.id not in reach[best.id]]
    cases = [frozenset(c.id for c in wrong if explains(m.id, m.layer, c)) for m in chosen]
    for number, own in enumerate(cases):
        if not own.difference(*cases[:number], *cases[number + 1 :]):
            return None
    orders = [*_orders(chosen)]
    missing = [c for c in unexplained if not any(explains(n, layer, c) for _, n, layer in orders)]
    if not chosen or len(missing) * LEFT > len(wrong):
        return None
    return Cover(tuple(chosen), tuple(cases), not missing, explains)


def _orders(mistakes: Sequence[Mistake]) -> Iterator[tuple[Sequence[Mistake], str, type]]:
    """Yield some of the mistakes one after the other, in each order: with a name and the layer that makes them."""
    for count in range(2, len(mistakes) + 1):
        for order in itertools.permutations(mistakes, count):
            layer = composed(order)
            if layer is not None:
                yield order, " then ".join(m.id for m in order), layer


def composed(mistakes: Sequence[Mistake]) -> type | None:
    """Return a layer that makes the mistakes one after the other; None where one of them is of another kind."""
    from conformance.strength.mistakes.mistake import Right

    layers = [mistake.layer for mistake in mistakes]
    if not all(own <= {*_DOORS} for own in map(_own, layers)):
        return None

    def through(door: str) -> Callable[..., Any]:
        def changed(layer: Any, *given: Any) -> Any:
            *others, value = given
            for one in layers:
                value = getattr(one, door)(layer, *others, value)
            return value

        return changed

    return type("Composed", (Right,), {door: through(door) for door in _DOORS})


def _own(layer: type) -> set[str]:
    """Return what a wrong layer has of its own, the right one's bookkeeping apart."""
    from conformance.strength.mistakes.mistake import Right

    bases = itertools.takewhile(lambda base: base is not Right, layer.__mro__)
    return {name for base in bases for name in vars(base) if not name.startswith("__")}
