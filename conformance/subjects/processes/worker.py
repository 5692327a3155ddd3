"""The process protocol, server side: one JSON line per case in, one per observation out.

``python -m conformance.subjects.processes.worker SPEC [--mode MODE]`` serves a Python subject. Programs in other
languages speak the same lines (docs/protocol.md).
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import IO, Any

import click

from conformance.model.case import Case
from conformance.model.steps import Backend
from conformance.subjects.backend import observe
from conformance.subjects.loading import LoadError, backend_factory, describe
from conformance.subjects.processes import forks
from conformance.subjects.processes.protocol import VERSION


@click.command()
@click.argument("spec")
@click.option("--mode", default="eager", show_default=True)
def main(spec: str, mode: str) -> None:
    """Serve the subject SPEC on standard input and output."""
    # A subject that prints must not speak into the protocol: its standard output is our error.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    before = forks.Surroundings.now()
    try:
        make_backend = backend_factory(spec, mode)
        description = describe(spec, mode)
    except LoadError as error:
        _answer(answers, {"kind": "load-error", "message": str(error)})
        raise SystemExit(2) from None
    renews = forks.can_fork(before)
    described = {"kind": "description", "protocol": VERSION, "renews": renews, **description}

    def serve(note: Callable[[int], None]) -> None:
        for line in sys.stdin:
            note(forks.ANSWERING)
            request = json.loads(line)
            if request["kind"] == "renew":
                note(forks.RENEWING)
                sys.stderr.flush()
                os._exit(0)
            is_case = request["kind"] == "case"
            answer = _observation(request, make_backend) if is_case else described
            note(forks.WAITING)
            _answer(answers, answer)

    if renews:
        forks.answer_in_children(serve, functools.partial(_answer, answers))
    else:
        serve(lambda _: None)


def _observation(request: dict[str, Any], make_backend: Callable[[], Backend]) -> dict[str, Any]:
    case = Case.from_json(request["case"])
    observation = observe(case, make_backend(), is_alone=True)
    return {"kind": "observation", "id": request["id"], "observation": observation.to_json()}


def _answer(stream: IO[str], data: Mapping[str, Any]) -> None:
    stream.write(json.dumps(data) + "\n")
    stream.flush()


if __name__ == "__main__":
    main()
