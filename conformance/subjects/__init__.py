"""Implementations under test: a case in, an observation out.

`resolve` turns what the user wrote into subjects. Each runs in a worker, so that its crash is one case's
result; the reference alone, which is the oracle, runs in the run's own process.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import conformance
from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.subjects import environments, frameworks, suggesting, tensorflow
from conformance.subjects.backend import observe
from conformance.subjects.loading import ALGORITHM, LAYERS, LoadError, backend_factory, describe
from conformance.subjects.processes.process import MEMORY, ProcessSubject
from conformance.subjects.tensorflow import ENVIRONMENT

__all__ = [
    "BUILT_IN", "LoadError", "Subject", "default_specs", "in_own_terms", "is_built_in", "renew", "resolve",
]  # fmt: skip

#: Name and one line for each built-in subject.
BUILT_IN = {
    "reference": "the oracle: plain loops (reference_impl.Conv2DTranspose)",
    "fast": "the NumPy and SciPy library (fast_impl.Conv2DTranspose)",
    "tensorflow": "tf.compat.v1.layers.Conv2DTranspose of this environment, eager and graph mode",
}
#: Programs that run the one that comes after them.
INTERPRETER = re.compile(r"(python|pypy|node|ruby|perl|bash|sh|java|Rscript|julia)[\d.]*")
#: Starts a worker whose code is in the folder that is its first argument, unless Python finds it by itself. Not
#: by ``-m``, which would let files of the working directory stand for the worker's modules.
_START = (
    "import sys; root = sys.argv.pop(1); sys.path[:] = [path for path in sys.path if path]; "
    "sys.path[:0] = [] if root in sys.path else [root]; "
    "from conformance.subjects.processes.worker import main; main()"
)


class Subject(Protocol):
    """An implementation in one mode."""

    name: str
    mode: str
    spec: str

    def describe(self) -> dict[str, Any]:
        """Return `versions` and `settings`; raise LoadError where it cannot be loaded."""

    def observe(self, case: Case) -> Observation:
        """Run the case; never raises for what the implementation does."""

    def close(self) -> None:
        """Give back processes."""


def renew(subject: Subject) -> None:
    """Have the next case meet a process that has done nothing before."""
    getattr(subject, "renew", subject.close)()


def in_own_terms(subject: Subject, case: Case) -> Case:
    """Return the case as the subject can be asked: of one without a bias, without a bias."""
    asked: Case = getattr(subject, "in_own_terms", lambda one: one)(case)
    return asked


class LocalSubject:
    """A subject in this process."""

    mode = "eager"

    def __init__(self, spec: str) -> None:
        self.name = self.spec = spec
        self._make_backend = backend_factory(spec)

    def describe(self) -> dict[str, Any]:
        """Return versions and settings."""
        return describe(self.spec, self.mode)

    def observe(self, case: Case) -> Observation:
        """Run the case."""
        return observe(case, self._make_backend())

    def close(self) -> None:
        """Nothing to give back."""


def is_built_in(spec: str) -> bool:
    """Tell whether a ``--subject`` names code of this project or a framework, and nobody's file or module."""
    return (
        spec in BUILT_IN
        or spec.startswith(ALGORITHM)
        or tensorflow.is_a_release(spec)
        or frameworks.parse(spec) is not None
    )


def tensorflow_is_installed() -> bool:
    """Tell whether a TensorFlow is importable here, without importing it."""
    return importlib.util.find_spec("tensorflow") is not None


def default_specs() -> tuple[str, ...]:
    """Return the subjects of a run that names none."""
    return ("reference", "fast", *(("tensorflow",) if tensorflow_is_installed() else ()))


def resolve(spec: str, seconds: float, memory: float = MEMORY) -> list[Subject]:
    """Return the subjects for one ``--subject``: one per mode.

    ``NAME=`` before what is meant gives it another name in reports.

    Args:
        spec: what the user wrote.
        seconds: how long a case may take.
        memory: GiB that the processes of a subject may use together.

    Raises:
        LoadError: the spec names nothing that can be loaded.
    """
    name, separator, meant = spec.partition("=")
    if separator and re.fullmatch(r"[\w.@-]+", name):
        subjects = resolve(meant, seconds, memory)
        for subject in subjects:
            subject.name = name
        return subjects
    if spec == "reference":
        return [LocalSubject(spec)]
    if spec in LAYERS or spec.startswith(ALGORITHM):
        subject = _worker(spec, "eager", {}, seconds, memory)
        subject.name = spec  # `fast:direct` is no attribute of a module
        return [subject]
    of_tensorflow = tensorflow.parse(spec)
    if of_tensorflow is not None:
        return _tensorflow(spec, *of_tensorflow, seconds, memory)
    chosen = frameworks.parse(spec)
    if chosen is not None:
        return _framework(spec, chosen, seconds, memory)
    if ":" not in spec.rstrip(":"):
        raise LoadError(suggesting.of_word(spec, (*BUILT_IN, *frameworks.FRAMEWORKS)))
    if spec.startswith(environments.PREFIX):
        raise LoadError(
            f"subject {spec!r}: the modes of TensorFlow are {', '.join(tensorflow.BACKENDS)}"
        )
    is_of_tensorflow = spec.partition(":")[0].partition(".")[0] == "tensorflow"
    return [_worker(spec, "eager", ENVIRONMENT if is_of_tensorflow else {}, seconds, memory)]


def _tensorflow(
    spec: str, release: str, modes: Sequence[str], seconds: float, memory: float
) -> list[Subject]:
    """Return TensorFlow's subjects: one for each mode."""
    place: dict[str, Any] = {}
    if release != "tensorflow":
        place = _environment(release)
    elif not tensorflow_is_installed():
        raise LoadError(
            f"subject {spec!r}: TensorFlow is not installed here; "
            "pip install 'conv2d-transpose-conformance[tensorflow]'"
        )
    subjects = [_worker(spec, mode, ENVIRONMENT, seconds, memory, **place) for mode in modes]
    for subject in subjects:
        subject.name = release
    return subjects


def _framework(
    spec: str, chosen: frameworks.Chosen, seconds: float, memory: float
) -> list[Subject]:
    """Return a framework's subjects: one for each way, as its mode."""
    place = _environment(spec)
    subjects = [
        _worker(spec, way, chosen.framework.environment, seconds, memory, **place)
        for way in chosen.ways
    ]
    for subject in subjects:
        subject.name = chosen.environment_name
    return subjects


def _environment(spec: str) -> dict[str, Any]:
    """Return where the worker of a release or framework runs, as `_worker` takes it."""
    try:
        python, code, forced = environments.worker(spec)
    except environments.InstallError as error:
        raise LoadError(str(error)) from error
    return {"python": python, "code": code, "forced": forced}


def resolve_command(command: str, seconds: float, memory: float = MEMORY) -> Subject:
    """Return the subject for ``--subject-command``; raise LoadError where it is no command."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise LoadError(f"--subject-command {command!r}: {str(error).lower()}") from error
    if not words:
        raise LoadError("the subject command is empty")
    return ProcessSubject(
        name=_program(words),
        mode="eager",
        spec=command,
        command=words,
        environment={},
        seconds=seconds,
        memory=memory,
        must_describe=False,
    )


def _program(words: Sequence[str]) -> str:
    """The program that a command runs: ``x.py`` in ``python3 -u path/to/x.py``."""
    names = [word.rpartition("/")[2] for word in words if not word.startswith("-")]
    found = names[1:] if names and INTERPRETER.fullmatch(names[0]) else []
    return (found or names or list(words))[0]


def _worker(
    spec: str,
    mode: str,
    environment: Mapping[str, str],
    seconds: float,
    memory: float,
    *,
    python: str = sys.executable,
    code: Path = Path(conformance.__file__).parents[1],
    forced: Mapping[str, str] | None = None,
) -> Subject:
    return ProcessSubject(
        name=spec.rpartition(":")[2],
        mode=mode,
        spec=spec,
        command=[python, "-c", _START, str(code), spec, "--mode", mode],
        environment=environment,
        forced=forced,
        seconds=seconds,
        memory=memory,
        must_describe=True,
    )
