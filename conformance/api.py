"""The suite from Python: `check` in a script or a notebook, `parametrize` in a test suite of one's own."""

from __future__ import annotations

import inspect
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import attrs

import reports
from conformance.model.clauses import Clause, matching
from conformance.run.run import Run
from conformance.run.settings.options import CHOICES, PROFILES, Options, make_options
from conformance.run.verdicts import Judgement
from conformance.subjects import Subject, resolve
from conformance.subjects.objects import ObjectSubject
from conformance.subjects.processes.process import MEMORY
from reports.records.record import FILE_NAME, Finding, Record, Verdict
from reports.records.statuses import BAD
from reports.records.unseen import shown
from reports.views.conclusions.scopes import Scope, of_subject, sentence

Test = TypeVar("Test", bound=Callable[..., Any])


class NotConforming(AssertionError):  # noqa: N818 - what a test that fails is about, not an error in it
    """A subject does not conform; the message has the findings."""


@attrs.frozen(eq=False, repr=False)
class Result:
    """What `check` found.

    Args:
        record: the whole record, as ``run.jsonl`` holds it.
        conforms: whether nothing is wrong and at least one clause passed.
        texts: each finding in words, with a script to paste.
    """

    record: Record
    conforms: bool
    texts: tuple[str, ...]
    #: Where the record is, while this object lives.
    _folder: _Folder

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """One for each clause, in the order of the page; `clause`, `status`, `reason`, `examples`."""
        return self.record.verdicts

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The smallest case of each clause that does not hold."""
        return self.record.findings

    @property
    def scopes(self) -> Mapping[str, Scope]:
        """How the subject stands in each scope: `passed`, `broken`, `missing`, `excused`, `conforms`."""
        name = self.record.header.subjects[0].name
        found = of_subject(self.record.header.clauses, self.verdicts, name)
        return {scope.name: scope for scope in found}

    def raise_for_findings(self) -> None:
        """Do nothing where the subject conforms.

        Raises:
            NotConforming: with all findings; or nothing could be judged.
        """
        if not self.conforms:
            raise NotConforming(shown("\n\n".join([repr(self), *self.texts])))

    def report(self, path: str | Path) -> Path:
        """Write ``index.html`` and ``run.jsonl`` into a folder, or the page alone into a file ``*.html``.

        Returns:
            Where the page is.

        Raises:
            OSError: it cannot be written.
        """
        page = Path(path)
        if page.suffix != ".html":
            page.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._folder.path / FILE_NAME, page / FILE_NAME)
            page /= "index.html"
        reports.write(self.record, page)
        return page

    def __repr__(self) -> str:
        names = dict.fromkeys(subject.name for subject in self.record.header.subjects)
        counts: dict[str, list[str]] = {}
        for verdict in self.verdicts:
            counts.setdefault(verdict.status, []).append(verdict.clause)
        lines = [f"{', '.join(names)} {'conforms' if self.conforms else 'does not conform'}"]
        for status, clauses in counts.items():
            told = ", ".join(dict.fromkeys(clauses)) if status in BAD else ""
            lines.append(f"  {status:<12} {len(clauses):>4}  {told}".rstrip())
        lines.append(f"  {sentence(tuple(self.scopes.values()))}")
        return "\n".join(lines)


def check(
    target: Any,
    *,
    scope: str | Iterable[str] = (),
    clause: str | Iterable[str] = (),
    profile: str = "core",
    examples: int | None = None,
    seed: int = 0,
    expect: str | Path | None = None,
    unsupported: str | Iterable[str] = (),
    timeout: float = 20.0,
    memory: float = MEMORY,
    name: str | None = None,
) -> Result:
    """Judge an implementation, as ``conformance run`` does.

    Args:
        target: a class with the page's constructor; a callable that takes the constructor's arguments and
            makes a layer; a function ``conv2d_transpose(inputs, kernel, strides, padding, data_format)``: they
            run in this process, importable or not. Or a text, as after ``--subject``: it runs in a process of
            its own, where a crash or a hang is a verdict, too.
        scope: ``numbers``, ``layer``, ``training``, ``drop-in``; one or more. Default: all.
        clause: ids or patterns such as ``"PAD-*"``. Default: all.
        profile: ``smoke``, ``core`` or ``deep``: how many examples.
        examples: that many, instead of the profile's.
        seed: the same seed draws the same cases.
        expect: a TOML file of excused failures, and of what the subject lacks.
        unsupported: regular expressions: errors whose message has one say that the subject does not offer
            something.
        timeout: how many seconds a case may take in a process of its own.
        memory: how many GiB the processes of a text's subject may use together.
        name: what the report calls the subject.

    Raises:
        LoadError: `target` is no implementation, or cannot be loaded.
        ExcuseError: the file of excuses cannot be used.
        ValueError: another argument cannot be used, with its value and the rule.
    """
    options = _options(
        target,
        scope=scope,
        clause=clause,
        profile=profile,
        examples=examples,
        seed=seed,
        expect=expect,
        unsupported=unsupported,
        timeout=timeout,
        memory=memory,
        name=name,
    )
    folder = _Folder()
    run = Run(attrs.evolve(options, out=folder.path))
    try:
        judgements = list(run.judge_all())
        path = run.finish(page=False)
    finally:
        run.close()
    texts = tuple(j.text for j in judgements if j.verdict.status in BAD)
    return Result(run.result or reports.load(path), run.exit_status == 0, texts, folder)


class Judged:
    """One clause of one subject, judged when it is called: what a parametrized test is given.

    Args:
        clause: the clause.
        session: the run that it is judged in.
    """

    def __init__(self, clause: Clause, session: _Session) -> None:
        self.clause = clause
        self._session = session

    def judgements(self) -> list[Judgement]:
        """Judge the clause, in every mode of the subject."""
        run = self._session.run
        return [run.judge(participant, self.clause) for participant in run.participants]

    def __call__(self) -> None:
        """End the test as the clause is judged: failed, skipped where unsupported, xfailed where excused."""
        import pytest

        judged = self.judgements()
        statuses = {j.verdict.status for j in judged}
        if statuses & BAD:
            told = "\n\n".join(j.text for j in judged if j.verdict.status in BAD)
            pytest.fail(shown(told), pytrace=False)
        if "pass" in statuses:
            return
        verdict = judged[0].verdict
        reason = shown(verdict.reason or "")
        if verdict.status == "excused":
            pytest.xfail(reason)
        pytest.skip(f"{verdict.status}: {reason}")

    def __repr__(self) -> str:
        return f"<{self.clause.id} of {self._session.name}>"


def parametrize(*targets: Any, **options: Any) -> Callable[[Test], Test]:
    """Make a test of one's own suite into one item for each clause.

    It decorates the test::

        @conformance.parametrize(MyLayer, scope="numbers")
        def test_my_layer(check):
            check()

    An item is judged when it runs; cases that clauses share are run once in each process of pytest.

    Args:
        targets: as `check` takes them.
        options: the keyword arguments of `check`; `profile` is ``smoke`` unless it is given.

    Raises:
        LoadError, ExcuseError, ValueError: as `check`.
        TypeError: the test does not take `check`.
    """
    import pytest

    prepared = [_options(target, **{"profile": "smoke", **options}) for target in targets]
    if not prepared:
        raise ValueError("parametrize: give a class, a function or the text of a --subject")
    parameters = []
    for chosen in prepared:
        session = _Session(chosen)
        parameters += [
            pytest.param(Judged(clause, session), id=f"{session.name}-{clause.id}")
            for clause in matching(chosen.clauses, None, chosen.scopes)
        ]

    def decorate(test: Test) -> Test:
        if "check" not in inspect.signature(test).parameters:
            raise TypeError(f"{test.__name__} must take the argument `check`, and call it")
        decorated: Test = pytest.mark.parametrize("check", parameters)(test)
        return decorated

    return decorate


class _Folder:
    """A temporary folder that lives as long as this object."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="conformance-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


class _Session:
    """A run that begins when its first clause is judged, and is over with this process."""

    def __init__(self, options: Options) -> None:
        self._options = options

    @property
    def name(self) -> str:
        """What the subject is called."""
        (subject,) = self._options.subjects
        return subject if isinstance(subject, str) else subject.name

    @cached_property
    def run(self) -> Run:
        """The run; its record is of no use to a test suite, which has a report of its own."""
        self._folder = _Folder()
        run = Run(attrs.evolve(self._options, out=self._folder.path))
        weakref.finalize(self, run.close)
        return run


def _options(
    target: Any,
    *,
    scope: str | Iterable[str] = (),
    clause: str | Iterable[str] = (),
    profile: str = "core",
    name: str | None = None,
    expect: str | Path | None = None,
    unsupported: str | Iterable[str] = (),
    **others: Any,
) -> Options:
    if profile not in PROFILES:
        raise ValueError(f"profile {profile!r}: the profiles are {', '.join(PROFILES)}")
    values = {choice.name: choice.default for choice in CHOICES}
    # Further processes would run the script that calls this once more.
    values["jobs"] = 1
    unknown = sorted(others.keys() - values.keys())
    if unknown:
        raise TypeError(f"unknown argument {unknown[0]!r}")
    values |= others
    values |= {
        "scope": _texts(scope),
        "clause": _texts(clause),
        "profile": profile,
        "expect": None if expect is None else Path(expect),
        "unsupported": _texts(unsupported),
    }
    subject: str | Subject
    if isinstance(target, str):
        subject = target if name is None else f"{name}={target}"
        for checked in resolve(subject, values["timeout"], values["memory"]):
            checked.close()
    else:
        subject = ObjectSubject(target, name)
    matching(values["clause"], None, values["scope"])
    return attrs.evolve(make_options(values, ("conformance.check",)), subjects=(subject,))


def _texts(given: str | Iterable[str]) -> Sequence[str]:
    return (given,) if isinstance(given, str) else tuple(given)
