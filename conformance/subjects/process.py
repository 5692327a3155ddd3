"""A subject in a process of its own: a crash, a hang or a babbling answer is an observation."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.subjects.loading import LoadError

#: Seconds until a process must have answered its first line; importing TensorFlow takes a while.
START_SECONDS = 180.0
#: Seconds that a run spends on crashes, hangs and new starts of one subject before it gives up.
PATIENCE = 60.0


class Broken(Exception):  # noqa: N818 - a state of the process, told as an observation
    """The process died, hung or gave no proper answer; the message says which."""


class ProcessSubject:
    """Sends cases as JSON lines to a command and reads one observation for each.

    Args:
        name: what the report calls the subject.
        mode: `eager` or `graph`.
        spec: what the user wrote.
        command: the program and its arguments.
        environment: variables set for it, where the user's environment does not set them.
        forced: variables set for it in any case.
        seconds: how long one case may take before the process is killed.
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
        must_describe: bool,
    ) -> None:
        self.name, self.mode, self.spec = name, mode, spec
        self._command = list(command)
        self._environment = {**environment, **os.environ, **(forced or {})}
        self._seconds = seconds
        self._must_describe = must_describe
        self._process: LineProcess | None = None
        self._describes: bool | None = None
        self._seconds_lost = 0.0

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
            raise LoadError(f"subject {self.spec!r}: {answer['message']}")
        if answer.get("kind") != "description":
            return {}
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
        if self._seconds_lost > PATIENCE:
            return Observation(
                not_tried=f"{self._seconds_lost:.0f} seconds were lost on crashes of the process before"
            )
        started = time.monotonic()
        try:
            if self._process is None:
                self._start()
                self._seconds_lost += time.monotonic() - started
                started = time.monotonic()
            return self._ask(case)
        except (Broken, LoadError) as reason:
            self._stop()
            self._seconds_lost += time.monotonic() - started
            return Observation(crash=str(reason))

    def close(self) -> None:
        """End the process."""
        self._stop()

    def _ask(self, case: Case) -> Observation:
        assert self._process is not None
        request = {"kind": "case", "id": case.id, "case": case.to_json()}
        answer = self._process.ask(request, self._seconds)
        if answer.get("id", case.id) != case.id:
            raise Broken(f"answered case {answer['id']!r} when asked {case.id!r}")
        try:
            return Observation.from_json(answer.get("observation", answer))
        except ValueError as error:
            raise Broken(f"gave an answer that is no observation: {error}") from error

    def _start(self) -> dict[str, Any]:
        """Start the process and return its description, {} from one that has none."""
        self._stop()
        try:
            self._process = LineProcess(self._command, self._environment)
        except OSError as error:
            raise LoadError(f"cannot start {self._command[0]!r}: {error.strerror}") from error
        if self._must_describe:
            return self._process.ask({"kind": "describe"}, START_SECONDS)
        if self._describes is False:
            return {}
        self._describes = False
        answer = self._process.ask({"kind": "describe"}, 5.0)
        self._describes = True
        return answer

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None


class LineProcess:
    """A child process with line-wise questions and answers."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._child = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C is the run's own matter
        )
        self._questions: queue.Queue[str | None] = queue.Queue()
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._last_errors: deque[str] = deque(maxlen=40)
        self._threads = [
            threading.Thread(target=self._read_answers, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
            # A program that does not read must not hold the run up, either.
            threading.Thread(target=self._write_questions, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def ask(self, question: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Send one line, return the answer; raise Broken where there is none within `seconds`."""
        self._questions.put(json.dumps(question) + "\n")
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            raise Broken(f"no answer within {seconds:g} seconds") from None
        if line is None:
            raise Broken(self._how_it_ended())
        try:
            answer = json.loads(line)
        except ValueError:
            raise Broken(f"answered with a line that is not JSON: {line.strip()[:120]!r}") from None
        if not isinstance(answer, dict):
            raise Broken(f"answered with JSON that is no object: {line.strip()[:120]!r}")
        return answer

    def kill(self) -> None:
        """End the child, and what it has started, at once and wait for it."""
        with contextlib.suppress(OSError):
            # It leads a session, and so a group, of its own: a wrapper's program is in it.
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        self._questions.put(None)
        for thread in self._threads:
            thread.join(timeout=5)
        if any(thread.is_alive() for thread in self._threads):
            return  # something that left the group holds a pipe open, and its reader with it
        for stream in (self._child.stdin, self._child.stdout, self._child.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _how_it_ended(self) -> str:
        try:
            status = self._child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "closed its standard output"
        self._threads[1].join(timeout=5)
        if status < 0:
            try:
                name = signal.Signals(-status).name
            except ValueError:
                name = "an unknown signal"
            how = f"the process was killed by signal {-status} ({name})"
        else:
            how = f"the process exited with status {status}"
        tail = [line.strip() for line in self._last_errors if line.strip()]
        return f"{how}; its last words: {tail[-1][:300]}" if tail else how

    def _write_questions(self) -> None:
        assert self._child.stdin is not None
        with contextlib.suppress(ValueError, OSError):
            while (line := self._questions.get()) is not None:
                self._child.stdin.write(line)
                self._child.stdin.flush()

    def _read_answers(self) -> None:
        assert self._child.stdout is not None
        with contextlib.suppress(ValueError, OSError):
            for line in self._child.stdout:
                self._lines.put(line)
        self._lines.put(None)

    def _read_errors(self) -> None:
        assert self._child.stderr is not None
        with contextlib.suppress(ValueError, OSError):
            for line in self._child.stderr:
                self._last_errors.append(line)
