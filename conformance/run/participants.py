"""The participants of a run: subjects, each in one of its modes, with what they say about themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from conformance.checks import Traits
from conformance.subjects import Subject, default_specs, resolve, resolve_command
from conformance.subjects.loading import LoadError, is_tensorflow
from reports import record


@attrs.frozen(eq=False)
class Participant:
    """A subject in a run.

    Args:
        subject: the implementation in one of its modes.
        description: what its process says about it: versions and settings.
        is_command: whether its spec is a program that speaks the process protocol.
        traits: what norms may depend on.
    """

    subject: Subject
    description: Mapping[str, Any]
    is_command: bool
    traits: Traits

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
        )


def participants(
    specs: Sequence[str | Subject], commands: Sequence[str], seconds_per_case: float
) -> tuple[Participant, ...]:
    """Start what the user named, or the default subjects where nothing is named.

    Raises:
        LoadError: a subject cannot be loaded, or two have the same name and mode. Nothing is left running.
    """
    if not specs and not commands:
        specs = default_specs()
    started: list[Subject] = []
    loaded: list[Participant] = []
    try:
        for spec in specs:
            started += resolve(spec, seconds_per_case) if isinstance(spec, str) else [spec]
        started += [resolve_command(command, seconds_per_case) for command in commands]
        for subject in started:
            if any((subject.name, subject.mode) == other.key for other in loaded):
                raise LoadError(
                    f"two subjects are called {subject.name!r}; give one another name, as in "
                    f"--subject other={subject.spec}"
                )
            described = subject.describe()
            traits = traits_of(subject, {} if subject.spec in commands else described)
            loaded.append(Participant(subject, described, subject.spec in commands, traits))
    except BaseException:
        for subject in started:
            subject.close()
        raise
    return tuple(loaded)


def traits_of(subject: Subject, description: Mapping[str, Any]) -> Traits:
    """Return what norms may depend on, from a subject and its description."""
    if not is_tensorflow(subject.spec) and description.get("norm") != "tensorflow":
        return Traits(mode=subject.mode)
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
