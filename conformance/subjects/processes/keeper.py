"""Starts a program, watches it, and ends it with everything that it has started. A script of its own.

``python keeper.py SOCKET MEMORY COMMAND...``: whoever starts it holds the other end of SOCKET, is told of what
happens there, a line each, and ends everything by closing it. A runner that is killed closes it, too.

=================  ==========================================================
``started PID``    the program runs
``failed ERRNO``   it cannot be started
``ended STATUS``   it ended: its exit status, or minus its signal
``over LIMIT``     it is ended now, as it went over a limit
=================  ==========================================================

On Linux it becomes the parent of every orphan below it, so that no process can leave; elsewhere the program's
group is all that is known.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import socket
import sys
import time

#: Seconds between two looks at the program itself; looks at all that it started take a 50th of a core at most.
INTERVAL, SHARE = 0.1, 50
#: Processes that a program may have at once.
PROCESSES = 256
_PAGE, _TICKS = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
#: How it is told that a program has used too much.
TOO_LARGE = "of memory, the limit"
_GIB = 2**30
#: Of Linux: <sys/prctl.h>.
_SET_DEATH_SIGNAL, _SET_SUBREAPER = 1, 36
#: Signals by which nobody but the runner ends the keeper.
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)
#: Signals that Python ignores and a program expects to find as they were.
_RESTORED = (*_IGNORED, signal.SIGXFSZ)


class Keeper:
    """Keeps one program.

    Args:
        runner: the socket.
        memory: bytes that all its processes may use; 0 for any.
        command: the program and its arguments.
    """

    def __init__(self, runner: socket.socket, memory: int, command: list[str]) -> None:
        self._runner, self._memory = runner, memory
        self._next = 0.0
        self._woken, waking = os.pipe()
        for end in (self._woken, waking):
            os.set_blocking(end, False)
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(waking)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        adopt_orphans()
        own, (failing, failed) = os.getpid(), os.pipe()
        self._child, self._runs = os.fork(), True
        if self._child == 0:
            _become(command, own, failed)
        os.close(failed)
        error = os.read(failing, 16).decode()  # closed by the program's start
        self._tell(f"failed {error}" if error else f"started {self._child}")
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(silence, stream)

    def watch(self) -> None:
        """Return when the runner is gone, having ended everything."""
        while not select.select([self._runner], [], [], 0)[0]:
            self._reap()
            if self._runs and (over := self._over()):
                self._tell(f"over {over}")
                self._end()
            select.select([self._runner.fileno(), self._woken], [], [], INTERVAL)
            with contextlib.suppress(BlockingIOError):
                os.read(self._woken, 4096)
        self._end()

    def _tell(self, line: str) -> None:
        with contextlib.suppress(OSError):  # it is gone: `watch` will see
            self._runner.send(f"{line}\n".encode())

    def _reap(self) -> None:
        """Wait for every child that has ended; with the program, all that it started is ended."""
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = found
                if pid == self._child:
                    self._kill_group()
                    self._runs = False
                    self._tell(f"ended {os.waitstatus_to_exitcode(status)}")
                    self._end()

    def _over(self) -> str:
        """Return the limit that the program is over, in words; nothing where it keeps them all."""
        now = time.monotonic()
        pids = [self._child]
        if not self._memory and _is_stopped(self._child):
            return ""  # whoever stopped it measures something else, which a look at all processes would disturb
        if now >= self._next:
            pids = descendants(os.getpid())
            self._next = now + max(INTERVAL, SHARE * (time.monotonic() - now))
            if len(pids) > PROCESSES:
                return f"it had more than {PROCESSES} processes, the limit"
        # What processes share is counted once only where it matters, for that takes time.
        if self._memory and sum(map(_resident, pids)) > self._memory < sum(
            map(_proportional, pids)
        ):
            return f"it used more than {self._memory / _GIB:g} GiB {TOO_LARGE}"
        return ""

    def _end(self) -> None:
        """End every process below this one."""
        deadline = time.monotonic() + 10
        if self._runs:
            self._kill_group()
        while (found := descendants(os.getpid())) and time.monotonic() < deadline:
            for pid in found:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            self._reap()
            time.sleep(0.001)

    def _kill_group(self) -> None:
        with contextlib.suppress(OSError):
            os.killpg(self._child, signal.SIGKILL)


def _become(command: list[str], keeper: int, failed: int) -> None:
    """Turn this process, a child of the keeper's, into the program; write the error's number where that fails."""
    try:
        os.setsid()
        for number in _RESTORED:
            signal.signal(number, signal.SIG_DFL)
        end_with_parent(keeper)
        os.execvp(command[0], command)
    except OSError as error:
        os.write(failed, str(error.errno).encode())
    finally:
        os._exit(127)


def descendants(parent: int) -> list[int]:
    """Return the processes below one, those that have ended and are not waited for included."""
    children = (
        _children if os.path.exists(f"/proc/{parent}/task/{parent}/children") else _scanned().get
    )
    found, waiting = [], [parent]
    while waiting:
        below = children(waiting.pop()) or []
        found += below
        waiting += below
    return found


def _children(parent: int) -> list[int]:
    """Return the children of a process, as some kernels list them: without a look at all processes.

    One may be missing while another ends. None is listed only where there is none.
    """
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{parent}/task"):
            with (
                contextlib.suppress(OSError),
                open(f"/proc/{parent}/task/{thread}/children", "rb") as file,
            ):
                found += map(int, file.read().split())
    return found


def _scanned() -> dict[int, list[int]]:
    """Return the children of every process."""
    children: dict[int, list[int]] = {}
    try:
        names = os.listdir("/proc")
    except OSError:
        return {}
    for name in names:
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    # The name of the program, in parentheses, may hold anything.
                    above = int(file.read().rpartition(b")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
            children.setdefault(above, []).append(int(name))
    return children


def processor_seconds(top: int) -> float:
    """Return for how long a process and those below it have had a processor, those that have ended included."""
    return sum(map(_ticks, [top, *descendants(top)])) / _TICKS


def _ticks(pid: int) -> int:
    """Return a process' own time, in user and system mode, and that of its children that have ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return sum(map(int, file.read().rpartition(b")")[2].split()[11:15]))
    except (OSError, ValueError):
        return 0


def _is_stopped(pid: int) -> bool:
    """Return whether a process is stopped by a signal."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] == b"T"
    except (OSError, IndexError):
        return False


def _resident(pid: int) -> int:
    """Return the bytes of memory that a process holds, shared ones included."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _proportional(pid: int) -> int:
    """Return the same with its part of what it shares with others."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            lines = dict(line.split(b":", 1) for line in file if b":" in line)
        return int(lines[b"Pss"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return _resident(pid)


def adopt_orphans() -> None:
    """Make this process the parent of every orphan below it, on Linux."""
    _prctl(_SET_SUBREAPER, 1)


def end_with_parent(parent: int) -> None:
    """Have this process killed when its parent ends, on Linux; end it where that has happened already."""
    _prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(127)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    given = int(sys.argv[1])
    own = os.dup(given)  # which, unlike what was given, no program inherits
    os.close(given)
    Keeper(socket.socket(fileno=own), int(sys.argv[2]), sys.argv[3:]).watch()
    os._exit(0)
