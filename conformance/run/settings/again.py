"""What an earlier run has found wrong, to be judged again before anything else is tried."""

from __future__ import annotations

from pathlib import Path

import attrs

import reports
from conformance.run.settings.options import Options
from reports.records import statuses
from reports.records.record import FILE_NAME, Record, Subject

#: The folder, in that of a run, into which what is judged again goes: the run's own record stays.
FOLDER = "again"


class NothingFailed(Exception):  # noqa: N818 - an answer, no error
    """The earlier run has found nothing wrong."""


def again(options: Options, path: Path | None) -> Options:
    """Return the options of a run of the clauses that failed, gave up or broke in an earlier one.

    Args:
        options: as given; without a subject those of the record that have failures are meant.
        path: the record; None is that in the folder of the options.

    Raises:
        ValueError: there is no record, or an option chooses the clauses, too.
        RecordError: it cannot be read.
        NothingFailed: nothing failed in it.
    """
    chosen = {
        "--clause": options.clauses,
        "--scope": options.scopes,
        "--resume": options.resume,
        "--shard": options.shard,
    }
    for flag, value in chosen.items():
        if value:
            raise ValueError(f"--rerun-failed chooses the clauses itself: leave out {flag}")
    path = path or options.out / FILE_NAME
    if not path.exists():
        raise ValueError(
            f"--rerun-failed: there is no record {str(path)!r} of an earlier run; run once without it"
        )
    earlier = reports.load(path)
    asked = _asked(options, earlier)
    red = [v for v in earlier.verdicts if v.subject in asked and v.status in statuses.BAD]
    if not red:
        raise NothingFailed(f"nothing to run again: no clause failed in {path}")
    names, given = {verdict.subject for verdict in red}, options
    if not (options.subjects or options.subject_commands):
        entries = [one for one in earlier.header.subjects if one.name in names]
        given = attrs.evolve(
            options,
            subjects=tuple(dict.fromkeys(_word(one) for one in entries if not one.command)),
            subject_commands=tuple(dict.fromkeys(one.spec for one in entries if one.command)),
        )
    return attrs.evolve(
        given,
        clauses=tuple(dict.fromkeys(verdict.clause for verdict in red)),
        out=options.out / FOLDER,
        findings=tuple(f for f in earlier.findings if f.subject in names),
    )


def _asked(options: Options, earlier: Record) -> set[str]:
    """Return the names of the record's subjects that are to be judged."""
    given = {str(one) for one in (*options.subjects, *options.subject_commands)}
    known = earlier.header.subjects
    return {s.name for s in known if not given or given & {s.spec, s.name, _word(s)}}


def _word(subject: Subject) -> str:
    """Return what ``--subject`` was given."""
    return subject.spec if subject.spec.endswith(subject.name) else f"{subject.name}={subject.spec}"
