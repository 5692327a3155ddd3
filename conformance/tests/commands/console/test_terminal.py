"""What a screen gets: sentences broken between words, lists a line each, no escape code where none is wanted."""

from __future__ import annotations

import io
from typing import Any

import pytest

from conformance.commands.console.listing import print_rows
from conformance.commands.console.terminal import Terminal


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    return monkeypatch


def _printed(**settings: Any) -> str:
    screen = _Screen()
    console = Terminal(file=screen, **settings)
    with console.status("working"):
        console.print("wrong", style="bold red")
    return screen.getvalue()


def test_a_screen_gets_colours(environment: pytest.MonkeyPatch) -> None:
    assert "\x1b[1;31mwrong" in _printed()


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_escape_code_is_sent_to_who_wants_none(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(name, value)
    assert _printed() == "wrong\n"


def test_a_screen_without_colours_keeps_its_width(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NO_COLOR", "1")
    assert Terminal(file=_Screen(), width=80).width == 80


def test_a_sentence_is_broken_between_words_and_indented() -> None:
    out = io.StringIO()
    Terminal(file=out, width=30, force_terminal=True, color_system=None).told(
        "breaks one clause and another clause", indent=5
    )
    assert out.getvalue().splitlines() == ["     breaks one clause and", "     another clause"]


def test_a_numbered_sentence_goes_on_below_its_first_word() -> None:
    out = io.StringIO()
    Terminal(file=out, width=30, force_terminal=True, color_system=None).told(
        "1. Breaks one clause and another clause", indent=2, hanging=3
    )
    assert out.getvalue().splitlines() == ["  1. Breaks one clause and", "     another clause"]


def test_a_sentence_in_a_file_is_one_line() -> None:
    out = io.StringIO()
    Terminal(file=out).told("a word " * 100, indent=2)
    assert out.getvalue().count("\n") == 1


def _listed(width: int, *, is_terminal: bool) -> list[str]:
    out = io.StringIO()
    console = Terminal(file=out, width=width, force_terminal=is_terminal, color_system=None)
    print_rows(console, ("name", "what"), [("fast", "a library of its own"), ("reference", "-")])
    return out.getvalue().splitlines()


def test_a_row_is_cut_where_the_screen_ends() -> None:
    assert _listed(20, is_terminal=True)[1] == "fast       a librar…"


def test_a_row_in_a_file_is_whole_and_has_no_blanks_at_its_end() -> None:
    assert _listed(20, is_terminal=False)[1:] == [
        "fast       a library of its own",
        "reference  -",
    ]


def test_a_wrapped_row_goes_on_below_its_last_column() -> None:
    out = io.StringIO()
    console = Terminal(file=out, width=37, force_terminal=True, color_system=None)
    print_rows(console, ("name", "what"), [("reference", "the oracle: plain loops")], wrapped=True)
    assert out.getvalue().splitlines()[1:] == ["reference  the oracle: plain loops"]
    console.width = 36
    print_rows(
        console, ("name", "what"), [("reference", "the oracle: plain loops, slow")], wrapped=True
    )
    assert out.getvalue().splitlines()[-2:] == [
        "reference  the oracle: plain loops,",
        "           slow",
    ]
