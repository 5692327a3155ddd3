"""The participants of a run: subjects, each in one of its modes, with what they say about themselves."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from conformance.checks import Traits
from conformance.model.capabilities import declared
from conformance.run.participants.capabilities import Probed, asking, probe
from conformance.run.participants.handshake import broken_protocol
from conformance.run.settings.lacks import Lack, Understood, declared_lacks
from conformance.subjects import Subject, default_specs, resolve, resolve_command
from conformance.subjects.loading import OF_A_CALL, LoadError, is_tensorflow
from conformance.subjects.processes.process import MEMORY
from reports.records import record


@attrs.frozen
class Origin:
    """From what a subject can be started once more, in another process.

    Args:
        given: a ``--subject``, or a ``--subject-command``.
        is_command: which of the two.
        place: of the mode among those of what is given.
        seconds: how long a case may take.
        memory: how much its processes may use, in GiB.
    """

    given: str
    is_command: bool
    place: int
    seconds: float
    memory: float

    def start(self) -> Subject:
        """Return the subject.

        Raises:
            LoadError: it cannot be started any more.
        """
        if self.is_command:
            subject = resolve_command(self.given, self.seconds, self.memory)
        else:
            subject = resolve(self.given, self.seconds, self.memory)[self.place]
        subject.describe()
        return subject


@attrs.frozen(eq=False)
class Participant:
    """A subject in a run.

    Args:
        subject: the implementation in one of its modes.
        description: what its process says about it: versions and settings.
        is_command: whether its spec is a program that speaks the process protocol.
        traits: what norms may depend on.
        capabilities: what the subject has, declared or found.
        words: the subject, as far as it says in its own words what it lacks; None where it has none.
        declares: which capabilities it declares.
        origin: from what it can be started again; None where it is an object of this process.
    """

    subject: Subject
    description: Mapping[str, Any]
    is_command: bool
    traits: Traits
    capabilities: Probed = attrs.field(factory=lambda: Probed({}, {}))
    words: Understood | None = None
    declares: Mapping[str, Any] = attrs.field(factory=dict)
    origin: Origin | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Name and mode, as verdicts and findings have them."""
        return self.subject.name, self.subject.mode

    def __str__(self) -> str:
        return f"{self.subject.name} ({self.subject.mode})"

    def entry(self) -> record.Subject:
        """Return the participant as the record's header lists it."""
        return record.Subject(
            name=self.subject.name,
            mode=self.subject.mode,
            spec=self.subject.spec,
            command=self.is_command,
            versions=self.description.get("versions", {}),
            settings=self.description.get("settings", {}),
            capabilities=self.capabilities.has,
        )


def participants(
    specs: Sequence[str | Subject],
    commands: Sequence[str],
    seconds_per_case: float,
    memory: float = MEMORY,
    lacks: Sequence[Lack] = (),
) -> tuple[Participant, ...]:
    """Start what the user named, or the default subjects where nothing is named.

    Args:
        specs: subjects, as after ``--subject``.
        commands: programs, as after ``--subject-command``.
        seconds_per_case: how long a case may take in a process of its own.
        memory: how much such a process may use, in GiB.
        lacks: what the user says of errors that are no failures.

    Raises:
        LoadError: a subject cannot be loaded, or two have the same name and mode. Nothing is left running.
    """
    if not specs and not commands:
        specs = default_specs()
    started: list[Subject] = []
    origins: list[Origin | None] = []
    loaded: list[Participant] = []
    try:
        for spec in specs:
            is_text = isinstance(spec, str)
            found = resolve(spec, seconds_per_case, memory) if isinstance(spec, str) else [spec]
            started += found
            origins += [
                Origin(str(spec), False, place, seconds_per_case, memory) if is_text else None
                for place in range(len(found))
            ]
        started += [resolve_command(command, seconds_per_case, memory) for command in commands]
        origins += [Origin(command, True, 0, seconds_per_case, memory) for command in commands]
        for subject, origin in zip(started, origins):
            if any((subject.name, subject.mode) == other.key for other in loaded):
                raise LoadError(
                    f"two subjects are called {subject.name!r}; give one another name, as in "
                    f"--subject other={subject.spec}"
                )
            described = subject.describe()
            is_command = subject.spec in commands
            told = broken_protocol(subject) if is_command else None
            if told is not None:
                raise LoadError(
                    f"subject {subject.name!r} does not speak the process protocol (docs/protocol.md): {told}"
                )
            # What a program says of itself makes no TensorFlow of it.
            traits = traits_of(subject, {} if is_command else described)
            loaded.append(made(subject, described, is_command, traits, lacks, origin))
    except BaseException:
        for subject in started:
            subject.close()
        raise
    return tuple(loaded)


def made(
    subject: Subject,
    described: Mapping[str, Any],
    is_command: bool,
    traits: Traits,
    lacks: Sequence[Lack] = (),
    origin: Origin | None = None,
) -> Participant:
    """Return a participant: probed, and never asked for what it declares not to have.

    Raises:
        LoadError: what it declares is no capability, or no word for what it lacks.
    """
    try:
        has = declared(described.get("capabilities"))
    except ValueError as error:
        raise LoadError(f"subject {subject.spec!r}: {error}") from error
    words = understood(subject, described, traits, lacks)
    asked = asking(words, has)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        probed = probe(asked, has)
    asked = asking(words, has, probed.plain)
    return Participant(asked, described, is_command, traits, probed, words, has, origin)


def understood(
    subject: Subject, described: Mapping[str, Any], traits: Traits, lacks: Sequence[Lack] = ()
) -> Understood:
    """Return the subject with its own words for what it lacks: declared, and those of `lacks` that concern it.

    Raises:
        LoadError: what it declares is no such word.
    """
    try:
        own = declared_lacks(described.get("unsupported_errors"))
    except ValueError as error:
        raise LoadError(f"subject {subject.spec!r}: {error}") from error
    given = [lack for lack in lacks if lack.concerns(subject.name, subject.mode)]
    # TensorFlow's own errors are the norm.
    return Understood(subject, (*own, *given), says_not_implemented=not traits.tensorflow)


def traits_of(subject: Subject, description: Mapping[str, Any]) -> Traits:
    """Return what norms may depend on, from a subject and its description."""
    if not is_tensorflow(subject.spec) and description.get("norm") != "tensorflow":
        return Traits(mode=subject.mode, tape=description.get("gradients") == OF_A_CALL)
    major, minor, *_ = str(description["versions"]["tensorflow"]).split(".")
    return Traits(
        tensorflow=True,
        release=(int(major), int(minor)),
        mode=subject.mode,
        onednn=description.get("settings", {}).get("TF_ENABLE_ONEDNN_OPTS") == "1",
    )


def release_pairs(among: Iterable[Participant]) -> list[tuple[Participant, Participant]]:
    """Return the oldest release of TensorFlow with each of the others, mode by mode."""
    releases: dict[str, list[Participant]] = {}
    for participant in among:
        if participant.traits.tensorflow:
            releases.setdefault(participant.subject.mode, []).append(participant)
    pairs = []
    for found in releases.values():
        oldest, *others = sorted(found, key=lambda p: p.traits.release)
        pairs += [(oldest, other) for other in others]
    return pairs
