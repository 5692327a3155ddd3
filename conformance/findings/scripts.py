"""The script that a finding carries: paste it into Python, with nothing but the subject installed."""

from __future__ import annotations

import json
import shlex
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from conformance.findings.dialects import words_of
from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.model.values.codec import Value
from conformance.oracle.comparison import Mismatch, describe
from conformance.subjects.loading import LAYER
from reports.records.values import WANTED

#: Arrays of at most so many elements are printed in comments.
PRINTED = 24


def script_for(
    spec: str,
    mode: str,
    case: Case,
    mismatch: Mismatch,
    *,
    is_command: bool,
    observation: Observation | None = None,
    driven_as: Any = LAYER,
) -> str:
    """Return source text that shows the finding.

    The script ends with the step that the finding is about; of those before it, it has those that change
    something, and where the process ended there, all of them.

    Args:
        spec: the subject as the user wrote it.
        mode: `eager` or `graph`.
        case: the smallest case.
        mismatch: what is wrong.
        is_command: whether `spec` is a program that speaks the process protocol.
        observation: what the subject did with the case: tells which steps raise on the way, and whether the
            process ended.
        driven_as: what the subject's process says of it (`conformance.subjects.loading.driven_as`).
    """
    if is_command:
        request = json.dumps({"kind": "case", "id": case.id, "case": case.to_json()})
        return f"echo {shlex.quote(request)} | {spec}\n"
    observation = observation or Observation()
    words = words_of(spec, mode, driven_as)
    aside = () if case.situation is None else case.situation.aside
    if case.situation is not None and words.takes_arrays:
        words.situation = case.situation.name
    lines = [*words.head(), *words.around(), *words.construct(case)]
    shown = last = mismatch.step
    if words.reads_late and last is not None:
        last = len(case.steps) - 1
    for index, step in enumerate(case.steps[: 0 if last is None else last + 1]):
        if index == shown:
            lines += words.lines(step, show=True)
        elif observation.crash is not None:
            lines += _going_on(words.lines(step, show=True))
        elif not step.changes_state and (
            words.overwrites(step) or words.refills(step, case.steps[last or 0])
        ):
            # The subject may have done the step in a way of its own.
            lines += _going_on(words.lines(step, show=False))
        elif step.changes_state or index in aside:
            written = words.lines(step, show=False)
            lines += _going_on(written) if _raises(observation, index) else written
    lines += words.at_the_end()
    return "\n".join([*lines, *_results(mismatch, observation.crash)]) + "\n"


def _raises(observation: Observation, index: int) -> bool:
    """Tell whether the step raises: it did, or the subject lacks it."""
    if index >= len(observation.outcomes):
        return False
    outcome = observation.outcomes[index]
    return outcome.error is not None or outcome.unsupported is not None


def _going_on(lines: Sequence[str]) -> list[str]:
    """Return lines after which the script goes on, whatever they raise."""
    if not lines:
        return []
    indented = textwrap.indent("\n".join(lines), "    ").split("\n")
    return ["try:", *indented, "except Exception as error:", "    print(repr(error))"]


def _results(mismatch: Mismatch, crash: str | None) -> Iterator[str]:
    """Yield comments that tell what should come and what comes."""
    got = mismatch.got
    if crash is not None:
        yield f"# crashes or hangs: {_on_one_line(crash)}"
        return
    is_error = _is_error(got)
    if mismatch.message.startswith(WANTED):
        yield f"# {_on_one_line(mismatch.message)[:400].rstrip()}"
        return
    if _is_told_by_one_element(mismatch):
        index = mismatch.index or ()
        place = ", ".join(map(str, index))
        yield f"# expected: {mismatch.expected[index]} at [{place}]"
        yield f"# got:      {got[index]}"
        return
    if mismatch.expected is not None or not is_error:
        yield f"# expected: {_comment(mismatch.expected)}"
    if is_error:
        yield _on_one_line(f"# raises {got['types'][0]}: {got['message']}")[:400].rstrip()
    else:
        yield f"# got:      {_comment(got)}"


def _is_told_by_one_element(mismatch: Mismatch) -> bool:
    """Tell whether two arrays are too large to be printed, and differ where it is known."""
    expected, got = mismatch.expected, mismatch.got
    if not (isinstance(expected, np.ndarray) and isinstance(got, np.ndarray)):
        return False
    return bool(mismatch.index) and expected.shape == got.shape and got.size > PRINTED


def _is_error(value: Value) -> bool:
    return isinstance(value, dict) and {"types", "message"} <= value.keys()


def _comment(value: Value) -> str:
    if _is_error(value):
        name, *_ = value["types"] or ("an exception",)
        told = str(value["message"] or "").strip().splitlines()[:1]
        return ": ".join([str(name), *told])
    if isinstance(value, np.ndarray) and value.size <= PRINTED:
        return " ".join(np.array2string(value, separator=", ", max_line_width=10**6).split())
    return _on_one_line(describe(value))


def _on_one_line(text: str) -> str:
    """Return a text without anything that could end a comment, or that no file can hold."""
    return "".join(c if c.isprintable() else " " for c in text)
