"""A subject in a process of its own: a crash, a hang, a leak or a babbling answer is an observation."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.model.values import limits
from conformance.model.values.codec import in_a_line
from conformance.subjects.loading import LoadError
from conformance.subjects.processes import forks, keeper
from conformance.subjects.processes.patience import Patience
from conformance.subjects.processes.protocol import VERSION

#: The first question.
_DESCRIBE = {"kind": "describe", "protocol": VERSION}
#: Processes are ended by the group that they lead.
HAS_GROUPS = os.name == "posix"
#: Seconds that one case may take, where nobody says otherwise.
SECONDS_PER_CASE = 15.0
#: Seconds until a process must have answered its first line; importing TensorFlow takes a while.
START_SECONDS = 180.0
#: Seconds that a run spends on crashes and hangs of one subject before it gives up. What each costs is fixed, so
#: that it gives up at the same case however fast the machine is: a new start, and before it all of the time limit
#: where it hung, or the time that it takes to fill memory or the standard error.
PATIENCE, START, OVERFLOW = 30.0, 0.5, 10.0
#: The price of the end of a process that a program replaces by itself.
RENEWAL = 0.1
#: Seconds, by the same prices, that looking for the causes of failures may cost besides, and so may making
#: failing cases small and finding their steps; and seconds as below.
EXPLAINING, LONGEST_EXPLAINING = 10.0, 20.0
#: Seconds after which it gives up in any case, as `Patience` counts them.
LONGEST_PATIENCE = 60.0
#: Seconds that a process may take to end when it has closed its standard output.
LAST_SECONDS = 5.0
#: Seconds that a program has to end by itself when its standard input is closed.
LEAVING = 2.0
#: Seconds until all that a process has started is ended.
ENDING_SECONDS = 20.0
#: GiB that a subject's processes may use together.
MEMORY = 4.0
#: Bytes that are read and written at once, and kept of the standard error.
CHUNK, LAST_ERRORS = 2**16, 2**14
#: How it is told that a process is silent, and that it floods its standard error.
TIMED_OUT, FLOODS = "no answer within", "to its standard error, the limit"


@attrs.frozen
class Spent:
    """What a subject's process has cost so far of what a run allows it.

    Args:
        seconds: counted for crashes and hangs.
        large: bytes of its large answers.
    """

    seconds: float = 0.0
    large: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.seconds + other.seconds, self.large + other.large)

    @property
    def is_too_much(self) -> bool:
        """Whether the subject is not asked any more."""
        return self.seconds >= PATIENCE or self.large > limits.TOGETHER


class Broken(Exception):  # noqa: N818 - a state of the process, told as an observation
    """The process died, hung or gave no proper answer; the message says which."""


class Outlived(Broken):
    """The program says how its implementation ended, and has outlived it."""


class ProcessSubject:
    """Sends cases as JSON lines to a command and reads one observation for each.

    Args:
        name: what the report calls the subject.
        mode: `eager` or `graph`.
        spec: what the user wrote.
        command: the program and its arguments.
        environment: variables set for it, where the user's environment does not set them.
        forced: variables set for it in any case.
        seconds: how long one case may take before the process is killed, as `Patience` counts.
        memory: GiB that its processes may use together before they are killed.
        must_describe: whether the command is known to answer ``describe`` (our own workers do).
    """

    def __init__(
        self,
        *,
        name: str,
        mode: str,
        spec: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        forced: Mapping[str, str] | None = None,
        seconds: float,
        memory: float,
        must_describe: bool,
    ) -> None:
        if not HAS_GROUPS:
            raise LoadError(
                f"subject {name!r}: subjects run in processes of their own, which needs a POSIX system: "
                "Linux, macOS, WSL"
            )
        self.name, self.mode, self.spec = name, mode, spec
        self._command = list(command)
        self._environment = {**environment, **os.environ, **(forced or {})}
        self._seconds, self._memory = seconds, memory
        self._must_describe = must_describe
        self._process: LineProcess | None = None
        self._describes: bool | None = None
        # Whether the program starts its implementation anew by itself.
        self._renews = False
        # Whether it has ended by itself so far, when it was let.
        self._leaves = True
        #: What it has cost; who runs cases of the same run elsewhere adds what they have.
        self.spent = Spent()
        #: Seconds, as `Patience` counts them, that went by for crashes and hangs, and for the starts after them.
        self.seconds_lost = 0.0
        self._last_reason = ""
        # Whether it is to be started because it ended or hung, and not because it was let end.
        self._is_lost = False

    def describe(self) -> dict[str, Any]:
        """Return versions and settings; raise LoadError where the process cannot be started."""
        try:
            answer = self._start()
        except Broken as reason:
            self._stop()
            if self._must_describe:
                raise LoadError(f"subject {self.spec!r}: {reason}") from None
            return {}
        if answer.get("kind") == "load-error":
            self._stop()
            who = f"subject {self.spec!r}"  # some messages begin with it
            told = str(answer.get("message")).removeprefix(who).removeprefix(":").lstrip()
            raise LoadError(f"{who}: {told}")
        if answer.get("kind") != "description":
            return {}
        spoken = answer.get("protocol", VERSION)
        if spoken != VERSION:
            self._stop()
            raise LoadError(
                f"subject {self.spec!r}: it speaks version {spoken!r:.40} of the protocol, this release speaks "
                f"{VERSION} (docs/protocol.md)"
            )
        for part in ("versions", "settings"):
            texts = answer.get(part, {})
            if not isinstance(texts, dict) or not all(isinstance(v, str) for v in texts.values()):
                self._stop()
                raise LoadError(
                    f"subject {self.spec!r}: its description has {part} {texts!r}: an object of "
                    "strings is needed (docs/protocol.md)"
                )
        return answer

    def observe(self, case: Case) -> Observation:
        """Run the case in the process; whatever goes wrong there is in the observation."""
        if self.spent.seconds >= PATIENCE or self.seconds_lost > LONGEST_PATIENCE:
            # In a run of several processes another one may have seen how.
            how = f", the last time: {self._last_reason}" if self._last_reason else ""
            return Observation(not_tried=f"it broke down too often before{how}")
        if self.spent.large > limits.TOGETHER:
            return Observation(
                crash=f"its answers of more than {limits.ORDINARY:,} bytes had more than "
                f"{limits.TOGETHER:,} bytes together, the limit"
            )
        try:
            if self._process is None:
                self._start()
                self.seconds_lost += self._waited if self._is_lost else 0.0
                self._is_lost = False
            return self._ask(case)
        except (Broken, LoadError) as reason:
            self.seconds_lost += self._waited
            self._last_reason = in_a_line(str(reason))
            if self._renews and isinstance(reason, Outlived):
                self.spent += Spent(RENEWAL)
            else:
                self._stop()
                self._is_lost = True
                self.spent += self._price(str(reason))
            return Observation(crash=str(reason))

    def _price(self, reason: str) -> Spent:
        """Return what it costs that the process ended, or was ended, for a reason."""
        before = self._seconds if TIMED_OUT in reason else 0.0
        overflows = keeper.TOO_LARGE in reason or FLOODS in reason
        return Spent(START + (OVERFLOW if overflows else before))

    def close(self) -> None:
        """End the process, which may do first what it has to do at its end."""
        if self._process is not None and self._leaves:
            self._leaves = self._process.end()
            self._process = None
        self._stop()

    def renew(self) -> None:
        """Have the next case meet a process that has done nothing before."""
        if self._renews and self._process is not None:
            with contextlib.suppress(Broken):
                if self._process.ask({"kind": "renew"}, START_SECONDS).get("kind") == "renewed":
                    self._process.with_last_words("")
                    return
        self._stop()

    def _ask(self, case: Case) -> Observation:
        assert self._process is not None
        request = {"kind": "case", "id": case.id, "case": case.to_json()}
        answer = self._process.ask(request, self._seconds)
        if answer.get("id", case.id) != case.id:
            raise Broken(f"answered case {answer['id']!r:.100} when asked {case.id!r}")
        if self._process.volume > limits.ORDINARY:
            self.spent += Spent(large=self._process.volume)
        try:
            observation = Observation.from_json(answer.get("observation", answer))
        except ValueError as error:
            raise Broken(f"gave an answer that is no observation: {error}") from error
        if observation.crash is not None:
            raise Outlived(self._process.with_last_words(observation.crash))
        return observation

    def _start(self) -> dict[str, Any]:
        """Start the process and return its description, {} from one that has none."""
        self._stop()
        try:
            self._process = LineProcess(self._command, self._environment, self._memory)
        except OSError as error:
            raise LoadError(f"cannot start {self._command[0]!r}: {error.strerror}") from error
        if self._must_describe:
            answer = self._process.ask(_DESCRIBE, START_SECONDS)
        elif self._describes is False:
            return {}
        else:
            self._describes = False
            answer = self._process.ask(_DESCRIBE, 5.0)
            self._describes = True
        self._renews = answer.get("renews") is True
        return answer

    @property
    def _waited(self) -> float:
        return 0.0 if self._process is None else self._process.waited

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None


class LineProcess:
    """A child process with line-wise questions and answers, and a keeper between it and this process.

    It is read only while an answer is awaited, and no more is held of it than a line of its standard output
    and the end of its standard error. It ends, with all that it has started, when this process does.

    Args:
        command: the program and its arguments.
        environment: its variables.
        memory: GiB that it may use, 0 for any.

    Raises:
        OSError: it cannot be started.
    """

    #: About the bytes that the last answer takes, and the seconds of its limit that it took.
    volume, waited = 0, 0.0

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], memory: float = 0.0
    ) -> None:
        self._keeping, theirs = socket.socketpair()
        limit = str(int(memory * 2**30))
        with theirs:
            self._keeper = subprocess.Popen(
                [
                    sys.executable,
                    "-I",
                    "-S",
                    keeper.__file__,
                    str(theirs.fileno()),
                    limit,
                    *command,
                ],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # Ctrl-C is the run's own matter
            )
        stdin, stdout, stderr = self._keeper.stdin, self._keeper.stdout, self._keeper.stderr
        assert stdin is not None
        assert stdout is not None
        assert stderr is not None
        self._streams = (stdin, stdout, stderr)
        for stream in self._streams:
            os.set_blocking(stream.fileno(), False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(stdout, selectors.EVENT_READ, self._read_answer)
        self._selector.register(stderr, selectors.EVENT_READ, self._read_error)
        self._selector.register(self._keeping, selectors.EVENT_READ, self._read_keeper)
        self._unsent = memoryview(b"")
        self._received, self._last_errors, self._told = bytearray(), b"", b""
        #: Bytes of the standard error since the last question.
        self._errors = 0
        self._closed, self._is_kept = False, True
        #: Whether a question has no answer so far.
        self._owes = False
        try:
            self._wait_for_start(command[0])
        except BaseException:
            self.kill()
            raise

    def _wait_for_start(self, program: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._told and self._is_kept and time.monotonic() < deadline:
            self._turn(0.1)
        failed = self._what_was_told("failed")
        if failed:
            raise OSError(int(failed), os.strerror(int(failed)), program)

    def ask(self, question: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Send one line and return the answer; raise Broken if none comes in time, as `Patience` counts."""
        patience = Patience(seconds, lambda: keeper.processor_seconds(self._keeper.pid))
        try:
            return self._answer(question, patience)
        except TimeoutError:
            raise Broken(f"{TIMED_OUT} {seconds:g} seconds") from None
        finally:
            self.waited = patience.spent

    def _answer(self, question: Mapping[str, Any], patience: Patience) -> dict[str, Any]:
        self._turn(0)
        self._errors = 0
        if self._received:
            raise Broken(f"wrote what it was not asked for: {_beginning(self._received)}")
        self._unsent = memoryview(bytes(self._unsent) + json.dumps(question).encode() + b"\n")
        self._owes = True
        # A program that does not read must not hold the run up, either.
        with contextlib.suppress(KeyError):
            self._selector.register(self._streams[0], selectors.EVENT_WRITE, self._write_question)
        while (line := self._line()) is None:
            wait = patience.wait()
            if not wait:
                raise TimeoutError
            if self._errors > limits.ERRORS:
                raise Broken(f"wrote more than {limits.ERRORS:,} bytes {FLOODS}")
            self._turn(wait)
        self._owes = False
        try:
            answer = limits.parse(line)
        except limits.TooLarge as reason:
            raise Broken(f"answered with {reason}") from None
        except ValueError:
            raise Broken(f"answered with a line that is not JSON: {_beginning(line)}") from None
        if not isinstance(answer, dict):
            raise Broken(f"answered with JSON that is no object: {_beginning(line)}")
        self.volume = limits.volume(line)
        return answer

    def end(self) -> bool:
        """Close the child's standard input, wait for it to end by itself, then `kill` what is left.

        A program that owes an answer, or that has spoken unasked, is not waited for.

        Returns:
            Whether it has not been waited for in vain.
        """
        deadline = time.monotonic() + LEAVING
        if not (self._unsent or self._owes or self._received):
            self._streams[0].close()
            while self._is_kept and not self._what_was_told("ended"):
                if time.monotonic() > deadline:
                    break
                self._turn(0.05)
        self.kill()
        return time.monotonic() < deadline

    def kill(self) -> None:
        """End the child, and what it has started, at once and wait for it."""
        self._selector.close()
        self._keeping.close()  # by which the keeper knows
        try:
            self._keeper.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()
        for stream in self._streams:
            with contextlib.suppress(OSError):
                stream.close()

    def _line(self) -> bytes | None:
        """Take the first line that was received, or as much of it as is too long; None where it is not whole."""
        end = self._received.find(b"\n")
        if end < 0 and len(self._received) <= limits.LINE:
            if not self._closed:
                return None
            ended = self._how_it_ended()
            if not self._received or self._what_was_told("over"):
                raise Broken(ended)
        line = bytes(self._received[: end if end >= 0 else None])
        del self._received[: len(line) + 1]
        return line

    def _turn(self, seconds: float) -> bool:
        """Wait until the child can be read or written, and do it; tell whether it could be."""
        ready = self._selector.select(seconds)
        for key, _ in ready:
            with contextlib.suppress(BlockingIOError):
                key.data(key.fd)
        return bool(ready)

    def _read_answer(self, descriptor: int) -> None:
        chunk = os.read(descriptor, CHUNK)
        self._received += chunk
        if not chunk:
            self._closed = True
            self._selector.unregister(descriptor)

    def _read_error(self, descriptor: int) -> None:
        chunk = os.read(descriptor, CHUNK)
        self._errors += len(chunk)
        self._last_errors = (self._last_errors + chunk)[-LAST_ERRORS:]
        if not chunk:
            self._selector.unregister(descriptor)

    def _read_keeper(self, descriptor: int) -> None:
        chunk = os.read(descriptor, CHUNK)
        self._told += chunk
        if not chunk:
            self._is_kept = False
            self._selector.unregister(descriptor)

    def _what_was_told(self, what: str) -> str:
        """Return what the keeper has told of a thing, nothing where it has told nothing."""
        lines = (line.partition(" ") for line in self._told.decode().splitlines())
        return next((told for kind, _, told in lines if kind == what), "")

    def _write_question(self, descriptor: int) -> None:
        try:
            self._unsent = self._unsent[os.write(descriptor, self._unsent[:CHUNK]) :]
        except BrokenPipeError:
            self._unsent = memoryview(b"")
        if not self._unsent:
            self._selector.unregister(descriptor)

    def _how_it_ended(self) -> str:
        deadline = time.monotonic() + LAST_SECONDS
        # Its last words may still be on their way, and it cannot end before they are read.
        while self._turn(0.05) or (self._is_kept and not self._what_was_told("ended")):
            if time.monotonic() > deadline:
                break
        over, ended = map(self._what_was_told, ("over", "ended"))
        if over:
            return f"the process was killed: {over}"
        if not ended:
            return "closed its standard output" if self._is_kept else "it killed its keeper"
        return self.with_last_words(forks.in_words(int(ended)))

    def with_last_words(self, how: str) -> str:
        """Return how a process ended, and what it wrote last to its standard error; that is forgotten."""
        while self._turn(0):
            pass
        errors = self._last_errors.decode("utf-8", "replace").splitlines()
        self._last_errors = b""
        tail = [line.strip() for line in errors if line.strip()]
        return f"{how}; its last words: {tail[-1][:300]}" if tail else how


def _beginning(line: bytes | bytearray) -> str:
    return repr(line[:500].decode("utf-8", "replace").strip()[:120])
