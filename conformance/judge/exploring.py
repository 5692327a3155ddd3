"""Exploring a family's cases on one subject, and shrinking what fails.

Running a case is what costs, so each case is run once and every check that applies looks at the
observation. A clause that failed is then shrunk on its own: Hypothesis draws the same cases again and
looks for the smallest one on which that clause still fails.

The cases of a family are in numbered blocks: first those of listed cases, then those of drawn ones, each of these
from a seed of its own. So any block can be made without the others, by any process, in any order.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings

from conformance.cases import Family
from conformance.checks import CHECKS, Checks, NotSupported, NotTried, Traits
from conformance.judge.evidence import Evidence
from conformance.judge.judging import Failure, HarnessError, Tally, judge, judge_case
from conformance.model.case import Case
from conformance.subjects import Subject, in_own_terms

try:
    from hypothesis.internal.conjecture import providers
except ImportError:  # an older release, which draws no such constants
    providers = None  # type: ignore[assignment]

#: Shrinking one clause's failure stops after so many new cases, or, of a very slow subject, seconds.
SHRINK_CASES = 400
SHRINK_SECONDS = 60.0
#: How many drawn cases a block has.
BLOCK = 250
#: So many drawn cases are remembered: the next subject, or the next run in this process, is asked the same ones.
KEPT = 6000
#: The blocks of those, the one that was asked for last at the end.
_drawn: OrderedDict[tuple[Family, int, int, int], tuple[Case, ...]] = OrderedDict()


def blocks(family: Family, examples: int) -> tuple[int, ...]:
    """Return the blocks of a family's cases in a run where an average family draws `examples`."""
    drawn = -(-family.drawn_count(examples) // BLOCK)
    return tuple(range(len(family.listed_blocks(examples)) + drawn))


def size_of_block(family: Family, examples: int, block: int) -> int:
    """Return how many cases a block has; Hypothesis may find fewer different ones."""
    listed = family.listed_blocks(examples)
    if block < len(listed):
        return len(listed[block])
    return min(BLOCK, family.drawn_count(examples) - BLOCK * (block - len(listed)))


def explore(
    evidence: Evidence,
    family: Family,
    subject: Subject,
    traits: Traits,
    *,
    examples: int,
    run_seed: int,
    progress: Callable[[int], None],
    block: int | None = None,
    checks: Checks = CHECKS,
) -> dict[tuple[str, bool], Tally]:
    """Run the family's cases, or those of one block, on the subject; return a tally for each (clause, is a claim).

    Cases to which none of the `checks` applies are not run; `progress` is told of them all the same. Whatever of
    the harness breaks is told by the tallies of the clauses that it was about; all others go on.
    """
    tallies: dict[tuple[str, bool], Tally] = {}
    concerned = checks.on(family.name)
    done = 0

    def run(case: Case) -> None:
        nonlocal done
        asked = in_own_terms(subject, case)
        if asked is not case:
            # What is about the default itself is asked as it is, and unsupported.
            others = [check for check in concerned if not check.applies(asked, traits)]
            judge_case(evidence, others, case, subject, traits, tallies)
        if judge_case(evidence, concerned, asked, subject, traits, tallies):
            evidence.note_explored(subject, asked)
        done += 1
        progress(done)

    try:
        for number in blocks(family, examples) if block is None else (block,):
            for case in _cases(family, examples, run_seed, number):
                run(case)
    except Exception as error:
        broken = HarnessError.of(error, f"drawing and running the cases of {family.name!r}")
        for check in concerned:
            tallies.setdefault((check.clause, check.claims), Tally()).add(Tally(broken=broken))
    return tallies


def drawn_cases(
    family: Family, *, examples: int, run_seed: int, most: int | None = None
) -> tuple[Case, ...]:
    """Return the cases that `explore` draws after the listed ones, in its order, of so many blocks at most."""
    drawn = blocks(family, examples)[len(family.listed_blocks(examples)) :][:most]
    return tuple(case for n in drawn for case in _cases(family, examples, run_seed, n))


def forget_drawn() -> None:
    """Have the next blocks drawn anew, whoever has drawn them before."""
    _drawn.clear()


def _cases(family: Family, examples: int, run_seed: int, block: int) -> tuple[Case, ...]:
    listed = family.listed_blocks(examples)
    if block < len(listed):
        return listed[block]
    key = family, size_of_block(family, examples, block), run_seed, block - len(listed)
    if key not in _drawn:
        cases: list[Case] = []
        _draw(family, cases.append, *key[1:], (Phase.generate,))
        _drawn[key] = tuple(cases)
        while sum(map(len, _drawn.values())) > KEPT and len(_drawn) > 1:
            _drawn.popitem(last=False)
    _drawn.move_to_end(key)
    return _drawn[key]


def shrink(
    evidence: Evidence,
    family: Family,
    subject: Subject,
    traits: Traits,
    found: Failure,
    clause: str,
    *,
    claims: bool = False,
    examples: int,
    run_seed: int,
    block: int = 0,
    known: Iterable[Case] = (),
    others: Sequence[Failure] = (),
    counts: Callable[[Failure], bool] = lambda _: True,
    checks: Checks = CHECKS,
) -> tuple[Failure, bool]:
    """Return the smallest failure of the clause in the family, and whether it was shrunk.

    A fixed case stays as it is where no drawn case fails. Where the clause fails on one of the `known`
    cases, which are small already, that one is taken: one cause then shows as one case. Where not every smaller
    case can be tried, as time or the subject's process gives out, it may be one of the `others`, which have failed
    before. `block` is the one whose cases are drawn again; of a listed case these are the first that are drawn.
    `counts` tells of a failure whether it is one of the clause's own.
    """
    concerned = [c for c in checks.of(clause, claims=claims) if family.name in c.families]
    smallest: Failure | None = None
    started = time.monotonic()
    fresh, is_cut = 0, False

    def run(case: Case) -> None:
        nonlocal smallest, fresh, is_cut
        case = in_own_terms(subject, case)
        applying = [check for check in concerned if check.applies(case, traits)]
        if not applying or evidence.is_known_to_hold(subject, case):
            return
        if not evidence.has_run(subject, case):
            if fresh >= SHRINK_CASES or time.monotonic() - started > SHRINK_SECONDS:
                is_cut = True
                return
            fresh += 1
        for check in applying:
            try:
                failure = judge(evidence, check, case, subject, traits)
            except NotSupported:
                continue
            except NotTried:
                is_cut = True
                continue
            if failure is not None and failure.status == found.status and counts(failure):
                smallest = failure
                raise _Found

    if not family.is_drawn:
        return found, False

    def fails(case: Case) -> bool:
        try:
            run(case)
        except _Found:
            return True
        return False

    if family.smallest is not None:
        case = family.smallest(found.case, fails)
        return (found, False) if smallest is None or case is found.case else (smallest, True)
    try:
        for case in known:
            if case.family == family.name:
                run(case)
        listed = len(family.listed_blocks(examples))
        block, phases = max(block, listed), (Phase.generate, Phase.shrink)
        count = size_of_block(family, examples, block)
        _draw(family, run, count, run_seed, block - listed, phases)
    except _Found:
        assert smallest is not None
        alike = (f for f in others if is_cut and f.status == found.status and f.case.elements)
        return min((smallest, *alike), key=lambda failure: failure.case.elements), True
    return found, False


class _Found(Exception):  # noqa: N818 - what Hypothesis is to look for
    """The clause fails on this case."""


def _draw(
    family: Family,
    run: Callable[[Case], None],
    count: int,
    run_seed: int,
    number: int,
    phases: tuple[Phase, ...],
) -> None:
    """Draw the cases of the drawn block of this number, counted from 0."""
    assert family.strategy is not None

    def test(case: Case) -> None:
        run(case)

    drawn: Any = given(case=family.strategy)(test)
    drawn = settings(
        max_examples=count,
        phases=phases,
        database=None,
        deadline=None,
        derandomize=False,
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )(drawn)
    # The same seed draws the same cases for every subject, so expectations are shared.
    name = f"{family.name}/{number + 1}" if number else family.name
    digest = hashlib.sha256(f"{run_seed}/{name}".encode()).digest()
    with _without_local_constants():
        seed(int.from_bytes(digest[:8], "big"))(drawn)()


#: Where Hypothesis finds constants of the program, and where it keeps those that a strategy may draw.
_FOUND = ("_get_local_constants", "CONSTANTS_CACHE")


@contextlib.contextmanager
def _without_local_constants() -> Iterator[None]:
    """Have the strategy and the seed alone decide what is drawn.

    Hypothesis also draws constants that it finds in the modules which happen to be loaded. These are others in
    another process, later in the same one, and where the package is installed rather than checked out.
    """
    if not all(hasattr(providers, name) for name in ("Constants", *_FOUND)):
        yield  # a release that does not do that
        return
    before = {name: getattr(providers, name) for name in _FOUND}
    nothing = getattr(providers, "Constants")()  # noqa: B009 - not exported
    cache = type(before["CONSTANTS_CACHE"])(1024)
    for name, instead in zip(_FOUND, (lambda: nothing, cache)):
        setattr(providers, name, instead)
    try:
        yield
    finally:
        for name, found in before.items():
            setattr(providers, name, found)
