"""What is expected of a step: the kinds of ends, and how they depend on a subject's traits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, TypeAlias, TypeVar

import attrs

from conformance.model.traits import Traits
from conformance.model.values.codec import Value

T = TypeVar("T")
U = TypeVar("U")


@attrs.frozen
class Raises:
    """One of these exceptions (`A|B`) at one of these moments (`call|run`; empty is any).

    The message must hold the fragment. Moment and fragment are asked of TensorFlow alone.
    """

    error: str
    fragment: str = ""
    moment: str = ""


@attrs.frozen
class Gives:
    """This very value; NumPy numbers count as Python's."""

    value: Value


@attrs.frozen
class Stores:
    """The attribute equals this value, whatever the type of its numbers."""

    attribute: str
    value: Value


@attrs.frozen
class ActsAs:
    """What the oracle computes for the step, exactly, on a layer with these arguments."""

    arguments: Mapping[str, Value]


@attrs.frozen
class Holds:
    """A list or dict with these members among others; `absent` ones are not among them.

    `items` are keys of a dict with their values.
    """

    members: tuple[Value, ...] = ()
    absent: tuple[Value, ...] = ()
    items: Mapping[str, Value] = attrs.field(factory=dict)


@attrs.frozen
class Like:
    """A string that matches the regular expression."""

    pattern: str


@attrs.frozen
class Succeeds:
    """Any value: the point is that nothing is raised."""


@attrs.frozen
class SameAs:
    """The value of an earlier step, to the bit."""

    step: int


@attrs.frozen
class Follows:
    """The name after that of an earlier step: `foo` and `foo_1`, `foo_1` and `foo_2`.

    With `skips` names between may be taken: those of layers that were made again of their configurations.
    """

    step: int
    skips: bool = False


@attrs.frozen
class IfTaken:
    """This value, or a refusal, after which nothing more of the script is asked."""

    value: Value


@attrs.frozen
class Numbers:
    """What the oracle computes for the step, exactly: the data are small integers."""


@attrs.frozen
class Arrays:
    """A list of arrays of these shapes."""

    shapes: tuple[tuple[int, ...], ...]


@attrs.frozen
class Typed:
    """An array of this dtype, or a list of such arrays; `or_number` takes a Python number for one."""

    dtype: str
    or_number: bool = False


@attrs.frozen
class Rounded:
    """This value, in arrays of the dtype; a layer that keeps an assigned array of another one does not round."""

    dtype: str
    value: Value


@attrs.frozen
class Filled:
    """A list of arrays, each holding one number throughout: these."""

    numbers: tuple[float, ...]


Wanted: TypeAlias = (
    Raises | Gives | Stores | ActsAs | Holds | Like | Succeeds | SameAs | Follows | Numbers | Arrays
    | Typed | Rounded | Filled | IfTaken
)  # fmt: skip


@attrs.frozen
class Expected(Generic[T]):
    """What is expected by mode, and where a release or a subject outside TensorFlow differs.

    Args:
        eager, graph: TensorFlow 2.15 in its two modes; None is no expectation.
        outside: outside TensorFlow; None is as `eager`.
        of_the_page: eager and graph mode in TensorFlow of the page's release.
        beside_keras_3: eager and graph mode in TensorFlow since Keras 3.
        v1: TensorFlow of any release with the behaviour of TensorFlow 1; None is as in graph mode.
    """

    eager: T | None = None
    graph: T | None = None
    outside: T | None = attrs.field(default=None, kw_only=True)
    of_the_page: tuple[T | None, T | None] | None = attrs.field(default=None, kw_only=True)
    beside_keras_3: tuple[T | None, T | None] | None = attrs.field(default=None, kw_only=True)
    v1: T | None = attrs.field(default=None, kw_only=True)

    def by(self, traits: Traits) -> T | None:
        """Return what is expected of a subject."""
        if not traits.tensorflow and self.outside is not None:
            return self.outside
        if traits.v1 and self.v1 is not None:
            return self.v1
        pair = (self.eager, self.graph)
        if self.of_the_page is not None and traits.of_the_page:
            pair = self.of_the_page
        if self.beside_keras_3 is not None and traits.beside_keras_3:
            pair = self.beside_keras_3
        return pair[1 if traits.graph else 0]

    def each(self, function: Callable[[T], U | None]) -> Expected[U]:
        """Return what `function` makes of each."""

        def one(value: T | None) -> U | None:
            return None if value is None else function(value)

        def two(pair: tuple[T | None, T | None] | None) -> tuple[U | None, U | None] | None:
            return None if pair is None else (one(pair[0]), one(pair[1]))

        return Expected(
            one(self.eager),
            one(self.graph),
            outside=one(self.outside),
            of_the_page=two(self.of_the_page),
            beside_keras_3=two(self.beside_keras_3),
            v1=one(self.v1),
        )
