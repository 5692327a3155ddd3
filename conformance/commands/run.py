"""``conformance run``: judge subjects, write the record and the page."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from conformance import plugin
from conformance.commands.failing import usage_error
from conformance.run.options import CHOICES, USAGE_ERRORS, make_options
from conformance.run.run import BAD, Run
from conformance.subjects import Subject, tensorflow_is_installed

#: The terminal shows the first few findings; the report has them all.
FINDINGS_SHOWN = 6
STYLES = {
    "pass": "green",
    "fail": "bold red",
    "error": "bold red",
    "stale-excuse": "bold red",
    "excused": "yellow",
    "unsupported": "yellow",
    "not-run": "dim",
}


def _with_choices(function: Any) -> Any:
    for choice in reversed(CHOICES):
        kind: Any = choice.type
        if choice.choices:
            kind = click.Choice(choice.choices)
        elif choice.type is Path:
            kind = click.Path(path_type=Path)
        function = click.option(
            choice.flag,
            metavar=None if choice.choices else choice.metavar,
            default=choice.default,
            multiple=choice.repeatable,
            type=kind,
            show_default=choice.default is not None,
            help=choice.help,
        )(function)
    return function


@click.command()
@_with_choices
def run(**values: Any) -> None:
    """Judge every clause on every subject; write run.jsonl and index.html.

    Exit status: 0 every subject conforms; 1 findings, a stale excuse, or a subject on which nothing could
    be judged; 2 bad usage; 3 the harness is broken; 130 interrupted. `pytest --pyargs conformance` gives the
    same verdicts with the same options.
    """
    console = Console(highlight=False)
    try:
        options = make_options(values, ("conformance", *sys.argv[1:]))
        with console.status("starting the subjects"):
            conformance_run = Run(options)
    except USAGE_ERRORS as error:
        usage_error(error)
    if conformance_run.is_default and not tensorflow_is_installed():
        console.print(
            "TensorFlow is not installed here: fast is tested against reference, which is the oracle.\n"
            "pip install 'conv2d-transpose-conformance\\[tensorflow]' brings the real layer in.",
            style="yellow",
        )
    raise SystemExit(_conduct(conformance_run, console))


def _conduct(conformance_run: Run, console: Console) -> int:
    pytest_run = plugin.RunPlugin(conformance_run)
    with _Bar(conformance_run, console) as bar:
        status = int(_pytest([pytest_run, bar]))
    if pytest_run.broken is not None:
        console.print(f"harness broken: {pytest_run.broken}", style="bold red", markup=False)
        return 3
    if pytest_run.page is None:
        console.print(f"no verdict was reached (pytest ended with status {status})", style="red")
        return 130 if status == pytest.ExitCode.INTERRUPTED else 3
    _summary(conformance_run, console)
    folder = pytest_run.page.parent
    if status == pytest.ExitCode.INTERRUPTED:
        console.print(
            f"interrupted: what was judged until then is in {pytest_run.page}", style="yellow"
        )
        console.print(f"to see it: open the page, or `conformance report {folder / 'run.jsonl'}`")
        return 130
    console.print(f"report: {pytest_run.page}", soft_wrap=True)
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        console.print(f"harness broken: pytest ended with status {status}", style="bold red")
        return 3
    return conformance_run.exit_status


def _pytest(plugins: list[object]) -> int | pytest.ExitCode:
    # Neither the configuration nor the plugins of the folder we happen to be in have a say.
    ignored = {name: os.environ.pop(name, None) for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")}
    arguments = [
        "--pyargs", "conformance.test_page",
        "-c", str(plugin.PACKAGE / "run.ini"),
        "-p", "no:terminal", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist",
        "-p", "no:cov", "-p", "no:timeout", "--noconftest",
        "--capture=no",  # pytest would keep the progress to itself
    ]  # fmt: skip
    try:
        names = ["conformance-run", "conformance-bar"]
        return pytest.main(arguments, plugins=[_Named(names, plugins)])
    finally:
        os.environ.update({name: value for name, value in ignored.items() if value is not None})


class _Named:
    """Registers plugins under their names, so that the entry point finds the run begun already."""

    def __init__(self, names: list[str], plugins: list[object]) -> None:
        self._pairs = list(zip(names, plugins))

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        for name, plugin_object in self._pairs:
            config.pluginmanager.register(plugin_object, name)


class _Bar:
    """A progress bar over the cases of a run; plain lines where there is no terminal."""

    def __init__(self, conformance_run: Run, console: Console) -> None:
        self._run = conformance_run
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self._done: dict[tuple[str, str, str], int] = {}
        self._announced: set[tuple[str, str]] = set()
        self._findings = 0

    def __enter__(self) -> _Bar:
        self._run.on_progress(self._advance)
        self._progress.start()
        self._task = self._progress.add_task("cases", total=self._run.total_cases)
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _advance(self, family: str, subject: Subject, done: int) -> None:
        self._done[family, subject.name, subject.mode] = done
        label = f"{subject.name} ({subject.mode})"
        self._progress.update(
            self._task, completed=sum(self._done.values()), description=f"{label}: {family}"
        )
        if not self._console.is_terminal and (subject.name, subject.mode) not in self._announced:
            self._announced.add((subject.name, subject.mode))
            self._console.print(f"running {label}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" or not report.failed:
            return
        self._findings += 1
        if self._findings <= FINDINGS_SHOWN:
            title, *rest = str(report.longrepr).splitlines()
            subject = report.nodeid.partition("[")[2].partition(f"-{title.partition(' ')[0]}]")[0]
            self._say(f"{subject}: {title}", style="bold red")
            self._say(f"  {rest[0]}" if rest else "")
        elif self._findings == FINDINGS_SHOWN + 1:
            self._say("  more findings are in the report", style="dim")

    def _say(self, text: str, style: str | None = None) -> None:
        self._console.print(text, style=style, markup=False, soft_wrap=True)


def _summary(conformance_run: Run, console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("subject")
    table.add_column("mode")
    used = [s for s in STYLES if any(v.status == s for v in conformance_run.verdicts)]
    for status in used:
        table.add_column(status, justify="right", style=STYLES[status])
    table.add_column("cases", justify="right")
    table.add_column("examples", justify="right")
    for subject in conformance_run.subjects:
        own = [
            v
            for v in conformance_run.verdicts
            if (v.subject, v.mode) == (subject.name, subject.mode)
        ]
        counts = [str(sum(v.status == status for v in own)) for status in used]
        cases = f"{conformance_run.cases_run(subject):,}"
        examples = f"{sum(v.examples for v in own):,}"
        table.add_row(subject.name, subject.mode, *counts, cases, examples)
    console.print(table)
    for line in _coverage_lines(conformance_run):
        console.print(line, markup=False, soft_wrap=True)
    for excuse in conformance_run.idle_excuses:
        text = f"excuse without effect: {excuse}"
        console.print(text, style="yellow", markup=False, soft_wrap=True)
    bad = [v for v in conformance_run.verdicts if v.status in BAD]
    if bad:
        names = ", ".join(dict.fromkeys(v.clause for v in bad))
        console.print(f"not conforming: {names}", style="bold red", markup=False, soft_wrap=True)


def _coverage_lines(conformance_run: Run) -> list[str]:
    """Say which share of the space was exercised: once, unless subjects differ in it."""
    groups = conformance_run.coverage()
    shares = {(coverage.covered, coverage.total) for _, coverage in groups}
    if len(shares) == 1:
        _, fewest = min(groups, key=lambda group: group[1].least)
        return [f"exercised: {fewest}"]
    return [
        f"exercised on {', '.join(f'{s.name} ({s.mode})' for s in subjects)}: {coverage}"
        for subjects, coverage in groups
    ]
