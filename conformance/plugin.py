"""The pytest plugin: ``pytest --pyargs conformance --subject fast`` is a conformance run.

Loaded by pytest wherever this package is installed, so it imports nothing heavy until a conformance run is
asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.model.clauses import Clause
    from conformance.run.participants.participant import Participant
    from conformance.run.run import Run
    from conformance.run.verdicts import Judgement

PACKAGE = Path(__file__).parent
_NAME = "conformance-run"


def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> None:
    """Add the options of `conformance run` where one is asked for.

    Not in `pytest_addoption`, because no suite of somebody else's may break over our names. One that
    another plugin has taken (pytest-timeout's ``--timeout``) is spelled ``--conformance-timeout``.
    """
    if not _names_the_package(early_config, args, pyargs="--pyargs" in args):
        return
    from conformance.run.settings.options import CHOICES

    group = parser.getgroup("conformance", "conformance of Conv2DTranspose implementations")
    for choice in CHOICES:
        kind: dict[str, Any] = {"action": "store_true"}
        if not choice.is_flag:
            action = "append" if choice.repeatable else "store"
            kind = {"action": action, "type": choice.type, "metavar": choice.metavar}
        if choice.choices:
            kind["choices"] = choice.choices
        group.addoption(
            f"--conformance-{choice.flag[2:]}" if _is_taken(parser, choice.flag) else choice.flag,
            dest=f"conformance_{choice.name}",
            default=choice.default,
            help=choice.help,
            **kind,
        )


def _is_taken(parser: pytest.Parser, flag: str) -> bool:
    word = f"{flag}=1"
    try:
        _, unknown = parser.parse_known_and_unknown_args([word])
    except pytest.UsageError:
        return True  # known, and takes another value or none
    return word not in unknown


def pytest_configure(config: pytest.Config) -> None:
    """Begin a run where the package itself is to be collected."""
    if not _is_conformance_run(config):
        return
    from conformance.run.record import OutputError
    from conformance.run.run import Run
    from conformance.run.settings.options import CHOICES, USAGE_ERRORS, make_options
    from reports import RecordError

    if config.getoption("numprocesses", None):
        raise pytest.UsageError("a conformance run judges in one process: leave -n out")
    values = {
        choice.name: config.getoption(f"conformance_{choice.name}", choice.default)
        for choice in CHOICES
    }
    try:
        run = Run(make_options(values, ("pytest", *config.invocation_params.args)))
    except (*USAGE_ERRORS, RecordError) as error:
        raise pytest.UsageError(str(error)) from error
    except OutputError as error:
        raise pytest.exit.Exception(f"harness broken: {error}", returncode=3) from error
    config.pluginmanager.register(RunPlugin(run), _NAME)


def _is_conformance_run(config: pytest.Config) -> bool:
    return _names_the_package(config, config.args, pyargs=config.getoption("pyargs"))


def _names_the_package(config: pytest.Config, arguments: list[str], *, pyargs: bool) -> bool:
    here = {PACKAGE, PACKAGE / "test_page.py"}
    for argument in arguments:
        name = argument.partition("::")[0]
        if pyargs and name in ("conformance", "conformance.test_page"):
            return True
        if (config.invocation_params.dir / name).resolve() in here:
            return True
    return False


class RunPlugin:
    """Turns clauses and subjects into test items, and their verdicts into pytest's outcomes."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.page: Path | None = None
        self.broken: str | None = None

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Leave the package's own unit tests out of a conformance run."""
        return True if collection_path == PACKAGE / "tests" else None

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make one item for each subject, mode and clause."""
        if metafunc.module.__name__.endswith("test_page"):
            items = self.run.items()
            ids = ["-".join((*participant.key, clause.id)) for participant, clause in items]
            metafunc.parametrize(("participant", "clause"), items, ids=ids)

    @pytest.fixture
    def judge(self) -> Callable[[Participant, Clause], Judgement]:
        """Return what judges a clause; a record that cannot be written ends the session."""
        from conformance.run.record import OutputError

        def judge(participant: Participant, clause: Clause) -> Judgement:
            try:
                return self.run.judge(participant, clause)
            except OutputError as error:
                self.broken = f"{error} (judging {clause.id} on {participant})"
                raise pytest.exit.Exception(
                    f"harness broken: {self.broken}", returncode=3
                ) from error

        return judge

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the record's end and the page."""
        nothing = not self.run.verdicts or session.config.option.collectonly
        if self.broken is not None or nothing:
            self.run.close()
            return
        missing = None
        selected = [item for item in session.items if "clause" in getattr(item, "fixturenames", ())]
        if len(self.run.verdicts) < len(selected):
            interrupted = session.exitstatus == pytest.ExitCode.INTERRUPTED
            missing = "interrupted" if interrupted else "ended before every clause was judged"
        self.page = self.run.finish(missing=missing)
        if self.run.unmet and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self.run.broken and session.exitstatus != pytest.ExitCode.INTERRUPTED:
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR

    def pytest_unconfigure(self) -> None:
        """Leave no process and no half-written record, however pytest ended."""
        self.run.close()

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say where the report is."""
        if self.page is not None:
            from reports.records.unseen import shown

            terminalreporter.section("conformance")
            for excuse in self.run.idle_excuses:
                terminalreporter.write_line(shown(f"excuse without effect: {excuse}"))
            for lack in self.run.idle_lacks:
                terminalreporter.write_line(shown(f"without effect: {lack}: no error says so"))
            for subject, clause, got in self.run.unmet:
                told = f"required, but does not pass: {clause} of {subject} ({got})"
                terminalreporter.write_line(shown(told))
            for told in self.run.broken:
                terminalreporter.write_line(shown(f"harness broken: {told}"))
            terminalreporter.write_line(f"report: {self.page}")
