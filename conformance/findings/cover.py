"""Several mistakes at once: known mistakes that together do what a subject does wrong, and break nothing right.

The usual state of a real runtime. A greedy cover of the wrong cases by known mistakes: each of them is right
wherever the subject is right, does on some wrong cases just what the subject does, alone or together with others
of the cover, and explains a case that no other of the cover does. Where two of them meet in one case, their
composition must explain it.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from conformance.judge.causes import layer_of
from conformance.model.case import Case

if TYPE_CHECKING:
    from conformance.strength.mistakes import Mistake

#: So many mistakes a cover has at most, and so many that explain the same cases say nothing.
MOST, TOO_MANY = 3, 3
#: So many wrong cases running that no known mistake explains: no further case is asked about. Fewer, where one has
#: been found: where it meets another one, neither explains the case alone.
HOPELESS, HOPELESS_ALONE = 4, 2
#: So many cases on either side tell in what the cases differ that are left.
SEEN = 3
#: So many cases tell which of the mistakes that explain the first one explain most.
FEW = 8
#: So often all suspects are asked in vain, then the close ones alone.
IN_VAIN = 1
#: Every so many wrong cases one may be left that nothing explains: then the cover only looks like the cause.
LEFT = 10
#: What all wrong cases have at most this share of the right ones may have, and so unlikely it must be by chance.
FEW_RIGHT, CHANCE = 0.2, 0.01
#: Arguments that choose what is computed.
_APART = ("activation", "dtype")
#: The one feature of a case without an ordinary layer.
NO_LAYER = "no ordinary layer"
#: The doors of a wrong layer through which mistakes can follow one another.
_DOORS = ("changed_arguments", "changed_inputs", "changed_outputs")


class EffortIsSpentError(Exception):
    """A diagnosis has run as many cases, or used as much time, as it may."""


#: Whether a layer, by its name, does what the subject does with a case.
Explains: TypeAlias = Callable[[str, type, Case], bool]
#: Mistakes that one layer makes one after the other, the layer's name, and the layer.
_Way: TypeAlias = tuple[tuple["Mistake", ...], str, type]


@attrs.frozen(eq=False)
class Cover:
    """Known mistakes that together explain wrong cases.

    Args:
        mistakes: the mistakes.
        cases: for each of them the ids of the cases that it explains, alone or with others.
        is_whole: whether no wrong case is left.
        explains: tells of a layer and a case what it told when the cover was found.
        apart: what tells the cases that are left from the others, in words; None where few are left.
        also: mistakes that explain other wrong cases.
        alike: for each of the mistakes others that explain the same of the cases, as far as is seen.
    """

    mistakes: tuple[Mistake, ...]
    cases: tuple[frozenset[str], ...]
    is_whole: bool
    explains: Explains
    apart: str | None = None
    also: tuple[Mistake, ...] = ()
    alike: tuple[tuple[Mistake, ...], ...] = ()

    @property
    def least(self) -> int:
        """How many cases the mistake explains that explains fewest."""
        return min(map(len, self.cases))

    def explaining(self, cases: Iterable[Case]) -> list[Mistake]:
        """Return the mistakes that these cases need, [] where too many of the cases are explained by none."""
        needs = [_explanations(self.mistakes, case, self.explains) for case in cases]
        if self.apart is None and sum(not need for need in needs) * LEFT > len(needs):
            return []
        named: set[str] = set()
        # What has but one explanation comes first.
        for need in sorted(filter(None, needs), key=len):
            if not any({m.id for m in some} <= named for some in need):
                named.update(m.id for m in need[0])
        return [mistake for mistake in self.mistakes if mistake.id in named]


def covering(
    wrong: Sequence[Case],
    suspects: Sequence[Sequence[Mistake]],
    explains: Explains,
    is_harmless: Callable[[Mistake], bool],
    *,
    beside: Callable[[], Sequence[Case]] = tuple,
    known: Sequence[Mistake] = (),
) -> Cover | None:
    """Return a cover of the wrong cases, None where there is none.

    Args:
        wrong: cases on which the subject gives something else than the right layer, simple ones first.
        suspects: known mistakes in groups: those that are close to what is wrong, then those that are not.
        explains: whether a layer, by its name, does what the subject does with a case.
        is_harmless: whether a mistake is right wherever the subject is.
        beside: returns other wrong cases, in which a mistake may be seen that does not show alone in `wrong`.
        known: what the subject has been found to do wrong.

    Raises:
        EffortIsSpentError: from `explains` or `is_harmless`, before any mistake has been found.
    """
    search = _Search(suspects, explains, functools.cache(is_harmless), beside)
    left = search.alone(wrong)
    own = list(search.chosen)
    try:
        if left:
            room = max(0, MOST - 1 - len(own))
            search.chosen += [mistake for mistake in known if mistake not in own][:room]
            left = search.together(search.unexplained(left))
        if left:
            # What never shows alone in these cases may do so in others.
            search.alone(search.unexplained(beside()))
            left = search.together(search.unexplained(left))
    except EffortIsSpentError:
        if not own:
            raise
        search.chosen = list(own)
    if left is None or not search.chosen:
        return None
    explained = [case for case in wrong if case not in left]
    apart = None
    if len(left) * LEFT > len(wrong):
        apart = _apart(left, explained)
        if apart is None:
            return None
    found = [search.explanations(case) for case in explained]
    needed = [
        mistake
        for mistake in search.chosen
        if any(need and all(mistake in some for some in need) for need in found)
    ]
    if not needed or not set(own) <= set(needed):
        return None
    cases = tuple(
        frozenset(
            c.id for c, need in zip(explained, found) if any(mistake in some for some in need)
        )
        for mistake in needed
    )
    search.chosen = list(needed)
    is_whole = not left and search.is_all(beside(), known)
    also = tuple(mistake for mistake in search.chosen if mistake not in needed)
    alike = tuple(tuple(search.alike.get(mistake.id, ())) for mistake in needed)
    return Cover(tuple(needed), cases, is_whole, explains, apart, also, alike)


@attrs.define(eq=False)
class _Search:
    """The search for a cover.

    Args:
        suspects, explains, is_harmless, beside: as for `covering`.
        chosen: the mistakes that explain some cases.
        alike: by the id of a chosen mistake others that explain the same.
    """

    suspects: Sequence[Sequence[Mistake]]
    explains: Explains
    is_harmless: Callable[[Mistake], bool]
    beside: Callable[[], Sequence[Case]]
    chosen: list[Mistake] = attrs.Factory(list)
    alike: dict[str, list[Mistake]] = attrs.Factory(dict)
    _in_vain: int = 0

    def explanations(self, case: Case) -> list[tuple[Mistake, ...]]:
        """Return what of the chosen mistakes explains a case."""
        return _explanations(self.chosen, case, self.explains)

    def unexplained(self, cases: Sequence[Case]) -> list[Case]:
        """Return the cases that the chosen mistakes do not explain."""
        return [case for case in cases if not self.explanations(case)]

    def is_all(self, cases: Sequence[Case], known: Sequence[Mistake]) -> bool:
        """Tell whether the chosen mistakes and those that are found now explain some more cases."""
        try:
            left = self.unexplained(cases)
            if left:
                room = max(0, MOST - 1 - len(self.chosen))
                self.chosen += [mistake for mistake in known if mistake not in self.chosen][:room]
                self.alone(self.unexplained(left))
                left = self.together(self.unexplained(left)) or self.unexplained(left)
        except EffortIsSpentError:
            return False
        return not left

    def alone(self, cases: Sequence[Case]) -> list[Case] | None:
        """Choose mistakes that explain cases alone.

        Returns:
            The cases that are left; None where too many mistakes explain the same.
        """
        return self._choose(cases, lambda mistake: [((mistake,), mistake.id, mistake.layer)])

    def together(self, cases: Sequence[Case]) -> list[Case] | None:
        """Choose mistakes that explain cases before or after those that are chosen; return as `alone` does."""
        if not self.chosen:
            return list(cases)

        def ways(mistake: Mistake) -> list[_Way]:
            orders = _orders([*self.chosen, mistake])
            return [way for way in orders if mistake in way[0]]

        return self._choose(cases, ways)

    def _choose(
        self, cases: Sequence[Case], ways: Callable[[Mistake], list[_Way]]
    ) -> list[Case] | None:
        left, unexplained, running = list(cases), list[Case](), 0
        while left and len(self.chosen) < MOST:
            if running == (HOPELESS_ALONE if self.chosen else HOPELESS):
                break
            try:
                found = self._explaining(left, ways)
            except EffortIsSpentError:
                if not self.chosen:
                    raise
                # What has been found stays true; of what is left nothing more is known.
                break
            if not found:
                unexplained.append(left.pop(0))
                running += 1
                continue
            reach = {m.id: frozenset(c.id for c in left if self._does(ways(m), c)) for m in found}
            most = max(map(len, reach.values()))
            best, *alike = self._broadest([m for m in found if len(reach[m.id]) == most])
            if sum(reach[m.id] == reach[best.id] for m in found) > TOO_MANY:
                return None
            self.chosen.append(best)
            self.alike[best.id] = [m for m in alike if reach[m.id] == reach[best.id]]
            left, running = [c for c in left if c.id not in reach[best.id]], 0
        # Where two that were chosen meet, neither explains the case alone.
        return self.unexplained([*unexplained, *left])

    def _explaining(
        self, cases: Sequence[Case], ways: Callable[[Mistake], list[_Way]]
    ) -> list[Mistake]:
        """Return the harmless mistakes that explain the first case and, of them, most of the next ones."""
        first, *others = cases[:FEW]
        found: list[Mistake] = []
        for place, suspects in enumerate(self.suspects):
            if place and not found:
                if self.chosen or self._in_vain == IN_VAIN:
                    break
                self._in_vain += 1
            asked = (mistake for mistake in suspects if mistake not in self.chosen)
            found += [mistake for mistake in asked if self._does(ways(mistake), first)]
        explained: dict[int, list[Mistake]] = {}
        for mistake in found:
            count = sum(self._does(ways(mistake), case) for case in others)
            explained.setdefault(count, []).append(mistake)
        # To ask whether a mistake is harmless takes many cases.
        for count in sorted(explained, reverse=True):
            harmless = [mistake for mistake in explained[count] if self.is_harmless(mistake)]
            if harmless:
                return harmless
        return []

    def _broadest(self, alike: Sequence[Mistake]) -> Sequence[Mistake]:
        """Return which of the mistakes explain most of the other wrong cases: they may be behind those, too."""
        if len(alike) == 1:
            return alike
        others = self.beside()
        try:
            reach = [sum(self.explains(m.id, m.layer, case) for case in others) for m in alike]
        except EffortIsSpentError:
            return alike
        return [mistake for mistake, count in zip(alike, reach) if count == max(reach)]

    def _does(self, ways: Iterable[_Way], case: Case) -> bool:
        return any(self.explains(name, layer, case) for _, name, layer in ways)


def _apart(left: Sequence[Case], explained: Sequence[Case]) -> str | None:
    """Return what all cases that are left have, and no explained one: a feature or two; None where nothing.

    Or the activation or the dtype that all explained cases have, and no other: each is computed by itself.
    """
    if len(explained) < SEEN:
        return None
    found = next(_only(left, explained), None) if len(left) >= SEEN else None
    if found is not None:
        return f"with {' with '.join(map(in_words, found))}"
    own = (way[0].split() for way in _only(explained, left) if len(way) == 1)
    return next(
        (f"with another {kind[0]} than {kind[1]}" for kind in own if kind[0] in _APART), None
    )


def _only(some: Sequence[Case], others: Sequence[Case]) -> Iterator[tuple[str, ...]]:
    """Yield features, alone and in pairs, that all of some cases have and none of the others."""
    shared = sorted(frozenset.intersection(*map(features, some)))
    absent = [features(case) for case in others]
    for way in itertools.chain(*(itertools.combinations(shared, n) for n in (1, 2))):
        if not any({*way} <= other for other in absent):
            yield way


def only_with(
    wrong: Sequence[Case], right: Sequence[Case], *, but: Collection[str] = ()
) -> tuple[tuple[str, ...], int] | None:
    """Return a feature or two that all wrong cases have and few right ones, and how many; None where it is chance.

    Chance is that cases which were drawn from the right ones would all have such features. Those of `but` say
    nothing.
    """
    if len(wrong) < SEEN or not right:
        return None
    shared = sorted(frozenset.intersection(*map(features, wrong)) - {NO_LAYER, *but})
    found = [features(case) for case in right]
    ways = [*itertools.combinations(shared, 1), *itertools.combinations(shared, 2)]
    count = {way: sum({*way} <= other for other in found) for way in ways}
    best = min(ways, key=lambda way: (count[way], len(way)), default=None)
    if best is None:
        return None
    # One more, as the right cases are a sample.
    share = (count[best] + 1) / (len(right) + 2)
    is_chance = share > FEW_RIGHT or len(ways) * share ** len(wrong) > CHANCE
    return None if is_chance else (best, count[best])


#: Features that a reader would say otherwise.
_WORDS = {
    "bias": "a bias",
    "same": "'same'",
    "no channels": "no input channels",
    "empty": "an empty input",
    "unequal axes": "height and width that differ",
}


def in_words(feature: str) -> str:
    """Return one of `features` as a reader would say it."""
    padding, _, kind = feature.partition(" ")
    kinds = {
        "short": "a kernel shorter than the stride",
        "strided": "a stride above 1",
        "output_padding": "output padding",
    }
    return (
        f"{padding!r} and {kinds.get(kind, kind)}"
        if padding in ("valid", "same") and kind
        else _WORDS.get(feature, feature)
    )


def features(case: Case) -> frozenset[str]:
    """Return in what the case's layer departs from the plainest one."""
    layer = layer_of(case)
    return frozenset([NO_LAYER]) if layer is None else layer.features


def _explanations(
    mistakes: Sequence[Mistake], case: Case, explains: Explains
) -> list[tuple[Mistake, ...]]:
    """Return the mistakes that explain a case, each alone; where none does, some that do together."""
    alone: list[tuple[Mistake, ...]] = [(m,) for m in mistakes if explains(m.id, m.layer, case)]
    return alone or [
        order for order, name, layer in _orders(mistakes) if explains(name, layer, case)
    ]


def _orders(mistakes: Sequence[Mistake]) -> Iterator[_Way]:
    """Yield some of the mistakes one after the other, in each order: with a name and the layer that makes them."""
    for count in range(2, len(mistakes) + 1):
        for order in itertools.permutations(mistakes, count):
            # Where the order of two does not matter, one order is enough.
            if any(
                mistakes.index(a) > mistakes.index(b) and not _own(a.layer) & _own(b.layer)
                for a, b in itertools.pairwise(order)
            ):
                continue
            layer = composed(order)
            if layer is not None:
                yield order, " then ".join(m.id for m in order), layer


@functools.lru_cache(maxsize=4096)
def composed(mistakes: tuple[Mistake, ...]) -> type | None:
    """Return a layer that makes the mistakes one after the other; None where two change the same method."""
    from conformance.strength.mistakes.mistake import Right

    layers = [mistake.layer for mistake in mistakes]
    methods = [_own(layer) - {*_DOORS} for layer in layers]
    if sum(map(len, methods)) > len(set().union(*methods)):
        return None

    def through(door: str) -> Callable[..., Any]:
        def changed(layer: Any, *given: Any) -> Any:
            *others, value = given
            for one in layers:
                value = getattr(one, door)(layer, *others, value)
            return value

        return changed

    bases = [layer for layer, own in zip(layers, methods) if own]
    return type("Composed", (*bases, Right), {door: through(door) for door in _DOORS})


@functools.cache
def _own(layer: type) -> frozenset[str]:
    """Return what a wrong layer has of its own, the bookkeeping of a class apart."""
    from conformance.strength.mistakes.mistake import Right

    bases = itertools.takewhile(lambda base: base is not Right, layer.__mro__)
    return frozenset(
        name for base in bases for name, value in vars(base).items() if _is_own(name, value)
    )


def _is_own(name: str, value: Any) -> bool:
    return not name.startswith("__") or (callable(value) and not isinstance(value, type))
