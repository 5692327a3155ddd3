"""A peer's process: asked one thing at a time, and stopped in between."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from typing import Any

from conformance.subjects.processes.process import START_SECONDS, Broken, LineProcess

#: Seconds that a peer may take to make a layer ready, and beyond its share to measure it.
PATIENCE = 300.0


class Process:
    """A peer's process with a number of threads; one that died is started again for the next layer.

    It is stopped by a signal whenever it is not asked: threads that wait for work by spinning, as those of some
    libraries do for a while, take no other peer's turn. No library's settings are changed for that, since
    threads that wait in another way make their own library slower, too.
    """

    def __init__(self, spec: str, threads: int) -> None:
        self.spec, self.threads = spec, threads
        self._child: LineProcess | None = None
        self.pid: int | None = None

    def hello(self) -> dict[str, Any]:
        """Start, and return versions or the reason why there is none."""
        try:
            self._child = LineProcess(self._command(), self._environment())
            answer = self._child.ask({"do": "hello"}, START_SECONDS)
        except (Broken, OSError) as reason:
            self.close()
            return {"absent": str(reason)}
        if "versions" not in answer:
            self.close()
            return {"absent": answer.get("absent") or answer.get("error") or "no answer"}
        self.pid = answer["process"]
        self._signal(signal.SIGSTOP)
        return answer

    def ask(self, *, quiet: float = 0.0, **request: Any) -> dict[str, Any]:
        """Ask; a process that dies or hangs is an answer `error`.

        Args:
            quiet: seconds between the end of its stop and the question.
            request: the question.
        """
        if self._child is None:
            answer = self.hello()
            if "absent" in answer:
                return {"error": answer["absent"]}
        assert self._child is not None
        self._signal(signal.SIGCONT)
        time.sleep(quiet)
        try:
            answer = self._child.ask(request, PATIENCE)
        except Broken as reason:
            self.close()
            return {"error": str(reason)}
        self._signal(signal.SIGSTOP)
        return answer

    def close(self) -> None:
        """End the process."""
        self.pid = None
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _signal(self, number: signal.Signals) -> None:
        assert self.pid is not None
        with contextlib.suppress(ProcessLookupError):  # it died: asking it will say so
            os.kill(self.pid, number)

    def _command(self) -> list[str]:
        arguments = [self.spec, "--threads", str(self.threads)]
        return [sys.executable, "-m", "conformance.bench.worker", *arguments]

    def _environment(self) -> dict[str, str]:
        names = (
            "FAST_IMPL_NUM_THREADS",
            "OMP_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "MKL_NUM_THREADS",
        )
        return {**os.environ, **dict.fromkeys(names, str(self.threads))}
