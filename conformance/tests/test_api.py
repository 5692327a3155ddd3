"""`check` and `parametrize`: the suite from Python, on objects of this process."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import conformance
import fast_impl
import reports
from conformance.subjects import LoadError


class Right(fast_impl.Conv2DTranspose):
    """A layer without mistakes."""


def _counting_wrong() -> type:
    class CountsNothing(fast_impl.Conv2DTranspose):
        def count_params(self) -> int:
            return 0

    return CountsNothing


@pytest.fixture(scope="module")
def right() -> conformance.Result:
    return conformance.check(Right, clause=["VAR-14", "METH-01"], examples=1)


@pytest.fixture(scope="module")
def wrong() -> conformance.Result:
    return conformance.check(_counting_wrong(), clause=["VAR-14", "METH-01"], examples=1)


def test_a_right_class_conforms(right: conformance.Result) -> None:
    assert right.conforms


def test_a_right_class_has_nothing_to_raise(right: conformance.Result) -> None:
    right.raise_for_findings()


def test_there_is_a_verdict_for_each_clause(right: conformance.Result) -> None:
    assert {v.clause: v.status for v in right.verdicts} == {"VAR-14": "pass", "METH-01": "pass"}


def test_a_class_that_a_function_makes_is_judged(wrong: conformance.Result) -> None:
    assert {v.clause: v.status for v in wrong.verdicts}["VAR-14"] == "fail"


def test_a_wrong_class_does_not_conform(wrong: conformance.Result) -> None:
    assert not wrong.conforms


def test_findings_are_raised_as_a_failed_assertion(wrong: conformance.Result) -> None:
    message = wrong.findings[0].message
    with pytest.raises(AssertionError, match="VAR-14") as raised:
        wrong.raise_for_findings()
    assert message in str(raised.value)


def test_a_result_shows_what_is_wrong(wrong: conformance.Result) -> None:
    first, *rest = repr(wrong).splitlines()
    assert (first, rest[0].split()) == ("CountsNothing does not conform", ["fail", "1", "VAR-14"])


def test_a_script_says_where_a_local_class_is_made(wrong: conformance.Result) -> None:
    script = wrong.findings[0].script
    assert script is not None
    assert f"# CountsNothing is made in _counting_wrong of {__name__}" in script


def test_a_report_is_a_page_and_its_record(wrong: conformance.Result, tmp_path: Path) -> None:
    page = wrong.report(tmp_path / "deep" / "out")
    assert (page.name, reports.load(page.with_name("run.jsonl")).findings[0].clause) == (
        "index.html",
        "VAR-14",
    )


def test_a_page_alone_can_be_asked_for(right: conformance.Result, tmp_path: Path) -> None:
    right.report(tmp_path / "page.html")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def _make(filters: Any, kernel_size: Any, **others: Any) -> Any:
    return fast_impl.Conv2DTranspose(filters, kernel_size, **others)


class Factory:
    def __call__(self, **arguments: Any) -> Any:
        return fast_impl.Conv2DTranspose(**arguments)


def _function(x: Any, w: Any, strides: Any, padding: Any, layout: Any, bias: Any = None) -> Any:
    return fast_impl.conv2d_transpose(x, w, strides, padding, layout, bias=bias)


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (_make, "_make"),
        (Factory(), "Factory"),
        (functools.partial(Right, groups=1), "partial"),
        (_function, "_function"),
        (lambda *arguments, **others: fast_impl.conv2d_transpose(*arguments, **others), "implementation"),
        ("fast", "fast"),
        ("mine=fast", "mine"),
    ],
    ids=["factory", "instance", "partial", "function", "lambda", "spec", "named spec"],
)  # fmt: skip
def test_what_makes_a_layer_or_is_a_function_is_judged(target: Any, name: str) -> None:
    result = conformance.check(target, clause="SHAPE-02", examples=1)
    assert (result.record.header.subjects[0].name, result.conforms) == (name, True)


def test_a_subject_has_the_name_that_it_is_given() -> None:
    result = conformance.check(Right, clause="BIAS-02", examples=1, name="new")
    assert result.record.header.subjects[0].name == "new"


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (3, "3 is of type int"),
        (fast_impl.Conv2DTranspose(1, 1), "is a layer that is made already"),
        (lambda inputs: inputs, r"takes \(inputs\): neither a layer's arguments"),
        ("fastt", "unknown subject 'fastt'"),
    ],
    ids=["number", "layer", "function of one", "unknown"],
)
def test_what_is_no_implementation_is_refused(target: Any, told: str) -> None:
    with pytest.raises(LoadError, match=told):
        conformance.check(target)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"scope": "shape"}, "--scope 'shape': the scopes are numbers, layer, training, drop-in"),
        ({"profile": "fast"}, "profile 'fast': the profiles are smoke, core, deep"),
        ({"clause": "NO-*"}, "--clause 'NO-\\*' matches no clause"),
        ({"scope": "numbers", "clause": "GRAD-*"}, "matches no clause of the scope numbers"),
        ({"examples": 0}, "--examples 0: at least 1 is needed"),
    ],
    ids=["scope", "profile", "clause", "clause of another scope", "examples"],
)
def test_an_option_that_cannot_be_used_is_refused(options: Mapping[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        conformance.check(Right, **options)


def test_parametrize_refuses_an_option_at_once() -> None:
    with pytest.raises(ValueError, match="the profiles are"):
        conformance.parametrize(Right, profile="fast")


def test_parametrize_wants_a_test_that_takes_the_check() -> None:
    with pytest.raises(TypeError, match="must take the argument `check`"):
        conformance.parametrize(Right)(lambda clause: None)


#: A suite of somebody else: its options and the test's own fixture have names that the command uses, too.
SUITE = {
    "conftest.py": """
import pytest

def pytest_addoption(parser):
    for name in ("--subject", "--seed", "--profile", "--clause", "--scope"):
        parser.addoption(name)

@pytest.fixture
def scope():
    return "mine"
""",
    "test_mine.py": """
import conformance, fast_impl
from fast_impl import Conv2DTranspose

class Refuses(Conv2DTranspose):
    def count_params(self):
        raise NotImplementedError("not yet")

class Forgets(Conv2DTranspose):
    def count_params(self):
        return 0

@conformance.parametrize(Conv2DTranspose, Refuses, Forgets, clause="VAR-14", examples=1)
def test_mine(check, scope):
    assert scope == "mine"
    check()
""",
}


@pytest.fixture(scope="module")
def suite(
    command_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> subprocess.CompletedProcess[str]:
    """The suite as its author runs it, strict and in a process of xdist."""
    pytest.importorskip("xdist")
    folder = tmp_path_factory.mktemp("suite")
    for name, text in SUITE.items():
        (folder / name).write_text(text, encoding="utf-8")
    words = [
        "-n",
        "2",
        "-v",
        "-rs",
        "-W",
        "error",
        "--strict-markers",
        "--seed",
        "4",
        "-p",
        "no:cacheprovider",
    ]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=folder,
        env=dict(command_environment),
        capture_output=True,
        text=True,
        timeout=100,
    )  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "PASSED test_mine.py::test_mine[Conv2DTranspose-VAR-14]",
        "SKIPPED test_mine.py::test_mine[Refuses-VAR-14]",
        "FAILED test_mine.py::test_mine[Forgets-VAR-14]",
        "unsupported: not yet",
        "VAR-14 count_params",
    ],
)
def test_a_suite_of_ones_own_has_an_item_for_each_clause(
    line: str, suite: subprocess.CompletedProcess[str]
) -> None:
    assert line in suite.stdout


def test_a_decorated_test_judges_nothing_until_it_runs() -> None:
    made: list[int] = []

    class Watched(fast_impl.Conv2DTranspose):
        def __init__(self, *given: Any, **arguments: Any) -> None:
            made.append(1)
            super().__init__(*given, **arguments)

    @conformance.parametrize(Watched)
    def test(check: Any) -> None:
        check()

    assert made == []
