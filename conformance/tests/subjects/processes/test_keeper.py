"""What a program may do to its surroundings: it ends, with all that it started, and the verdict says how."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from conformance.subjects.processes import keeper, process
from conformance.subjects.processes.patience import Patience
from conformance.subjects.processes.process import LEAVING, Broken, LineProcess

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="there is no /proc to see processes in"
)

#: Starts a program that sleeps in a session of its own, without a parent, and tells nobody.
ESCAPE = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            time.sleep(600)
    os._exit(0)
os.wait()
"""
#: Holds Python's lock for ever: no thread of the process does anything any more.
HOLD = """
import ctypes
ctypes.PyDLL(None).pause()
"""

#: Starts a child that fills memory, and is stopped itself.
STOPPED = """
import os, signal, time
if os.fork() == 0:
    kept = bytearray(os.urandom(1 << 20)) * 400
    time.sleep(600)
os.kill(os.getpid(), signal.SIGSTOP)
"""


def _ask(program: str, seconds: float = 60.0, memory: float = 2.0, *words: str) -> str:
    """Ask a Python program once; return what is said of it when it gives no answer."""
    asked = LineProcess([sys.executable, "-c", program, *words], os.environ, memory)
    try:
        asked.ask({}, seconds)
    except Broken as reason:
        return str(reason)
    finally:
        asked.kill()
    return "answered"


def _running(mark: str) -> list[int]:
    """The processes that have the mark among their words, but for this one and zombies."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit() and int(path.name) != os.getpid():
            try:
                words = (path / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            except OSError:
                continue
            if mark in words:
                found.append(int(path.name))
    return found


def _all_end(mark: str, seconds: float = 20.0) -> bool:
    """Wait until no process has the mark; tell whether that came."""
    deadline = time.monotonic() + seconds
    while _running(mark) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not _running(mark)


@pytest.fixture
def mark(request: pytest.FixtureRequest) -> str:
    """A word of this test's own, by which its processes are found."""
    return f"mark-{os.getpid()}-{request.node.name}"


def test_a_leak_ends_at_the_limit() -> None:
    said = _ask("kept = []\nwhile True: kept.append(bytearray(10**7))", memory=0.3)
    assert said == "the process was killed: it used more than 0.3 GiB of memory, the limit"


def test_what_children_use_counts_together() -> None:
    program = """
import os, time
for _ in range(3):
    if os.fork() == 0:
        kept = bytearray(os.urandom(1)) * 150_000_000
        time.sleep(600)
time.sleep(600)
"""
    said = _ask(program, memory=0.35)
    assert said == "the process was killed: it used more than 0.35 GiB of memory, the limit"


def test_memory_that_children_share_counts_once() -> None:
    program = """
import os, time
input()
kept = bytearray(b"x") * 150_000_000
for _ in range(5):
    if os.fork() == 0:
        time.sleep(600)
time.sleep(1)
print("{}", flush=True)
"""
    assert _ask(program, memory=0.35) == "answered"


def test_too_many_processes_end_it(mark: str) -> None:
    program = "import os, time\nfor _ in range(300):\n  if os.fork() == 0: time.sleep(600)\ntime.sleep(600)"
    said = _ask(program, 60.0, 2.0, mark)
    assert (said, _running(mark)) == (
        "the process was killed: it had more than 256 processes, the limit",
        [],
    )


def test_a_child_that_leaves_its_session_and_its_parent_ends_with_the_program(mark: str) -> None:
    said = _ask(f"input()\n{ESCAPE}\nprint('{{}}', flush=True); time.sleep(600)", 60.0, 2.0, mark)
    assert (said, _running(mark)) == ("answered", [])


def test_a_child_of_a_program_that_has_ended_does_not_hold_its_verdict_up(mark: str) -> None:
    said = _ask(f"{ESCAPE}\nsys.exit(3)", 60.0, 2.0, mark)
    assert (said, _running(mark)) == ("the process exited with status 3", [])


def test_a_program_that_ignores_every_signal_is_ended(mark: str) -> None:
    program = """
import signal, time
for number in {*signal.valid_signals()} - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
while True:
    time.sleep(600)
"""
    assert (_ask(program, 0.5, 2.0, mark), _running(mark)) == ("no answer within 0.5 seconds", [])


def test_a_program_that_closes_all_its_files_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LAST_SECONDS", 0.5)
    program = "import os, time\nos.closerange(0, 256)\nwhile True: time.sleep(600)"
    assert _ask(program) == "closed its standard output"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_program_cannot_end_its_keeper_politely(number: int) -> None:
    ends = f"import os; os.kill(os.getppid(), {int(number)})"
    program = f"{ends}; input(); print('{{}}', flush=True); input()"
    assert _ask(program) == "answered"


def test_a_program_that_kills_its_keeper_ends_itself(mark: str) -> None:
    program = "import os, time; os.kill(os.getppid(), 9); time.sleep(600)"
    said = _ask(program, 60.0, 2.0, mark)
    assert (said, _all_end(mark)) == ("it killed its keeper", True)


def test_a_program_finds_signals_as_a_shell_would_leave_them() -> None:
    program = """
import json, signal
ignored = [n.name for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) != signal.SIG_DFL]
raise SystemExit(" ".join(ignored))
"""
    assert _ask(program) == "the process exited with status 1"


def test_a_program_is_given_its_three_streams_and_nothing_else() -> None:
    program = """
import os, sys
found = []
for number in range(3, 256):
    try:
        found.append((number, os.readlink(f"/proc/self/fd/{number}")))
    except OSError:
        pass
sys.exit(f"open: {found}")
"""
    assert _ask(program) == "the process exited with status 1; its last words: open: []"


RUNNER = """
import os, sys
from conformance.subjects.processes.process import LineProcess
words = sys.argv[1:]
process = LineProcess([sys.executable, "-c", *words], os.environ)
process.ask({}, 60)
print("asked", flush=True)
input()
"""


@pytest.mark.parametrize(
    "then", ["while True: time.sleep(600)", HOLD], ids=["waits", "holds the lock"]
)
def test_everything_ends_with_a_runner_that_is_killed(
    mark: str, command_environment: Mapping[str, str], then: str
) -> None:
    program = f"input()\n{ESCAPE}\nprint('{{}}', flush=True)\n{then}"
    with subprocess.Popen(
        [sys.executable, "-c", RUNNER, program, mark],
        env=dict(command_environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as runner:
        assert runner.stdout is not None
        assert runner.stdout.readline() == b"asked\n"
        found = len(_running(mark))
        runner.kill()
    assert (found, _all_end(mark)) == (4, True)  # runner, keeper, program and what left it


#: A child computes and ends, another one computes, answers and stays.
COMPUTE = """
import os, time
input()
def compute():
    while time.process_time() < 0.15:
        pass
if os.fork() == 0:
    compute()
    os._exit(0)
os.wait()
if os.fork() == 0:
    compute()
    print("{}", flush=True)
time.sleep(600)
"""


def test_what_children_compute_counts_as_the_program_s_own() -> None:
    before = keeper.processor_seconds(os.getpid())
    asked = LineProcess([sys.executable, "-c", COMPUTE], os.environ)
    try:
        asked.ask({}, 60)
        computed = keeper.processor_seconds(os.getpid()) - before
    finally:
        asked.kill()
    assert computed >= 0.28  # the system counts hundredths


class Endless(Patience):
    """It never runs out."""

    def wait(self) -> float:
        return 0.05


class Spent(Patience):
    """It has run out from the first."""

    def wait(self) -> float:
        return 0.0


@pytest.mark.parametrize(
    ("kind", "said"), [(Endless, "answered"), (Spent, "no answer within 0.01 seconds")]
)
def test_a_program_is_waited_for_as_long_as_patience_lasts(
    kind: type, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "Patience", kind)
    assert (
        _ask("import time; input(); time.sleep(0.1); print('{}', flush=True); input()", 0.01)
        == said
    )


#: Answers its first question; at its end, or instead of it, does what the rest of the program says.
ANSWER = """
import atexit, os, sys, time
from pathlib import Path
sys.stdin.readline()
print("{}", flush=True)
"""


def _end(program: str, question: bool = True) -> float:
    """Let a program end after an answer, or in the middle of one; return the seconds until it has."""
    asked = LineProcess([sys.executable, "-c", program], os.environ)
    try:
        asked.ask({}, 60)
        if not question:
            with pytest.raises(Broken):
                asked.ask({}, 0.2)
    finally:
        started = time.monotonic()
        asked.end()
    return time.monotonic() - started


def test_a_program_may_clean_up_at_its_end(tmp_path: Path) -> None:
    left = tmp_path / "temporary"
    _end(f"{ANSWER}p = Path({str(left)!r}); p.touch(); atexit.register(p.unlink); sys.stdin.read()")
    assert not left.exists()


def test_a_program_that_does_not_end_is_ended() -> None:
    assert LEAVING <= _end(f"{ANSWER}time.sleep(600)") < LEAVING + 10


def test_a_program_that_owes_an_answer_is_not_waited_for() -> None:
    assert _end(f"{ANSWER}time.sleep(600)", question=False) < LEAVING


def test_what_a_program_leaves_running_at_its_end_is_ended(mark: str) -> None:
    sleeps = "import time; time.sleep(600)"
    _end(
        f"{ANSWER}import subprocess; subprocess.Popen([sys.executable, '-c', {sleeps!r}, {mark!r}])"
    )
    assert _all_end(mark)


def test_a_program_that_is_not_there_is_told_by_the_system() -> None:
    with pytest.raises(FileNotFoundError, match="No such file or directory"):
        LineProcess(["/no/such/program"], os.environ)


def test_a_program_that_is_stopped_keeps_its_limits():
    assert "used more than 0.2 GiB of memory" in _ask(STOPPED, memory=0.2)


@pytest.mark.parametrize("is_stopped", [True, False])
def test_a_stopped_process_is_known(is_stopped):
    with subprocess.Popen(["sleep", "600"]) as program:
        if is_stopped:
            program.send_signal(signal.SIGSTOP)
            os.waitpid(program.pid, os.WUNTRACED)
        try:
            assert keeper._is_stopped(program.pid) == is_stopped
        finally:
            program.kill()


def test_a_stopped_program_ends_with_its_runner():
    started = LineProcess([sys.executable, "-c", "import time; time.sleep(600)"], os.environ)
    (program,) = keeper.descendants(started._keeper.pid)
    os.kill(program, signal.SIGSTOP)
    started.kill()
    assert not Path(f"/proc/{program}").exists()


#: Starts a child by another thread than its first one; the child starts two, and says which.
FAMILY = """
import subprocess, sys, threading
inner = [sys.executable, "-c", '''
import subprocess, sys
two = [subprocess.Popen(["sleep", "600"]) for _ in range(2)]
print(*(one.pid for one in two), flush=True)
two[0].wait()
''']
def start():
    with subprocess.Popen(inner) as child:
        child.wait()
threading.Thread(target=start).start()
"""


@pytest.mark.parametrize("lists_children", [True, False])
def test_all_processes_below_one_are_found(lists_children: bool, monkeypatch: pytest.MonkeyPatch):
    if not lists_children:  # as on kernels without such lists
        monkeypatch.setattr(os.path, "exists", lambda _: False)
    with subprocess.Popen([sys.executable, "-c", FAMILY], stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        two = {*map(int, program.stdout.readline().split())}
        below = keeper.descendants(program.pid)
        for pid in (program.pid, *below):
            os.kill(pid, signal.SIGKILL)
    assert (len(below), len(two), two < {*below}) == (3, 2, True)


def test_below_what_is_gone_there_is_nothing():
    with subprocess.Popen(["true"]) as program:
        program.wait()
    assert keeper.descendants(program.pid) == []
