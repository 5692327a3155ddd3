"""What a check is: a function that judges one clause on one case, and the cases it is run on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import attrs

from conformance.checks.view import View
from conformance.model.case import Case
from conformance.model.traits import Traits
from conformance.oracle.comparison import Mismatch

Judge: TypeAlias = Callable[[View], "Mismatch | None"]
Applies: TypeAlias = Callable[[Case, Traits], bool]


def always(_: Case, __: Traits) -> bool:
    """Hold for every case and subject."""
    return True


@attrs.frozen
class Check:
    """A judge, the clause it proves, and the cases it applies to.

    Args:
        clause: the clause's id.
        judge: returns None where the clause holds, else a mismatch.
        families: names of the families whose cases it is run on; at least one.
        applies: whether it says anything about a case; a clause is only judged by cases to which one of
            its checks applies.
        claims: whether the judge asserts the page's own sentence rather than the norm.
    """

    clause: str
    judge: Judge
    families: tuple[str, ...]
    applies: Applies
    claims: bool

    def __attrs_post_init__(self) -> None:
        if not self.families:
            raise TypeError(f"a check of {self.clause} names no family of cases")

    @property
    def name(self) -> str:
        """The judge's name."""
        return self.judge.__name__


def check(clause: str, *families: str, when: Applies = always) -> Callable[[Judge], Check]:
    """Make a check of the clause's norm, for the cases of `families` to which `when` applies."""
    return lambda judge: Check(clause, judge, families, when, claims=False)


def claim(clause: str, *families: str, when: Applies = always) -> Callable[[Judge], Check]:
    """Make a check of the page's sentence, where the sentence contradicts TensorFlow."""
    return lambda judge: Check(clause, judge, families, when, claims=True)
