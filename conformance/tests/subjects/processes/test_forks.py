"""A layer's process is replaced by a fork of one that has loaded the layer and done nothing with it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from conformance.cases import FAMILIES
from conformance.model.case import Case
from conformance.subjects import renew, resolve
from conformance.subjects.processes import keeper
from conformance.subjects.processes.process import RENEWAL, START, ProcessSubject

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")

#: A layer: `%s` is what its module does when it is loaded, and what a call does.
LAYER = """
import atexit, os, random, signal, subprocess, sys, threading, time
from pathlib import Path
import numpy as np
%s
class Layer:
    calls = 0
    def __init__(self, filters, kernel_size, strides=1, padding="valid", use_bias=True, name=None):
        self.filters = filters
    def build(self, input_shape):
        Layer.calls += 1
        self.kernel = np.zeros((1, 1, self.filters, 1), np.float32)
    def get_weights(self): return [self.kernel]
    def set_weights(self, weights): pass
    def __call__(self, inputs):
        %s
"""
Make = Callable[..., ProcessSubject]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Write a layer, and return its subject."""
    monkeypatch.chdir(tmp_path)
    subjects = []

    def make(call: str, loading: str = "") -> ProcessSubject:
        (tmp_path / "mine.py").write_text(LAYER % (loading, call), encoding="utf-8")
        (subject,) = resolve("mine.py:Layer", 10.0)
        assert isinstance(subject, ProcessSubject)
        subjects.append(subject)
        return subject

    yield make
    for subject in subjects:
        subject.close()


def _case() -> Case:
    """A case that builds and calls."""
    found = next(c for c in FAMILIES["geometry"].fixed if {"call"} <= {s.tag for s in c.steps})
    steps = [step for step in found.steps if step.tag in ("build", "call")]
    return attrs.evolve(found, arguments={"filters": 1, "kernel_size": 1}, steps=tuple(steps))


def _given(subject: ProcessSubject) -> Any:
    """What a call gives."""
    seen = subject.observe(_case())
    assert seen.crash is None, seen.crash
    return seen.outcomes[-1].value


def test_a_process_that_ended_is_replaced_by_a_fork_of_the_same(made: Make) -> None:
    subject = made("os.kill(os.getpid(), signal.SIGSEGV)", "Path('started').open('a').write('.')")
    crashes = [subject.observe(_case()).crash for _ in range(3)]
    assert crashes == ["the process was killed by signal 11 (SIGSEGV)"] * 3
    assert Path("started").read_text() == "."


def test_the_exit_status_and_the_last_words_are_told(made: Make) -> None:
    subject = made("print('out of tiles', file=sys.stderr); os._exit(3)")
    crash = subject.observe(_case()).crash
    assert crash == "the process exited with status 3; its last words: out of tiles"


def test_an_exception_that_is_none_of_exception_does_not_end_the_process(made: Make) -> None:
    call = "from asyncio import CancelledError; raise CancelledError('by nobody')"
    subject = made(call, "Path('started').open('a').write('.')")
    seen = [subject.observe(_case()) for _ in range(2)]
    errors = [one.outcomes[-1].error for one in seen]
    assert [error and (error.name, error.told) for error in errors] == [
        ("CancelledError", "by nobody")
    ] * 2
    assert Path("started").read_text() == "."


def test_the_words_of_a_process_are_not_told_of_the_next_one(made: Make) -> None:
    subject = made(
        "new = not Path('told').exists(); Path('told').touch(); "
        "print('out of tiles' * new, file=sys.stderr); os._exit(3)",
        "print('loaded')",
    )
    crashes = [subject.observe(_case()).crash for _ in range(3)]
    assert crashes == [
        "the process exited with status 3; its last words: out of tiles",
        "the process exited with status 3",
        "the process exited with status 3",
    ]


def test_the_words_of_a_process_are_not_told_of_a_renewed_one(made: Make) -> None:
    subject = made("print('slow' * inputs.size, file=sys.stderr); return inputs")
    _given(subject)
    renew(subject)
    assert subject._process is not None
    assert subject._process.with_last_words("ended") == "ended"


def test_a_fork_costs_less_of_a_run_s_patience_than_a_start(made: Make) -> None:
    subject = made("os._exit(1)")
    subject.observe(_case())
    assert subject.spent.seconds == RENEWAL < START


def test_a_renewed_process_has_done_nothing(made: Make) -> None:
    subject = made("return np.full((1, 1), Layer.calls)")
    counts = [int(_given(subject).item()) for _ in range(2)]
    renew(subject)
    assert [*counts, int(_given(subject).item())] == [1, 2, 1]


def test_a_renewed_process_is_a_fork_of_the_same(made: Make) -> None:
    subject = made("return np.full((1, 1), os.getppid())")
    before = _given(subject)
    renew(subject)
    assert _given(subject) == before


def test_a_renewed_process_draws_other_numbers(made: Make) -> None:
    subject = made("return np.array([[np.random.rand(), random.random()]])", "np.random.rand()")
    before = _given(subject)
    renew(subject)
    assert not (_given(subject) == before).any()


def test_the_last_process_alone_does_what_it_has_to_do_at_its_end(made: Make) -> None:
    subject = made("return inputs", "atexit.register(lambda: Path('ends').open('a').write('.'))")
    _given(subject)
    renew(subject)
    _given(subject)
    subject.close()
    assert Path("ends").read_text() == "."


def test_what_a_call_has_started_ends_with_its_process(made: Make) -> None:
    subject = made(
        "subprocess.Popen(['sleep', '600'], start_new_session=True); return np.full((1, 1), os.getppid())"
    )
    parent = int(_given(subject).item())
    before = len(keeper.descendants(parent))
    renew(subject)
    assert (before, len(keeper.descendants(parent)) < 2) == (2, True)


def test_a_process_that_ends_between_two_cases_is_told_with_the_next(made: Make) -> None:
    subject = made("threading.Timer(0.05, lambda: os._exit(7)).start(); return inputs")
    _given(subject)
    time.sleep(0.5)
    assert subject.observe(_case()).crash == "the process exited with status 7"


#: What a module does when it is loaded, after which forks would lack or share something.
LOADED = {
    "a thread": "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
    "an open file": "kept = open(os.devnull)",
    "a process": "kept = subprocess.Popen(['sleep', '600'])",
    "TensorFlow": "sys.modules['tensorflow'] = os",
}


@pytest.mark.parametrize("loading", LOADED.values(), ids=LOADED)
def test_what_forks_would_lack_or_share_is_started_anew(made: Make, loading: str) -> None:
    subject = made("return np.full((1, 1), os.getpid())", loading)
    before = _given(subject)
    renew(subject)
    assert (subject.describe()["renews"], bool((_given(subject) == before).any())) == (False, False)


def test_starts_that_nothing_has_made_necessary_are_not_lost_time(
    made: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = made("return inputs", LOADED["a thread"] + "; time.sleep(0.3)")
    monkeypatch.setattr("conformance.subjects.processes.process.LONGEST_PATIENCE", 0.5)
    for _ in range(4):
        renew(subject)
        assert subject.observe(_case()).not_tried is None
    assert subject.seconds_lost == 0


def test_starts_after_a_process_has_ended_are_lost_time(
    made: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = made("os._exit(3)", LOADED["a thread"] + "; time.sleep(0.3)")
    monkeypatch.setattr("conformance.subjects.processes.process.LONGEST_PATIENCE", 0.5)
    seen = [subject.observe(_case()).not_tried for _ in range(5)]
    assert seen[0] is None
    assert (
        seen[-1]
        == "it broke down too often before, the last time: the process exited with status 3"
    )


def test_what_is_started_anew_is_told_as_well(made: Make) -> None:
    subject = made("os._exit(3)", LOADED["a thread"])
    crashes = {subject.observe(_case()).crash for _ in range(2)}
    assert (crashes, subject.spent.seconds) == ({"the process exited with status 3"}, 2 * START)


def test_our_own_layer_is_forked() -> None:
    (subject,) = resolve("fast", 10.0)
    try:
        assert subject.describe()["renews"] is True
    finally:
        subject.close()
