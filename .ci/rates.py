"""How many cases a processor's second judges, by subject and chapter, and where the time goes.

    python .ci/rates.py reference fast tensorflow --examples 100

Processor seconds of this process and of the subject's count, so that what else the machine does hardly matters.
Where they go is sampled: every hundredth second, which part of the code this process is in. With --seeds each
block is drawn and judged with other seeds, too, and a line says how much memory this process has then.
"""

from __future__ import annotations

import collections
import signal
import time
import types
import warnings
from collections.abc import Iterator
from functools import partial

import click
import psutil
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from conformance.cases import FAMILIES
from conformance.checks import CHECKS
from conformance.judge.evidence import forget_expected
from conformance.judge.exploring import blocks, forget_drawn
from conformance.run.parallel.pieces import Asked, Piece, Worker, explored
from conformance.run.participants.participant import Participant, participants

#: Parts of the work, by what a frame of the stack has in its name; the first that is found counts.
PARTS = {
    "drawing": ("exploring.py:_cases",),
    "oracle": ("/oracle/expectation", "/reference_impl/"),
    "asking the subject": ("/conformance/subjects/",),
    "comparing": ("/conformance/checks/", "/conformance/oracle/"),
}
REST = "the rest"
EVERY_CLAUSE = frozenset(check.clause for check in CHECKS)


class Sampler:
    """Counts at which part of the work the process is, while it has a processor."""

    def __init__(self) -> None:
        self.seen: collections.Counter[str] = collections.Counter()

    def __enter__(self) -> Sampler:
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, 0.01, 0.01)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0.0)

    def _look(self, _: int, frame: types.FrameType | None) -> None:
        names = []
        while frame is not None:
            names.append(f"{frame.f_code.co_filename}:{frame.f_code.co_name}")
            frame = frame.f_back
        stack = " ".join(names)
        parts = (part for part, marks in PARTS.items() if any(mark in stack for mark in marks))
        self.seen[next(parts, REST)] += 1


def _seconds(process: psutil.Process) -> float:
    """Return the processor seconds of a process and its children, those that have ended among them."""
    return sum(sum(one.cpu_times()[:4]) for one in (process, *process.children(recursive=True)))


def _chapter(family: str) -> str:
    """Return the chapter that most clauses of a family's checks are of."""
    found = collections.Counter(check.clause.partition("-")[0] for check in CHECKS.on(family))
    return found.most_common(1)[0][0]


def measure(participant: Participant, examples: int, seed: int) -> Iterator[tuple[str, int, float]]:
    """Judge every block of every family; yield the chapter of each, its cases and its processor seconds."""
    worker, own = Worker.of(participant), psutil.Process()
    for family in FAMILIES.values():
        if not CHECKS.on(family.name):
            continue
        before, done = _seconds(own), dict[int, int]()
        for block in blocks(family, examples):
            explored(
                Piece(*participant.key, family.name, block),
                worker,
                Asked(EVERY_CLAUSE, examples, seed),
                progress=partial(done.__setitem__, block),
            )
        yield _chapter(family.name), sum(done.values()), _seconds(own) - before


@click.command()
@click.argument("subjects", nargs=-1, required=True)
@click.option("--examples", default=100, show_default=True, help="Drawn for each family.")
@click.option("--seeds", default=1, show_default=True, help="How many.")
def main(subjects: tuple[str, ...], examples: int, seeds: int) -> None:
    """Print tables in Markdown."""
    warnings.simplefilter("ignore")
    console = Console(width=120)
    for participant in participants(subjects, (), 60.0):
        with Sampler() as sampler:
            started = time.monotonic()
            found = _judged(participant, examples, seeds, console)
            seconds = time.monotonic() - started
        participant.subject.close()
        _show(participant, found, console)
        shares = ", ".join(
            f"{part} {100 * count / sampler.seen.total():.0f} %"
            for part, count in sampler.seen.most_common()
        )
        console.print(f"here: {shares}; {seconds:.0f} s by the clock")


def _judged(
    participant: Participant, examples: int, seeds: int, console: Console
) -> dict[str, tuple[int, float]]:
    cases, seconds = collections.Counter[str](), collections.defaultdict[str, float](float)
    for seed in range(seeds):
        forget_drawn()
        forget_expected()
        for chapter, count, used in measure(participant, examples, seed):
            cases[chapter] += count
            seconds[chapter] += used
        memory = psutil.Process().memory_info().rss / 2**20
        console.print(
            f"seed {seed}: {cases.total():,} cases, {memory:.0f} MiB here", highlight=False
        )
    return {chapter: (cases[chapter], seconds[chapter]) for chapter in cases}


def _show(participant: Participant, found: dict[str, tuple[int, float]], console: Console) -> None:
    table = Table("chapter", "cases", "cases per second", title=str(participant), box=MARKDOWN)
    total = tuple(sum(column) for column in zip(*found.values(), strict=True))
    for chapter, (cases, seconds) in (*found.items(), ("all", total)):
        table.add_row(chapter, f"{cases:,}", f"{cases / seconds:.0f}" if seconds else "-")
    console.print(table)


if __name__ == "__main__":
    main()
