"""`pytest --pyargs conformance` and `conformance run` are one and the same run."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

CHECKOUT = Path(__file__).parents[3]
OPTIONS = (
    "--subject", "fast", "--profile", "smoke", "--clause", "DTYPE-01", "--clause", "SHAPE-10", "--seed", "3",
    "--out", "out",
)  # fmt: skip
IS_INSTALLED = any(
    entry.name == "conformance" for entry in importlib.metadata.entry_points(group="pytest11")
)

RunPytest = Callable[..., Any]


@pytest.fixture(scope="module")
def run_pytest(
    command: Callable[..., Any],
    command_environment: Mapping[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> RunPytest:
    """Return how `python -m pytest` ends in an empty folder, or in `cwd`."""

    def run(*arguments: object, cwd: Path | None = None) -> Any:
        folder = tmp_path_factory.mktemp("pytest") if cwd is None else cwd
        # Where the distribution is not installed, nothing tells pytest of the plugin.
        loaded = () if IS_INSTALLED else ("-p", "conformance.plugin")
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-p",
                "no:cacheprovider",
                *loaded,
                *map(str, arguments),
            ],
            cwd=folder,
            env=dict(command_environment),
            capture_output=True,
            text=True,
            timeout=250,
        )
        return attrs.evolve(
            command("--version"), status=done.returncode, stdout=done.stdout, stderr=done.stderr,
            out=folder / "out",
        )  # fmt: skip

    return run


@pytest.fixture(scope="module")
def by_pytest(run_pytest: RunPytest) -> Any:
    return run_pytest("--pyargs", "conformance", "-v", *OPTIONS)


@pytest.fixture(scope="module")
def by_command(command: Callable[..., Any]) -> Any:
    return command("run", *OPTIONS)


@pytest.mark.skipif(
    not IS_INSTALLED, reason="the distribution, with its entry point, is not installed"
)
def test_pytest_finds_the_plugin_by_itself(by_pytest: Any) -> None:
    assert by_pytest.status == 0


def test_a_conforming_subject_ends_pytest_with_status_0(by_pytest: Any) -> None:
    assert by_pytest.status == 0


def test_pytest_and_the_command_reach_the_same_verdicts(by_pytest: Any, by_command: Any) -> None:
    assert by_pytest.statuses == by_command.statuses


def test_pytest_and_the_command_judge_as_many_examples(by_pytest: Any, by_command: Any) -> None:
    by_pytest_, by_command_ = (
        {v["clause"]: v["examples"] for v in done.lines("verdict")}
        for done in (by_pytest, by_command)
    )
    assert by_pytest_ == by_command_


def test_pytest_writes_the_page(by_pytest: Any) -> None:
    assert (by_pytest.out / "index.html").is_file()


def test_pytest_says_where_the_page_is(by_pytest: Any) -> None:
    assert "report: out/index.html" in by_pytest.stdout


def test_the_unit_tests_of_the_package_are_no_part_of_a_run(by_pytest: Any) -> None:
    items = [line for line in by_pytest.stdout.splitlines() if "::" in line]
    assert [line for line in items if "test_page.py::test_clause[" not in line] == []


def test_there_is_an_item_for_each_verdict(by_pytest: Any) -> None:
    items = [line for line in by_pytest.stdout.splitlines() if "::test_clause[" in line]
    assert len(items) == len(by_pytest.statuses)


@pytest.fixture(scope="module")
def caught(run_pytest: RunPytest, zoo: Path) -> Any:
    """A run of a layer that tells of an output that is too high."""
    return run_pytest(
        "--pyargs", "conformance", "--subject", zoo / "wrong_results.py:AddsARow", "--clause",
        "SHAPE-09", "--clause", "SHAPE-10", "--examples", "3", "--out", "out",
    )  # fmt: skip


def test_a_finding_ends_pytest_with_status_1(caught: Any) -> None:
    assert caught.status == 1


def test_a_finding_is_a_failed_item(caught: Any) -> None:
    assert "1 failed, 1 passed" in caught.stdout


def test_a_failed_item_shows_the_finding(caught: Any) -> None:
    assert caught.finding("SHAPE-09")["message"] in caught.stdout


def test_a_failed_item_shows_the_script_to_paste(caught: Any) -> None:
    line = caught.finding("SHAPE-09")["script"].strip().splitlines()[-1]
    assert line in caught.stdout


@pytest.fixture(scope="module")
def misused(run_pytest: RunPytest) -> Any:
    """A run of a subject that there is not."""
    return run_pytest("--pyargs", "conformance", "--subject", "fastt")


def test_a_usage_error_ends_pytest_with_status_4(misused: Any) -> None:
    assert misused.status == 4


def test_a_usage_error_is_told_without_traceback(misused: Any) -> None:
    assert ("'fastt'" in misused.stderr, "Traceback" in misused.stderr) == (True, False)


def test_several_processes_of_xdist_are_refused(run_pytest: RunPytest) -> None:
    pytest.importorskip("xdist")
    done = run_pytest("--pyargs", "conformance", "-n", "2", *OPTIONS)
    assert (done.status, "in one process" in done.stderr, done.out.exists()) == (4, True, False)


def test_a_run_that_ends_at_its_first_finding_is_incomplete(
    run_pytest: RunPytest, zoo: Path
) -> None:
    # In the clauses' order: the first one fails, and the second one is not reached.
    done = run_pytest(
        "--pyargs", "conformance", "-x", "-p", "no:randomly",
        "--subject", zoo / "wrong_results.py:AddsARow",
        "--clause", "SHAPE-09", "--clause", "SHAPE-10", "--examples", "3", "--out", "out",
    )  # fmt: skip
    (footer,) = done.lines("footer")
    assert (footer["complete"], footer["reason"]) == (False, "ended before every clause was judged")


def test_help_leaves_no_file(run_pytest: RunPytest) -> None:
    done = run_pytest("--pyargs", "conformance", "--help", *OPTIONS)
    assert ("--subject-command" in done.stdout, list(done.out.glob("*"))) == (True, [])


def test_the_record_has_the_command_that_repeats_the_run(by_pytest: Any, by_command: Any) -> None:
    (told,), (by_us,) = by_pytest.lines("header"), by_command.lines("header")
    assert told["command"][-len(OPTIONS) :] == [*OPTIONS]
    assert (told["command"][0], by_us["command"]) == ("pytest", ["conformance", "run", *OPTIONS])


def test_collecting_alone_leaves_no_report(run_pytest: RunPytest) -> None:
    done = run_pytest("--pyargs", "conformance", "--collect-only", "-q", *OPTIONS)
    assert list(done.out.iterdir()) == []


@pytest.mark.skipif(
    not (CHECKOUT / "pyproject.toml").is_file(), reason="the package is not in a checkout"
)
def test_plain_pytest_in_the_checkout_is_no_conformance_run(run_pytest: RunPytest) -> None:
    # One file of tests will do, and importing all of them takes long. The folders that are collected are not left
    # out by name, what is in them is.
    kept = CHECKOUT / "conformance/tests/run/test_zoo.py"
    others = [
        path
        for folder in (*CHECKOUT.glob("*/tests"), kept.parent)
        for path in folder.iterdir()
        if path not in (kept, kept.parent)
    ]
    done = run_pytest("--collect-only", "-q", *(f"--ignore={p}" for p in others), cwd=CHECKOUT)
    assert ("test_zoo.py" in done.stdout, "test_clause[" in done.stdout) == (True, False)


def test_a_suite_of_somebody_else_is_left_alone(run_pytest: RunPytest, tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("def test_mine(): pass\n", encoding="utf-8")
    done = run_pytest("-q", cwd=tmp_path)
    assert ("1 passed" in done.stdout, (tmp_path / "conformance-report").exists()) == (True, False)


@pytest.fixture(scope="module")
def beside_another(run_pytest: RunPytest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run beside a plugin that has options of the same names."""
    folder = tmp_path_factory.mktemp("beside")
    (folder / "rude.py").write_text(
        "def pytest_addoption(parser):\n"
        "    parser.addoption('--seed', type=int)\n"
        "    parser.addoption('--profile', action='store_true')\n",
        encoding="utf-8",
    )
    return run_pytest(
        "-p", "rude", "--pyargs", "conformance", "--subject", "fast", "--clause", "SHAPE-10", "--seed", "4",
        "--conformance-seed", "5", "--conformance-profile", "smoke", "--out", "out", cwd=folder,
    )  # fmt: skip


def test_a_run_goes_beside_a_plugin_with_options_of_the_same_names(beside_another: Any) -> None:
    assert beside_another.status == 0


def test_an_option_that_is_taken_has_a_longer_name(beside_another: Any) -> None:
    header = beside_another.lines("header")[0]
    assert (header["seed"], header["profile"]) == (5, "smoke")
