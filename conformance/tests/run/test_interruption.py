"""Ctrl-C ends a run whatever swallows the exception that it raises."""

from __future__ import annotations

import ctypes
import gc
import signal
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from conformance.run import interruption
from conformance.run.interruption import Interruption


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "AGAIN", 0.01)


def _interrupt(*_: Any) -> None:
    signal.raise_signal(signal.SIGINT)


class _Finalized:
    def __del__(self) -> None:
        _interrupt()


def _in_a_finalizer() -> None:
    _Finalized()


def _in_a_weak_reference() -> None:
    class Dying: ...

    dying = Dying()
    reference = weakref.ref(dying, _interrupt)
    del dying
    assert reference() is None


def _in_the_garbage_collector() -> None:
    gc.callbacks.append(_interrupt)
    try:
        gc.collect()
    finally:
        gc.callbacks.remove(_interrupt)


def _in_a_callback_of_c() -> None:
    ctypes.CFUNCTYPE(None)(_interrupt)()


def _behind_a_bare_except() -> None:
    try:  # noqa: SIM105 - what somebody else's layer does
        _interrupt()
    except:  # noqa: E722
        pass


def _plainly() -> None:
    _interrupt()


@pytest.mark.parametrize(
    "swallow",
    [
        _in_a_finalizer, _in_a_weak_reference, _in_the_garbage_collector, _in_a_callback_of_c,
        _behind_a_bare_except, _plainly,
    ],
)  # fmt: skip
def test_an_interruption_is_raised_until_it_is_noticed(
    swallow: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    def go_on() -> None:
        swallow()
        while True:
            time.sleep(1)

    with Interruption().watched(), pytest.raises(KeyboardInterrupt):
        go_on()
    assert capsys.readouterr().err == ""


def test_what_else_cannot_be_raised_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fails:
        def __del__(self) -> None:
            raise RuntimeError("told")

    told: list[Any] = []
    monkeypatch.setattr("sys.unraisablehook", lambda lost: told.append(lost.exc_type))
    watch = Interruption()
    with watch.watched():
        Fails()
        with pytest.raises(KeyboardInterrupt):
            _interrupt()
        Fails()
    Fails()
    assert told == [RuntimeError] * 3


def test_one_that_was_noticed_is_not_raised_again() -> None:
    watch = Interruption()
    with watch.watched():
        with pytest.raises(KeyboardInterrupt):
            _interrupt()
        watch.end()
        deadline = time.monotonic() + 0.1
        while time.monotonic() < deadline:
            _interrupt()
    assert watch.requested


def test_under_nohup_a_closed_terminal_ends_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interruption().watched():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_handlers_are_what_they_were_afterwards() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = list(map(signal.getsignal, numbers))
    with Interruption().watched():
        pass
    assert list(map(signal.getsignal, numbers)) == before
