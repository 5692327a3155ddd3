"""Shards: parts of the cases of one run, each explored on whatever machine, and put together again.

A shard's record holds what its pieces have shown and no verdict. Those of all shards together are as good as
having explored every piece: the run that is made of them judges as any other does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import attrs

from conformance.run.parallel.pieces import Piece, of_shard
from conformance.run.record import differences, read_back
from reports.records.record import Header, Record, Shard

#: The most parts that can be meant.
MOST = 100_000
_FORM = re.compile(r"([0-9]{1,6})/([0-9]{1,6})", re.ASCII)


def parse(text: str) -> Shard:
    """Return the shard that ``--shard`` names, such as ``2/3``; raise ValueError where it is none."""
    found = _FORM.fullmatch(text)
    number, of = map(int, found.groups()) if found else (0, 0)
    if not 1 <= number <= of <= MOST:
        raise ValueError(f"--shard {text}: must be I/N, with I from 1 to N and N at most {MOST:,}")
    return Shard(number, of)


def without(words: Sequence[str], options: Sequence[str]) -> tuple[str, ...]:
    """Return the words of a command without some of its options; only ``--resume`` has no value."""
    kept: list[str] = []
    left = iter(words)
    for word in left:
        name, is_joined, _ = word.partition("=")
        if name not in options:
            kept.append(word)
        elif name != "--resume" and not is_joined:
            next(left, None)
    return tuple(kept)


def check_all(records: Sequence[Record]) -> None:
    """Check that these are the shards of one run, all of them, each once.

    Raises:
        ValueError: they are not; the message names the first record that does not fit.
    """
    known: dict[int, Record] = {}
    first = records[0]
    for one in records:
        shard = one.header.shard
        if shard is None:
            raise ValueError(f"{one.path} is no shard: only records of --shard can be merged")
        for what in differences(_whole(one.header), _whole(first.header)):
            raise ValueError(f"{one.path} and {first.path} are shards of different runs: {what}")
        if first.header.shard is None or shard.of != first.header.shard.of:
            raise ValueError(
                f"{one.path} is shard {shard}, and {first.path} is shard {first.header.shard}: "
                "shards of one run have the same N"
            )
        if shard.number in known:
            before = known[shard.number].path
            raise ValueError(
                f"{one.path} and {before} are both shard {shard}: leave out one of them"
            )
        known[shard.number] = one
    assert first.header.shard is not None
    of = first.header.shard.of
    missing = [f"{number}/{of}" for number in range(1, of + 1) if number not in known]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise ValueError(f"shards are missing: {', '.join(missing[:5])}{more}")


def check_shard(record: Record, header: Header, listed: Iterable[Piece]) -> None:
    """Check a shard's record.

    Args:
        record: the shard's.
        header: of the run that all shards are put together in.
        listed: the pieces of that run.

    Raises:
        ValueError: it is no shard of the run, or has not explored what it was to.
    """
    shard, examples = record.header.shard, record.header.examples
    assert shard is not None
    assert examples is not None
    for what in differences(_whole(read_back(header)), _whole(record.header)):
        raise ValueError(f"{record.path} was begun with {what} than are here")
    explored = Counter(Piece(e.subject, e.mode, e.family, e.block) for e in record.explored)
    own = Counter(of_shard(listed, examples, shard))
    if own - explored:
        told = f"{(own - explored).total()} of its {own.total()} blocks of cases are missing"
        raise ValueError(
            f"{record.path}: shard {shard} is unfinished: {told}; --resume continues it"
        )
    if explored != own:
        raise ValueError(f"{record.path}: shard {shard} has blocks of cases that are not its own")


def _whole(header: Header) -> Header:
    return attrs.evolve(header, shard=None)
