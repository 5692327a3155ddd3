"""What steps ask of an implementation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from conformance.model.observation import Outcome, Unsupported
from conformance.model.values.codec import Array, Value

if TYPE_CHECKING:
    from conformance.model.steps.step import Step


class Backend(ABC):
    """Drives a layer that is a Python object, by a few primitives that steps are made of.

    A backend that does a step in another way has a method for it, ``do_`` and the step's tag.
    """

    #: Whether errors such as NotImplementedError say "this implementation does not have that".
    may_lack = False
    #: The layer that steps use at present, and each layer by its name; the case's own is `layer`.
    layer: Any
    layers: dict[str, Any]
    #: The constructor arguments of the case.
    arguments: Mapping[str, Value]
    #: Whether the implementation takes the caller's own arrays, so that situations mean something to it.
    takes_arrays = False
    #: The name of the case's situation, where it does; a backend carries out those that it knows.
    situation: str | None = None

    def __init__(self, layer_class: Callable[..., Any]) -> None:
        self.layer_class = layer_class
        #: What is going on: `construct`, the step's tag, or `run` while a graph is executed.
        self.moment = "construct"
        #: Arguments that the last step damaged in place.
        self.modified: tuple[str, ...] = ()
        #: Inputs and outputs of the last call, as the implementation has them.
        self.last: tuple[Any, Any] = (None, None)

    def construct(self, arguments: Mapping[str, Value]) -> None:
        """Make the case's own layer."""
        self.arguments = arguments
        self.layer = self.make(arguments)
        self.layers = {"layer": self.layer}

    def do(self, step: Step) -> Value:
        """Do a step; raise Unsupported where there is no way to."""
        own: Callable[[Step], Value] | None = getattr(self, f"do_{step.tag}", None)
        return step.run(self) if own is None else own(step)

    def close(self) -> None:
        """Give back what `construct` took."""
        self.last = (None, None)

    @abstractmethod
    def make(self, arguments: Mapping[str, Value], positional: Sequence[Value] = ()) -> Any:
        """Construct a layer."""

    @abstractmethod
    def attribute(self, name: str) -> Any:
        """Return an attribute of the layer; raise Unsupported where its absence is no error."""

    @abstractmethod
    def weights(self) -> list[Any]:
        """Return kernel and bias, as the implementation has them; the kernel alone without bias."""

    @abstractmethod
    def resolved(self, value: Value) -> Any:
        """Return an argument with what it names put in."""

    @abstractmethod
    def native(self, array: Array) -> Any:
        """Return a copy of an array, as the implementation takes it."""

    @abstractmethod
    def plain(self, result: Any) -> Value:
        """Return what the implementation gave as a value."""

    def placed(self, result: Any) -> Any:
        """Return what the implementation gave as it gets it back: it may lie in memory in another way."""
        return result

    def give(self, **arrays: Array) -> list[Any]:
        """Return `native` copies, and note which of them the step damages, where that can be seen."""
        return list(map(self.native, arrays.values()))

    def lend(self, **arrays: Array) -> list[Any]:
        """Do as `give` does; the step must not damage the layer's weights either."""
        return self.give(**arrays)

    def called(self, function: Callable[..., Any], *arrays: Any) -> Any:
        """Call the layer, or a function of it, on arrays."""
        return function(*arrays)

    def later(self, outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
        """Return the outcomes as they are when the case is over."""
        return tuple(outcomes)

    def functional(self, _: Array) -> Any:
        """Call the function that the page's layer replaces."""
        raise Unsupported("there is no functional form")
