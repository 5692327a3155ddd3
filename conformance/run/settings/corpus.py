"""Recorded cases from other projects: a clause for each file, judged within the tolerance of its source.

Here, and only here, that tolerance counts: |got - expected| <= atol + rtol*|expected|.
"""

from __future__ import annotations

import functools
from pathlib import Path

import attrs
import numpy as np

from conformance.checks import Misbehaved, NotSupported, NotTried, Traits, View
from conformance.judge.judging import Failure, Tally
from conformance.model.clauses import Clause
from conformance.model.observation import Observation
from conformance.model.values.codec import Array, Value, encode
from conformance.oracle.comparison import Mismatch, compare_each, compare_numbers, describe
from conformance.oracle.expectation import Expectation
from conformance.run.settings.recorded import Recorded, read_recorded
from reports.views.enumeration import how_many


class CorpusError(Exception):
    """A folder of recorded cases cannot be used; the message is one line for the user."""


@attrs.frozen(eq=False)
class Corpus:
    """One file of recorded cases: a clause of its own."""

    clause: Clause
    cases: tuple[Recorded, ...]


def load_corpora(folder: Path) -> tuple[Corpus, ...]:
    """Read every ``*.jsonl`` of a folder.

    Raises:
        CorpusError: no folder, no such file in it, or a line that is no case; names file and line.
    """
    if not folder.is_dir():
        raise CorpusError(f"--corpus {str(folder)!r}: no such folder")
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise CorpusError(f"--corpus {str(folder)!r}: holds no .jsonl file")
    return tuple(_load(path) for path in files)


def _load(path: Path) -> Corpus:
    cases: dict[str, Recorded] = {}
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path}: cannot be read: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            recorded = read_recorded(line)
            if recorded.name in cases:
                raise ValueError(f"a second case with the `id` {recorded.name!r:.100}")
        except ValueError as error:
            raise CorpusError(f"{path}:{number}: not a recorded case: {error}") from error
        cases[recorded.name] = recorded
    name = path.stem.upper().replace("_", "-")
    clause = Clause(
        id=f"CORPUS-{name}",
        chapter="corpus",
        scope="numbers",
        title=f"{how_many(len(cases), 'recorded case')} of {path.stem}",
        norm="Every recorded case gives the expected numbers, within the tolerance its source states.",
        agreement=("silent",),
    )
    return Corpus(clause, tuple(cases.values()))


def judge_recorded(recorded: Recorded, observation: Observation, tally: Tally) -> None:
    """Add one recorded case's result to the tally."""
    view = View(recorded.case, observation, Expectation(recorded.case), Traits())
    try:
        mismatch = _mismatch(recorded, view)
    except NotSupported as reason:
        tally.note_left({}, [str(reason)])
        return
    except NotTried as reason:
        tally.not_tried = str(reason)
        return
    except Misbehaved as reason:
        mismatch = Mismatch(f"{recorded.name}: {reason}", step=reason.step)
        tally.failures.append(Failure(recorded.case, "error", mismatch))
        return
    if mismatch is None:
        tally.held += 1
    else:
        message = f"{recorded.name} ({recorded.source}): {mismatch.message}"
        failure = Failure(recorded.case, "fail", attrs.evolve(mismatch, message=message))
        tally.failures.append(failure)


def _mismatch(recorded: Recorded, view: View) -> Mismatch | None:
    for index, wanted in recorded.expected:
        got = view.value(index)
        if isinstance(wanted, tuple):
            shape = getattr(got, "shape", None)
            if shape != wanted:
                return Mismatch(f"expected shape {wanted}, got {shape}", list(wanted), got, index)
        elif isinstance(wanted, list) and not any(isinstance(item, np.ndarray) for item in wanted):
            if encode(got) != wanted:
                return Mismatch(f"expected shape {wanted}, got {describe(got)}", wanted, got, index)
        else:
            if isinstance(wanted, list) and isinstance(got, list):
                # A layer without a bias may give None for its gradient, or leave it out.
                got = got[: len(wanted)]
            near = functools.partial(_near, recorded, index)
            mismatch = compare_each(got, wanted, index, near)
            if mismatch is not None:
                return mismatch
    return None


def _near(recorded: Recorded, index: int, got: Value, wanted: Array) -> Mismatch | None:
    allowed = recorded.atol + recorded.rtol * np.abs(wanted)
    return compare_numbers(got, wanted, allowed, step=index)
