"""A message that many cases end with is told once, with what to say if it is no failure."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import conformance
from conformance.commands.console.terminal import Terminal
from conformance.commands.console.verdicts import verdicts
from conformance.judge.judging import Failure
from conformance.model.case import Case
from conformance.oracle.comparison import Mismatch
from conformance.run.statistics.messages import (
    ENOUGH,
    ENOUGH_OF_REFUSALS,
    Explained,
    often,
    pattern_of,
    said,
)
from conformance.tests.run.settings.test_lacks import OwnWords


def _failures(message: str, count: int, *types: str, status: str = "error") -> list[Failure]:
    got = {
        "types": [*(types or ("ValueError",)), "Exception"],
        "message": message,
        "moment": "call",
    }
    return [
        Failure(Case("any", {"filters": n + 1}, ()), status, Mismatch("raised", None, got))
        for n in range(count)
    ]  # fmt: skip


def _often(*failures: Failure) -> list[tuple[str, int]]:
    return [(told.message, told.cases) for told in often("Mine", "eager", said(failures))]


def test_what_is_said_in_several_families_adds_up() -> None:
    parts = said(_failures("just 2-D", ENOUGH - 1)), said(_failures("just 3-D", 1))
    (told,) = often("Mine", "eager", [*parts[0], *parts[1]])
    assert (told.message, told.cases) == ("just 2-D", ENOUGH)


def test_what_follows_from_another_failure_is_no_refusal() -> None:
    shapes = _failures("the gradient has 3 rows, the output has 4", ENOUGH)
    refusals = _failures("just 2-D", ENOUGH)
    explained = Explained()
    explained.note(own=refusals[:1], blocked=[*shapes[:1], *refusals[1:2]])
    found = often("Mine", "eager", said([*shapes, *refusals]), explained)
    assert [told.message for told in found] == ["just 2-D"]


@pytest.mark.parametrize(
    ("failures", "told"),
    [
        (_failures("just 2-D\nat line 3", ENOUGH), [("just 2-D", ENOUGH)]),
        (_failures("just 2-D", ENOUGH - 1), []),
        (_failures("just 2-D", ENOUGH) * 2, [("just 2-D", ENOUGH)]),
        (_failures("index out of range", ENOUGH, "IndexError", "LookupError"), []),
        (_failures("just 2-D", ENOUGH, status="fail"), []),
        (_failures("", ENOUGH), []),
        (
            [*_failures("kernel 1 by 2", 6), *_failures("kernel 33 by 1", 12)[6:]],
            [("kernel 1 by 2", 12)],
        ),
        (
            [
                *_failures("the shape of the gradient of the output is not that of it: (2, 3)", 6),
                *_failures("the shape of the gradient of the output is not that of it: (4,)", 12)[
                    6:
                ],
            ],
            [("the shape of the gradient of the output is not that of it: (2, 3)", 12)],
        ),
    ],
)
def test_a_message_is_told_where_it_is_said_often(failures: Any, told: Any) -> None:
    assert _often(*failures) == told


def test_a_refusal_of_dtypes_is_told_once_and_soon() -> None:
    names = ("float64", "bfloat16", "int32")
    failures = [
        _failures(f"{name} is not supported: float32 alone", n + 1)[-1]
        for n, name in enumerate(names)
    ]
    (told,) = often("Mine", "eager", said(failures))
    assert (told.cases, told.pattern) == (3, r"\w+\d+ is not supported: \w+\d+ alone")


@pytest.mark.parametrize(
    "message",
    [
        "channels_first unsupported, sorry",
        "NHWC only",
        "dilation is not available",
        "float64",
        "empty input",
        "Could not interpret regularizer identifier: l1_l2",
        "weights have not been loaded",
    ],
)
@pytest.mark.parametrize("error", ["ValueError", "AssertionError"])
def test_what_sounds_like_a_refusal_is_told_soon(message: str, error: str) -> None:
    assert _often(*_failures(message, ENOUGH_OF_REFUSALS, error)) == [(message, ENOUGH_OF_REFUSALS)]
    assert _often(*_failures(message, ENOUGH_OF_REFUSALS - 1, error)) == []


def _slips() -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield names of slips, and what makes Python or NumPy say them."""
    ones: Any = np.ones((2, 3))
    nothing: Any = None
    yield "matmul", lambda: ones @ ones
    yield "sum", lambda: ones + np.ones((2, 2))
    yield "shape", lambda: ones.reshape(4)
    yield "axes", lambda: ones.transpose(0, 1, 2)
    yield "einsum", lambda: np.einsum("abc->a", ones)
    yield "zeros", lambda: np.zeros((nothing, 1))
    yield "negative", lambda: np.zeros((-1, 1))
    yield "subscript", lambda: nothing[0]
    yield "iteration", lambda: [*nothing]
    yield "operands", lambda: nothing + 1
    yield "order", lambda: nothing < 1
    yield "unpacking", lambda: [a for a, _ in [(1, 2, 3)]]  # type: ignore[misc]
    yield "nothing", lambda: [a for a, _ in [nothing]]
    yield "arguments", pattern_of  # type: ignore[misc]
    yield "scalar", lambda: int(ones)
    yield "maximum", lambda: max([])
    yield "argmax", lambda: np.argmax([])
    yield "truth", lambda: bool(ones == 1)
    yield "stack", lambda: np.stack([])
    yield "isnan", lambda: np.isnan(np.array(["a"]))
    yield "length", lambda: len(nothing)


@pytest.mark.parametrize(("name", "slip"), [*_slips()])
def test_a_slip_is_no_refusal(name: str, slip: Callable[[], object]) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        slip()
    kind = type(caught.value).__name__
    assert _often(*_failures(str(caught.value), ENOUGH, kind)) == []


@pytest.mark.parametrize(
    "message",
    [
        "cannot reshape tensor of 0 elements into shape [0, 1, -1]",
        "The size of tensor a (36) must match the size of tensor b (2) at non-singleton dimension 3",
    ],
)
def test_a_slip_is_none_in_words_of_torch_either(message: str) -> None:
    assert _often(*_failures(message, ENOUGH, "RuntimeError")) == []


def test_a_slip_that_a_long_argument_hides_is_no_refusal() -> None:
    argument = "kernel_initializer=<mine.initializers.Uniform with a long description of itself>"
    failures = _failures(f"{argument}: object of type 'NoneType' has no len()", ENOUGH, "TypeError")
    assert not _often(*failures)


def test_an_assertion_without_words_is_no_refusal() -> None:
    assert _often(*_failures("filters", ENOUGH, "AssertionError")) == []


def test_the_pattern_of_a_refused_dtype_finds_no_other_refusal() -> None:
    pattern = pattern_of("float32 only")
    assert re.search(pattern, "bfloat16 only")
    assert not re.search(pattern, "valid only")


def test_what_is_said_after_a_wrong_result_is_no_refusal() -> None:
    wrong = [
        Failure(failure.case, "fail", Mismatch("wrong", 1, 2)) for failure in _failures("", 12)[:3]
    ]
    assert _often(*_failures("no gradient of this shape", 12), *wrong) == []
    assert _often(*_failures("no gradient of this shape", 13), *wrong) == [
        ("no gradient of this shape", ENOUGH)
    ]


@pytest.mark.parametrize(
    "message",
    ["only channels_last is supported", "kernel (3, 1) [x] $5.00 a|b c\\d", "word " * 30, "x" * 99],
)
def test_a_pattern_finds_its_message(message: str) -> None:
    assert re.search(pattern_of(message), message)


@pytest.mark.parametrize(
    ("message", "other"),
    [
        ("no kernel of 3 by 12", "no kernel of 11 by 5"),
        ("<Ones at 0x7f1477d4fd90> is none", "<Ones at 0x55d0c0ffee> is none"),
    ],
)
def test_a_pattern_finds_the_message_with_other_numbers(message: str, other: str) -> None:
    assert re.search(pattern_of(message), other)


@pytest.fixture(scope="module")
def without_words() -> conformance.Result:
    """A run of a layer that refuses in its own words, which nobody has given."""
    return conformance.check(OwnWords, profile="smoke", clause="FMT-*")


def test_the_record_says_what_was_said_often(without_words: conformance.Result) -> None:
    (told,) = without_words.record.footer.said_often
    assert (told.subject, told.pattern) == ("OwnWords", "only channels_last is supported")


def test_the_hint_is_a_command_s_option(without_words: conformance.Result) -> None:
    (told,) = without_words.record.footer.said_often
    assert str(told).endswith("say --unsupported 'only channels_last is supported'")


def test_the_page_gives_the_hint(without_words: conformance.Result, tmp_path: Path) -> None:
    page = without_words.report(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "errors say &#39;only channels_last is supported&#39;: if your layer" in page


def test_the_terminal_gives_the_hint(without_words: conformance.Result) -> None:
    console = Terminal(record=True, file=io.StringIO())
    verdicts(without_words.record, Path("run.jsonl"), console)
    lines = [line for line in console.export_text().splitlines() if "--unsupported" in line]
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("message", "pattern"),
    [
        ("only odd kernel sizes are supported, got (1, 2)", "only odd kernel sizes are supported"),
        ("only odd kernel sizes are supported (got 2)", "only odd kernel sizes are supported"),
        ("stride 2 is not available", r"stride \d+ is not available"),
        ("bad, got 3", r"bad, got \d+"),
    ],
)
def test_the_pattern_leaves_out_what_was_given(message: str, pattern: str) -> None:
    assert pattern_of(message) == pattern


def test_a_pattern_without_words_of_its_own_finds_nothing_else() -> None:
    pattern = pattern_of("float32")
    assert (bool(re.search(pattern, "float64")), bool(re.search(pattern, "no float64"))) == (
        True,
        False,
    )
