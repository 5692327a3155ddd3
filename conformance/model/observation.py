"""What a subject did with a case: one outcome for the constructor and one for every step."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from conformance.model.values.codec import Value, decode, encode, in_a_line
from conformance.model.values.limits import message_of, readable


class Unsupported(Exception):  # noqa: N818 - not an error: the subject says that it lacks something
    """The subject does not have what a step needs.

    Args:
        message: what it does not have.
        refusal: the exception by which the subject itself says so, where it raised one.
    """

    def __init__(self, message: str = "", refusal: BaseException | None = None) -> None:
        super().__init__(message)
        self.refusal = refusal


#: How PyTorch, which has one class for all errors of its operations, refuses inputs that other libraries refuse
#: with a ValueError.
_WRONG_SHAPE = re.compile(
    r"expected input\[[\d, ]*\] to have \d+ channels, but got \d+ channels"
    r"|Expected \dD \(unbatched\) or \dD \(batched\) input to \w+, but got input of size"
    r"|number of dimensions in the tensor input does not match"
)
_WRONG_DTYPE = re.compile(
    r"expected scalar type \w+ but found \w+|Input type \([\w.]+\) and (weight|bias) type"
)
#: So many characters of a message are told.
_LONGEST = 300
#: Classes of errors that say "that is not here": Python's, TensorFlow's and ONNX Runtime's.
_NOT_IMPLEMENTED = frozenset({"NotImplementedError", "UnimplementedError", "NotImplemented"})
#: How errors of more general classes say it: XLA by its status code; PyTorch of an operation in a dtype, of
#: integers as weights, and of images without rows or channels.
_NOT_IMPLEMENTED_TEXT = re.compile(
    r"UNIMPLEMENTED:|[\"'][\w:.]+[\"'] not implemented for |Only zero batch or zero channel inputs are supported"
    r"|Given (groups|transposed)=1, expected weight to be at least 1 at dimension"
    r"|Only Tensors of floating point and complex dtype can require gradients"
)
#: How PyTorch says it of arrays: of negative strides, of the other byte order, and of dtypes that it does not take
#: from NumPy or give back; how NumPy and PyTorch say that they have no dtype of a name, as of Keras' policies.
_NO_SUCH_ARRAY = re.compile(
    r"At least one stride in the given numpy array is negative|given numpy array has byte order different from"
    r"|can't convert np\.ndarray of type |Got unsupported ScalarType |data type '\w+' not understood$"
    r"|module '[\w.]+' has no attribute '(mixed_)?b?(float|u?int|complex)\d+'$"
)
#: Classes of errors that say anything: Python's, and ONNX Runtime's.
_GENERAL = frozenset({"RuntimeError", "RuntimeException", "Fail"})
_NO_MEMORY = re.compile(
    r"RESOURCE_EXHAUSTED|out of memory|(can't|failed to|unable to) allocate", re.IGNORECASE
)


#: What Keras and OpenVINO say before they say what is wrong.
_WHERE = re.compile(r"Exception encountered when calling ")
_PASSED_ON = re.compile(r"Exception from \S+:\d+:")


def telling_line(message: str) -> str:
    """Return the line of an error's message that says what is wrong: the first one, unless it says where alone."""
    lines = [line.strip() for line in message.strip().splitlines() if line.strip()]
    places = [place for place, line in enumerate(lines[:-1], start=1) if _WHERE.search(line)]
    told = lines[places[0] :] if places else lines
    return next(
        (line for line in told if not _PASSED_ON.fullmatch(line)), lines[0] if lines else ""
    )


@attrs.frozen
class Error:
    """An exception: the names of its classes (most derived first), its message, its moment.

    `moment` is `construct`, the step's name, or `run` where a graph was built and its execution
    failed. `told` is the line of the message that says something; of a long one, 300 characters.
    """

    types: tuple[str, ...]
    message: str = attrs.field(converter=readable)
    moment: str
    told: str = attrs.field()

    @told.default
    def _telling(self) -> str:
        line = telling_line(self.message)
        return line if len(line) <= _LONGEST else in_a_line(line, _LONGEST)

    @property
    def name(self) -> str:
        """The most derived class."""
        return self.types[0]

    @property
    def means_not_implemented(self) -> bool:
        """Whether it says that the implementation does not have something, in Python's or a framework's words."""
        line = telling_line(self.message)
        return bool(
            _NOT_IMPLEMENTED.intersection(self.types)
            or ("RuntimeError" in self.types and _NOT_IMPLEMENTED_TEXT.match(line))
            or _NO_SUCH_ARRAY.match(line)
        )

    @property
    def means_no_memory(self) -> bool:
        """Whether it says that there is no memory, in Python's or a framework's words."""
        return "MemoryError" in self.types or (
            not _GENERAL.isdisjoint(self.types) and bool(_NO_MEMORY.search(self.message))
        )

    @property
    def means_wrong_shape(self) -> bool:
        """Whether it says that an input has a wrong number of axes or channels, in a framework's words."""
        return "RuntimeError" in self.types and bool(_WRONG_SHAPE.search(self.message))

    @property
    def means_wrong_dtype(self) -> bool:
        """Whether it says that an input has another dtype than the weights, in a framework's words."""
        return "RuntimeError" in self.types and bool(_WRONG_DTYPE.search(self.message))

    def __str__(self) -> str:
        return f"{self.name} at {self.moment}: {self.told}"

    @staticmethod
    def of(error: BaseException, moment: str) -> Error:
        """Describe `error`."""
        names = tuple(cls.__name__ for cls in type(error).__mro__ if cls is not object)
        return Error(names, message_of(error), moment)


@attrs.frozen(eq=False)
class Outcome:
    """One step's result: a value, an error, or the reason why the subject does not support it.

    `modified` names arguments that the step damaged in place; None where the subject does not say. `refusal` is
    the exception by which it said what it does not support, where it raised one: a clause may want just that.
    """

    value: Value = None
    error: Error | None = None
    unsupported: str | None = None
    modified: tuple[str, ...] | None = ()
    refusal: Error | None = None

    @staticmethod
    def lacking(error: Error) -> Outcome:
        """Return the outcome of a step that raised `error` to say that the subject lacks something."""
        told = error.told or f"{error.moment} raised {error.name}"
        return Outcome(unsupported=told, refusal=error)

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as plain JSON."""
        data: dict[str, Any] = {}
        raised = self.error or self.refusal
        if raised is not None:
            data["error"] = attrs.asdict(raised)
        if self.unsupported is not None:
            data["unsupported"] = self.unsupported
        elif raised is None:
            data["value"] = encode(self.value)
        if self.modified is not None:
            data["modified"] = list(self.modified)
        return data

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Outcome:
        """Undo `to_json`."""
        error = None
        if data.get("error") is not None:
            raw = data["error"]
            types = raw["types"]
            if not types or not isinstance(types, (list, tuple)):
                raise ValueError(f"an error's types should be a list of names, got {types!r}")
            error = Error(tuple(map(str, types)), str(raw["message"]), str(raw["moment"]))
        unsupported = _text(data, "unsupported")
        return Outcome(
            value=decode(data.get("value")),
            error=error if unsupported is None else None,
            unsupported=unsupported,
            modified=_names(data["modified"]) if "modified" in data else None,
            refusal=None if unsupported is None else error,
        )


@attrs.frozen(eq=False)
class Observation:
    """The constructor's outcome, and one outcome for every step.

    After a constructor that raised, `outcomes` is empty. Where the process died or hung, `crash` says how, and
    nothing else is known but, perhaps, the outcomes of the steps before. `not_tried` says why the case was not run
    at all.
    """

    constructed: Outcome = Outcome()
    outcomes: tuple[Outcome, ...] = ()
    crash: str | None = None
    not_tried: str | None = None

    @property
    def all_outcomes(self) -> tuple[Outcome, ...]:
        """The constructor's outcome, and those of the steps."""
        return (self.constructed, *self.outcomes)

    @property
    def bytes(self) -> int:
        """About how much memory it takes."""
        return 1000 + sum(_bytes(outcome.value) for outcome in self.outcomes)

    def to_json(self) -> dict[str, Any]:
        """Return the observation as plain JSON."""
        return {
            "constructed": self.constructed.to_json(),
            "outcomes": [outcome.to_json() for outcome in self.outcomes],
            "crash": self.crash,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Observation:
        """Undo `to_json`; raise ValueError where `data` is not an observation."""
        try:
            if not isinstance(data["outcomes"], (list, tuple)):
                raise ValueError(f"outcomes should be a list, got {data['outcomes']!r:.100}")
            return Observation(
                constructed=Outcome.from_json(data.get("constructed", {})),
                outcomes=tuple(Outcome.from_json(item) for item in data["outcomes"]),
                crash=_text(data, "crash"),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"not an observation: {type(error).__name__}: {error}") from error


def _bytes(value: Value) -> int:
    if isinstance(value, np.ndarray):
        return 100 + value.nbytes
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 100 + sum(map(_bytes, items))


def _text(data: Mapping[str, Any], key: str) -> str | None:
    text = data.get(key)
    if text is not None and not isinstance(text, str):
        raise ValueError(f"{key} should be a text, got {text!r:.100}")
    return text


def _names(data: Any) -> tuple[str, ...]:
    if not isinstance(data, list) or not all(isinstance(name, str) for name in data):
        raise ValueError(f"modified should be a list of names, got {data!r:.100}")
    return tuple(data)
