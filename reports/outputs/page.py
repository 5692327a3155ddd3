"""The page: a record's views put into the template, with style and script inlined."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
import shlex
import zlib
from datetime import datetime
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from reports.pictures import picture
from reports.records import statuses, strength
from reports.records.record import Mutants, Record
from reports.records.unseen import UNSEEN, shown
from reports.views import changes, coverage, drift, errata, findings, issue_text, matrix, numerics
from reports.views.conclusions import scopes, sentence, shipping
from reports.views.enumeration import how_many

#: Spelled out, so that nobody is misled, and a pattern that is copied is the one that was meant.
_UNSEEN: dict[int, str | None] = {
    **{code: shown(chr(code)) for code in UNSEEN},
    ord("\r"): None,
}
#: The smallest cases of so many causes are part of the page from the start; the script makes the others.
_CAUSES_LAID_OUT = 6
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def render(record: Record, before: Record | None = None) -> str:
    """Return the page of a record as HTML text that loads nothing from anywhere.

    The same records give the same text, byte for byte.

    Args:
        record: the run.
        before: the run before it, of which the page says what has changed since.
    """
    laid_out = matrix.build(record)
    found = findings.collect(record, laid_out)
    scoped = scopes.table(
        record.header.clauses,
        record.verdicts,
        [column.subject.name for column in laid_out.worst_first],
    )
    whole = scopes.whole(record)
    return document(
        "page.html.j2",
        record,
        record=record,
        news=changes.news(before, record),
        header=record.header,
        footer=record.footer,
        unfinished=record.unfinished,
        matrix=laid_out,
        verdict=sentence.verdict(
            laid_out,
            is_complete=record.footer.complete,
            clauses_in_all=record.header.clauses_in_all,
        ),
        scopes=scoped,
        scope_meanings=scopes.MEANINGS,
        shipping=shipping.answers(
            scoped,
            [(cause.subject, cause.clauses) for cause in found.causes],
            record.header.clauses,
            is_complete=record.footer.complete,
            whole=whole,
            examples=record.header.examples,
        ),
        whole_scopes=whole,
        errata=errata.collect(record, laid_out),
        found=found,
        causes_laid_out=_CAUSES_LAID_OUT,
        deviations=[row.clause for row in laid_out.rows if row.clause.deviation is not None],
        drift=drift.build(record),
        coverage=coverage.build(record.footer.coverage),
        coverage_levels=coverage.LEGEND,
        strength=strength.chapters(record.strength),
        mistakes_reached=strength.reached(
            record.strength,
            {v.clause for v in record.verdicts if not statuses.of(v).skipped},
        ),
        caught_by=strength.by_clause(record.strength),
        example_of=lambda clause: picture.of_example(clause.picture),
        numerics=numerics.build(record),
        issue_text=issue_text,
        command=shlex.join(record.header.command),
    )


def document(template: str, made_from: Record, **views: Any) -> str:
    """Return a template filled in, style and script inlined; `made_from` names the tool."""
    style, script = asset("page.css"), asset("page.js")
    text = (
        environment()
        .get_template(template)
        .render(
            generator=f"{made_from.header.tool_name} {made_from.header.tool_version}",
            style=Markup(style),
            script=Markup(script),
            policy=policy(style, script),
            **views,
        )
    )
    return text.translate(_UNSEEN)


@functools.cache
def environment() -> Environment:
    """Return the templates, with the filters that they use."""
    made = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    made.filters.update(
        prose=_prose,
        breakable=_breakable,
        unbroken=_unbroken,
        moment=_moment,
        duration=_duration,
        count=how_many,
        listed=_listed,
        packed=_packed,
        score=_score,
    )
    return made


def asset(name: str) -> str:
    """Return the text of a file beside the templates."""
    text = (resources.files("reports") / "templates" / name).read_text(encoding="utf-8")
    return text.replace("\r\n", "\n")


def policy(style: str, script: str) -> str:
    """Return a Content-Security-Policy that allows our own style and script and nothing else."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _prose(text: str | None) -> Markup:
    """Escape text; what stands between backticks becomes code, blank lines part paragraphs."""
    paragraphs = []
    for paragraph in re.split(r"\n\s*\n", (text or "").strip()):
        pieces = re.split(r"`([^`]+)`", paragraph)
        paragraphs.append(
            Markup().join(
                Markup("<code>{}</code>").format(piece) if place % 2 else escape(piece)
                for place, piece in enumerate(pieces)
            )
        )
    return Markup("<br><br>").join(paragraphs)


def _breakable(name: str) -> Markup:
    """Let a long name, such as a path, be broken after its signs and before its capitals."""
    pieces = re.split(r"(?<=[/@:_=-])(?=\w)|(?<=\.)(?=[A-Za-z])|(?<=[a-z])(?=[A-Z])", name)
    return Markup("<wbr>").join(escape(piece) for piece in pieces)


def _unbroken(text: str) -> Markup:
    """Keep the ids of clauses in one line."""
    pieces = re.split(r"\b([A-Z]+-\d+)\b", text)
    return Markup().join(
        Markup('<span class="whole">{}</span>').format(piece) if place % 2 else escape(piece)
        for place, piece in enumerate(pieces)
    )


def _moment(text: str, *, to_the_second: bool = False) -> str:
    """Write a time stamp for people; text that is none stays as it is.

    Beside other runs, which may be of the same minute, it is written to the second.
    """
    try:
        when = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return text
    zone = when.strftime("%z")
    shown = "UTC" if zone in ("+0000", "") else f"UTC{zone[:3]}:{zone[3:5]}"
    time = f"{when:%H:%M:%S}" if to_the_second else f"{when:%H:%M}"
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}, {time} {shown}"


def _duration(seconds: float | None) -> str:
    if seconds is None or not 0 <= seconds < 1e9:
        return "unknown time"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _score(mutants: Mutants) -> str:
    """Write the share of mutants that is killed, with its confidence interval."""
    low, high = (f"{100 * end:.0f}" for end in (mutants.low, mutants.high))
    told = f"{100 * mutants.score:.0f} % (95 % interval {low} to {high} %)"
    return told.replace(" %", "\N{NO-BREAK SPACE}%")


def _packed(text: str) -> str:
    """Compress what the script unpacks when it is looked at."""
    return base64.b64encode(zlib.compress(text.translate(_UNSEEN).encode(), 9)).decode()


def _listed(found: list[str]) -> str:
    return ", ".join(found)
