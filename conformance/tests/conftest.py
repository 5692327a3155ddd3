"""The command, run as a user runs it, and what it left behind."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest
from click.testing import CliRunner

import conformance
from conformance.cli import main
from conformance.subjects.processes.process import LineProcess

ZOO = Path(__file__).parent / "zoo"

#: Files of tests that take longest. They are started first, so that no process waits for another at the end.
LONGEST = (
    "subjects/test_tensorflow.py", "run/test_zoo.py", "checks/test_every_check_can_fail.py",
    "outputs/test_browser.py", "bench/test_sizes.py", "findings/test_diagnosis.py", "judge/test_causes.py",
    "strength/test_strength.py", "gradients/test_direct.py", "tests/test_pages.py",
    "judge/test_honest_layers.py", "processes/test_protocol.py", "kernels/test_bounds.py",
    "subjects/test_frameworks.py", "forward/test_col2im.py", "run/test_unfinished.py",
    "findings/test_cover.py", "console/test_output.py", "bench/test_bench.py", "settings/test_vectors.py",
    "values/test_limits.py", "findings/test_scripts.py", "records/test_explain.py",
    "run/test_harness_errors.py", "commands/test_pytest_plugin.py", "run/test_scripts_of_findings.py",
    "run/test_no_false_alarm.py", "parallel/test_cluster.py", "cases/test_coverage.py",
    "judge/test_situations.py", "checks/test_recorded_verdicts.py",
)  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Have xdist keep the order of files; by itself it begins with those of most tests."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; all others keep their order, which pytest-randomly may have drawn."""
    places = {name: place for place, name in enumerate(LONGEST)}

    def place(item: pytest.Item) -> int:
        return places.get("/".join(item.path.parts[-2:]), len(places))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Keep tens of thousands of tests out of each search for garbage, which many tests ask for."""
    gc.collect()
    gc.freeze()


@attrs.frozen(slots=False)
class Finished:
    """How a command ended, and the folder it wrote to."""

    status: int
    stdout: str
    stderr: str
    out: Path

    @cached_property
    def record(self) -> list[dict[str, Any]]:
        """The lines of run.jsonl."""
        text = (self.out / "run.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def lines(self, kind: str) -> list[dict[str, Any]]:
        """The record's lines of one kind."""
        return [line for line in self.record if line["kind"] == kind]

    @property
    def statuses(self) -> dict[str, str]:
        """Each clause's verdict, for a run of one subject in one mode."""
        return {line["clause"]: line["status"] for line in self.lines("verdict")}

    def finding(self, clause: str) -> dict[str, Any]:
        """The finding of a clause."""
        (found,) = [line for line in self.lines("finding") if line["clause"] == clause]
        return found


def environment() -> dict[str, str]:
    """This process's environment, with the package under test importable from any folder."""
    root = str(Path(conformance.__file__).parents[1])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    return {**kept, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "150"}


@pytest.fixture(scope="session")
def command_environment() -> Mapping[str, str]:
    """The environment for commands in processes of their own."""
    return environment()


@pytest.fixture(scope="session")
def zoo() -> Path:
    """The folder of wrong implementations."""
    return ZOO


@pytest.fixture(scope="session")
def command(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Finished]:
    """Run the command in this process, with arguments, in an empty folder or in `cwd`.

    An exception that escapes the command fails the test.
    """

    def run(*arguments: object, cwd: Path | None = None) -> Finished:
        folder = tmp_path_factory.mktemp("command") if cwd is None else cwd
        words = [*map(str, arguments)]
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            patch.setattr(sys, "argv", ["conformance", *words])
            # The tests run beside each other already.
            patch.setattr("conformance.run.parallel.work.WORTH", sys.maxsize)
            done = CliRunner().invoke(
                main, words, prog_name="conformance", env=environment(), catch_exceptions=False
            )
        return Finished(done.exit_code, done.stdout, done.stderr, folder / "out")

    return run


class _Kept(LineProcess):
    """A process of `fast`, which the next run takes over; a start takes half a second."""

    free: ClassVar[dict[Any, _Kept]] = {}
    key: Any

    @classmethod
    def made(cls, command: list[str], environment: Mapping[str, str], memory: float) -> LineProcess:
        """Return the process that the last run has left, or another one."""
        if "fast" not in command:
            return LineProcess(command, environment, memory)
        ours = sorted(pair for pair in environment.items() if not pair[0].startswith("PYTEST_"))
        key = (*command, memory, *ours)
        if key not in cls.free:
            cls.end_all()
            made = cls(command, environment, memory)
            made.key = key
            return made
        return cls.free.pop(key)

    @classmethod
    def end_all(cls) -> None:
        """End those that were left."""
        while cls.free:
            super(_Kept, cls.free.popitem()[1]).end()

    def end(self) -> bool:
        if self._unsent or self._owes or self._received or self._closed or self.key in self.free:
            return super().end()
        self.free[self.key] = self
        return True


@pytest.fixture(scope="session", autouse=True)
def _one_process_of_fast() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("conformance.subjects.processes.process.LineProcess", _Kept.made)
        yield
    _Kept.end_all()


@pytest.fixture(scope="module", autouse=True)
def _diagnosis(request: pytest.FixtureRequest) -> Iterator[None]:
    """Diagnose nothing, which takes most of a run with a finding, unless the module is marked `diagnosis`."""
    with pytest.MonkeyPatch.context() as patch:
        if request.node.get_closest_marker("diagnosis") is None:
            patch.setattr("conformance.findings.diagnosis.SECONDS", -1.0)
        yield


@pytest.fixture(scope="module")
def hasty_diagnosis(_diagnosis: None) -> Iterator[None]:
    """Give a diagnosis half a second, for tests of runs in which causes are put together."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("conformance.findings.diagnosis.SECONDS", 0.5)
        yield


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Finished]:
    """Run a Python program in an empty folder."""

    def run(text: str) -> Finished:
        return _finished(["-c", text], tmp_path_factory.mktemp("program"))

    return run


def _finished(words: list[str], folder: Path) -> Finished:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=250,
    )
    return Finished(done.returncode, done.stdout, done.stderr, folder / "out")
