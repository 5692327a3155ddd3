"""Whatever ends a run, what it had judged stays, is read, and can be continued to an undisturbed run's end."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import fast_impl
import reports
from conformance.run import record
from conformance.run.interruption import Interruption
from conformance.run.record import RecordWriter
from conformance.run.run import Run
from conformance.run.settings.options import Options
from conformance.subjects.objects import ObjectSubject
from reports.records.record import FILE_NAME, PARTIAL_NAME

WORDS = (
    "run", "--subject", "fast", "--subject", "other=fast", "--clause", "METH-06", "--clause", "DTYPE-04",
    "--clause", "SHAPE-13",
    "--examples", "2", "--out", "out",
)  # fmt: skip
#: Verdicts of such a run.
VERDICTS = 6


class ForgetsBias(fast_impl.Conv2DTranspose):
    """A layer that gives findings."""

    def __call__(self, inputs: Any) -> Any:
        outputs = super().__call__(inputs)
        return outputs if self.bias is None else outputs - self.bias


def _options(out: Path, **changes: Any) -> Options:
    subjects = (
        ObjectSubject(ForgetsBias, "mine"),
        ObjectSubject(fast_impl.Conv2DTranspose, "right"),
    )
    return Options(
        subjects=subjects,
        clauses=("METH-06", "DTYPE-04", "SHAPE-13"),
        examples=2,
        out=out,
        **changes,
    )


def _judge_all(options: Options) -> list[dict[str, Any]]:
    run = Run(options)
    list(run.judge_all())
    run.finish(page=False)
    return _lines(options.out / FILE_NAME)


def _lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a record, but for how long it took and when it started."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [{k: v for k, v in line.items() if k not in ("seconds", "started")} for line in lines]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing disturbed."""
    out = tmp_path_factory.mktemp("undisturbed")
    _judge_all(_options(out))
    return out


@pytest.fixture(scope="module")
def content(undisturbed: Path) -> bytes:
    """Its record, with a finding."""
    return (undisturbed / FILE_NAME).read_bytes()


@pytest.fixture(scope="module")
def conforming(command: Callable[..., Any]) -> Path:
    """The record of the command, without findings."""
    path: Path = command(*WORDS).out / FILE_NAME
    return path


def _ends(content: bytes, kind: str = "") -> list[int]:
    """Where the lines of a record end, or those of a kind."""
    ends, place = [], 0
    for line in content.splitlines(keepends=True):
        place += len(line)
        if json.loads(line)["kind"] == kind or not kind:
            ends.append(place)
    return ends


def _killed(folder: Path, content: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / PARTIAL_NAME).write_bytes(content)
    return folder


def test_a_record_that_ends_after_any_line_is_read(tmp_path: Path, content: bytes) -> None:
    verdicts = _ends(content, "verdict")
    cuts = _ends(content)[:-1]
    found = [reports.load(_killed(tmp_path, content[:cut]) / PARTIAL_NAME) for cut in cuts]
    assert [len(one.verdicts) for one in found] == [
        sum(end <= cut for end in verdicts) for cut in cuts
    ]


def test_a_record_that_ends_after_any_byte_is_read(tmp_path: Path, content: bytes) -> None:
    verdicts = _ends(content, "verdict")
    cuts = random.Random(0).sample(range(_ends(content)[0], len(content) - 1), 200)
    found = [reports.load(_killed(tmp_path, content[:cut]) / PARTIAL_NAME) for cut in cuts]
    # What lacks nothing but its line end is whole.
    assert [len(one.verdicts) for one in found] == [
        sum(end - 1 <= cut for end in verdicts) for cut in cuts
    ]


@pytest.mark.parametrize("judged", range(VERDICTS + 1))
def test_a_run_that_is_continued_ends_as_an_undisturbed_one(
    tmp_path: Path, undisturbed: Path, content: bytes, judged: int
) -> None:
    ends = [_ends(content)[0], *_ends(content, "verdict")]
    torn = content[: ends[judged] + 40]
    again = _judge_all(_options(_killed(tmp_path / "out", torn), resume=True))
    assert again == _lines(undisturbed / FILE_NAME)


@pytest.fixture
def here(tmp_path: Path, command: Callable[..., Any]) -> Callable[..., Any]:
    """Run the command in a folder of the test's own."""
    return lambda *words: command(*words, cwd=tmp_path)


def test_a_run_that_was_interrupted_is_continued(
    here: Callable[..., Any], tmp_path: Path, conforming: Path
) -> None:
    content = conforming.read_bytes()
    lines = content.splitlines(keepends=True)
    footer = {**json.loads(lines[-1]), "complete": False, "reason": "interrupted"}
    _killed(tmp_path / "out", b"").joinpath(PARTIAL_NAME).unlink()
    kept = content[: _ends(content, "verdict")[2]] + json.dumps(footer).encode() + b"\n"
    (tmp_path / "out" / FILE_NAME).write_bytes(kept)
    here(*WORDS, "--resume")
    written = _lines(tmp_path / "out" / FILE_NAME)
    assert written[1:] == _lines(conforming)[1:]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["index.html", FILE_NAME]


def test_where_there_is_nothing_to_continue_a_run_begins(
    here: Callable[..., Any], tmp_path: Path
) -> None:
    done = here(*WORDS, "--resume")
    assert (done.status, len(done.lines("verdict"))) == (0, VERDICTS)


def test_a_finished_run_is_not_continued(
    here: Callable[..., Any], tmp_path: Path, conforming: Path
) -> None:
    content = conforming.read_bytes()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / FILE_NAME).write_bytes(content)
    done = here(*WORDS, "--resume")
    assert (done.status, done.stderr.count("\n"), "is complete" in done.stderr) == (2, 1, True)
    assert (tmp_path / "out" / FILE_NAME).read_bytes() == content


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (("--seed", "1"), "another --seed"),
        (("--examples", "3"), "another --profile or --examples"),
        (("--clause", "VAL-01"), "other clauses"),
        (("--subject", "fast:direct"), "other subjects"),
        (("--timeout", "3"), "another --timeout"),
    ],
    ids=str,
)
def test_a_run_with_other_options_is_not_continued(
    here: Callable[..., Any], tmp_path: Path, conforming: Path, changes: tuple[str, ...], told: str
) -> None:  # fmt: skip
    content = conforming.read_bytes()
    cut = content[: _ends(content, "verdict")[-1]]
    out = _killed(tmp_path / "out", cut)
    done = here(*WORDS, *changes, "--resume")
    assert (done.status, done.stderr.count("\n"), told in done.stderr) == (2, 1, True)
    assert (out / PARTIAL_NAME).read_bytes() == cut


def test_a_run_with_the_same_options_said_otherwise_is_continued(
    here: Callable[..., Any], tmp_path: Path, conforming: Path
) -> None:
    content = conforming.read_bytes()
    _killed(tmp_path / "out", content[: _ends(content, "verdict")[-1]])
    assert here(*WORDS, "--clause", "DTYPE-04", "--resume").status == 0


def test_what_an_unfinished_run_found_is_set_aside_by_a_new_one(
    here: Callable[..., Any], tmp_path: Path, conforming: Path
) -> None:
    content = conforming.read_bytes()
    cut = content[: _ends(content, "verdict")[2]]
    out = _killed(tmp_path / "out", cut)
    done = here(*WORDS)
    (kept,) = (path for path in out.iterdir() if path.name not in (FILE_NAME, "index.html"))
    assert (kept.read_bytes() == cut, f"is now in out/{kept.name}" in done.stdout) == (True, True)


@pytest.mark.parametrize(
    ("words", "status"), [(("report",), 0), (("diff", "out/run.jsonl"), 0), (("replay",), 0)], ids=str
)  # fmt: skip
def test_a_command_that_reads_an_unfinished_record_says_so(
    here: Callable[..., Any], tmp_path: Path, content: bytes, words: tuple[str, ...], status: int
) -> None:
    _killed(tmp_path / "out", content[: _ends(content, "verdict")[2] + 9])
    done = here(*words, "out/run.jsonl", *(("--subject", "reference") if "replay" in words else ()))
    told = "out/run.partial.jsonl: unfinished (killed, or still running): 3 of 6 clauses judged (3 on each"
    assert (done.status, told in done.stdout + done.stderr) == (status, True)


def test_the_page_of_an_unfinished_record_says_so(
    here: Callable[..., Any], tmp_path: Path, conforming: Path
) -> None:
    content = conforming.read_bytes()
    _killed(tmp_path / "out", content[: _ends(content, "verdict")[2]])
    here("report", "out/run.jsonl")
    text = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "This run is unfinished (killed, or still running): 3 of 6 clauses judged" in text


class FullDisk:
    """A disk that takes so many verdicts, with what is written before them, and nine bytes more."""

    def __init__(self, verdicts: int) -> None:
        self._verdicts = verdicts
        self._free: int | None = None
        self._write = os.write

    def write(self, file: int, data: bytes) -> int:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return self._write(file, data)
        if self._free == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._write(file, data[: self._free])
        if self._free is not None:
            self._free -= written
        else:
            self._verdicts -= data.count(b'{"kind": "verdict"')
            self._free = None if self._verdicts > 0 else 9
        return written


@pytest.mark.parametrize("judged", [0, 1, VERDICTS - 1, VERDICTS])
def test_a_full_disk_ends_the_run_in_one_line_and_keeps_what_was_judged(
    here: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, judged: int
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(record.os, "write", FullDisk(judged).write)
        done = here(*WORDS)
    partial = tmp_path / "out" / PARTIAL_NAME
    kept = len(reports.load(partial).verdicts) if partial.exists() else 0
    said = [line for line in done.stdout.splitlines() if "No space left on device" in line]
    assert (done.status, len(said), "Traceback" in done.stderr, kept) == (3, 1, False, judged)  # fmt: skip


def test_a_run_that_a_full_disk_ended_is_continued(
    here: Callable[..., Any], tmp_path: Path, conforming: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(record.os, "write", FullDisk(4).write)
        done = here(*WORDS)
    assert "what was judged is in 'out/run.partial.jsonl', and --resume continues it" in done.stdout
    here(*WORDS, "--resume")
    assert _lines(tmp_path / "out" / FILE_NAME)[1:] == _lines(conforming)[1:]


@pytest.mark.parametrize("name", [FILE_NAME, PARTIAL_NAME])
def test_a_folder_in_the_place_of_the_record_is_told_in_one_line(
    here: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    (tmp_path / "out" / name).mkdir(parents=True)
    done = here(*WORDS)
    said = done.stdout.replace("running", "").strip()
    assert (done.status, said.count("\n"), f"out/{name}" in said) == (3, 0, True)


def test_a_folder_in_the_place_of_the_record_at_the_end_loses_nothing(
    tmp_path: Path, content: bytes
) -> None:
    run = Run(_options(tmp_path))
    list(run.judge_all())
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(
        record.OutputError, match=r"^cannot write to .*run\.partial\.jsonl': [^\n]*$"
    ):
        run.finish()
    run.close()
    assert len(reports.load(tmp_path / PARTIAL_NAME).verdicts) == VERDICTS


def test_a_folder_that_may_only_be_read_is_told_in_one_line(
    here: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def read_only(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return opened(path, flags, *rest, **more)

    monkeypatch.setattr(record.os, "open", read_only)
    done = here(*WORDS)
    assert (done.status, done.stdout.count("Read-only file system")) == (3, 1)


def test_a_second_run_into_the_same_folder_is_refused_in_one_line(
    here: Callable[..., Any], tmp_path: Path
) -> None:
    with RecordWriter(tmp_path / "out"):
        done = here(*WORDS)
    assert (done.status, done.stderr.count("\n")) == (2, 1)
    assert "another run is writing its record into 'out'" in done.stderr


def test_a_folder_is_free_again_when_its_run_has_ended(tmp_path: Path) -> None:
    with RecordWriter(tmp_path):
        pass
    with RecordWriter(tmp_path) as writer:
        assert writer.earlier is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_interrupt(number: int) -> None:
    before = signal.signal(number, signal.default_int_handler)  # nohup may have changed it
    try:
        with Interruption().watched(), pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    finally:
        signal.signal(number, before)


def test_a_signal_does_not_disturb_the_end_of_a_run() -> None:
    interruption = Interruption()
    with interruption.watched():
        interruption.end()
        signal.raise_signal(signal.SIGTERM)
    assert not interruption.requested


@pytest.fixture(scope="module")
def killed(
    tmp_path_factory: pytest.TempPathFactory, command_environment: Mapping[str, str]
) -> Path:
    """The folder of a run that was killed while its second subject was being judged."""
    folder = tmp_path_factory.mktemp("killed")
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "conformance", *WORDS],
        cwd=folder,
        env=dict(command_environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("running other"):
                break
        process.kill()
    return folder


def test_a_run_that_is_killed_leaves_what_it_has_judged(killed: Path) -> None:
    found = reports.load(killed / "out" / FILE_NAME)
    assert {verdict.subject for verdict in found.verdicts} >= {"fast"}


def test_a_run_that_was_killed_is_continued(
    killed: Path, command: Callable[..., Any], conforming: Path
) -> None:
    command(*WORDS, "--resume", cwd=killed)
    assert _lines(killed / "out" / FILE_NAME)[1:] == _lines(conforming)[1:]
