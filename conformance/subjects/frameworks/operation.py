"""What drives a framework: a bare operation on tensors, or a layer of its own."""

from __future__ import annotations

import contextlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Protocol

import numpy as np

from conformance.model import steps
from conformance.model.geometry import Geometry
from conformance.model.lowering import Crop, crops
from conformance.model.observation import Unsupported
from conformance.model.values.codec import Array, Value
from conformance.model.values.limits import message_of
from conformance.subjects.layer import FunctionBackend

#: How frameworks say that they do not have something.
_LACKS = re.compile(
    "support|not (yet )?implemented|not registered|unimplemented|could not find an implementation"
    "|could not interpret |expected weight to be at least|type 'tensor.*is invalid|dimension is <= 0"
    r"|expected input size \d+ but got 0|could not locate class |could not create a primitive descriptor"
    "|cannot contain character|expected floating point type|invalid tensor size|could not be deserialized properly"
    "|expected `name` argument to be a string|to a layer that is already built"
    r"|has type \w+ that does not match type|must be a float dtype|unable to convert type "
    "|complex dtype can require gradients|need minval < maxval|incompatible type conversion"
    r"|requires arguments to have the same dtypes|dimension -\d+ must be >= 0",
    re.IGNORECASE,
)
_NO_MEMORY = re.compile("allocat|out of memory|resource_exhausted", re.IGNORECASE)


class Driver(Protocol):
    """A framework in one way."""

    def versions(self) -> Mapping[str, str]:
        """Return names and versions of what decides the results."""

    def backend(self) -> steps.Backend:
        """Return a fresh backend."""


class Operation(ABC):
    """A framework's transposed convolution as a function on NumPy arrays.

    A subclass has one method for each way, on the framework's own tensors. Inputs are in the case's own data
    format; the kernel is (height, width, filters, input channels).

    Args:
        way: `natural` or `exact`.
    """

    #: Errors by which the framework refuses a call, beside those that Python has for it.
    refusals: ClassVar[tuple[type[Exception], ...]] = ()

    def __init__(self, way: str) -> None:
        self._way: Callable[..., Any] = getattr(self, way)

    @abstractmethod
    def versions(self) -> Mapping[str, str]:
        """Return names and versions of what decides the results."""

    @abstractmethod
    def tensor(self, array: Array) -> Any:
        """Return an array as the framework takes it."""

    @abstractmethod
    def array(self, tensor: Any) -> Array:
        """Undo `tensor`."""

    @abstractmethod
    def natural(self, inputs: Any, kernel: Any, bias: Any, geometry: Geometry) -> Any:
        """Return the outputs as a person would first write it; raise Unsupported for what cannot be said."""

    @abstractmethod
    def exact(self, inputs: Any, kernel: Any, bias: Any, geometry: Geometry) -> Any:
        """Return the outputs by the lowering."""

    def backend(self) -> steps.Backend:
        """Return a fresh backend."""
        return OperationBackend(self)

    def __call__(
        self,
        inputs: Array,
        kernel: Array,
        strides: Value = 1,
        padding: str = "valid",
        data_format: str | None = "channels_last",
        *,
        bias: Array | None = None,
        dilation_rate: Value = 1,
        output_padding: Value = None,
    ) -> Array:
        """Return the outputs for arrays and the page's arguments."""
        geometry = geometry_of(kernel, strides, padding, data_format, dilation_rate, output_padding)
        return self.array(self._way(*self._tensors(inputs, kernel, bias), geometry))

    def gradients(
        self,
        output_gradient: Array,
        inputs: Array,
        kernel: Array,
        strides: Value = 1,
        padding: str = "valid",
        data_format: str | None = "channels_last",
        *,
        bias: Array | None = None,
        dilation_rate: Value = 1,
        output_padding: Value = None,
        second: bool = False,
    ) -> list[Array | None]:
        """Return the gradients of ``sum(outputs * output_gradient)`` by inputs, kernel and bias.

        With `second`: the gradient by the kernel of the squared gradient by the inputs, alone.
        """
        geometry = geometry_of(kernel, strides, padding, data_format, dilation_rate, output_padding)
        sources = self._tensors(inputs, kernel, bias)
        derive = self.second_derivative if second else self.derivatives

        def forward(*given: Any) -> Any:
            return self._way(*given, *[None] * (3 - len(given)), geometry)

        present = [source for source in sources if source is not None]
        derived = derive(forward, present, self.tensor(output_gradient))
        found: list[Array | None] = [self.array(one) for one in derived]
        return found if second else [*found, *[None] * (3 - len(found))]

    def derivatives(self, forward: Callable[..., Any], sources: list[Any], upstream: Any) -> Any:
        """Return the gradient by each source of what `forward` makes of them, times `upstream`."""
        raise Unsupported("has no gradients")

    def second_derivative(
        self, forward: Callable[..., Any], sources: list[Any], upstream: Any
    ) -> Any:
        """Return the gradient by the second source of the squared gradient by the first, in a list."""
        raise Unsupported("has no gradients of gradients")

    def _tensors(self, inputs: Array, kernel: Array, bias: Array | None) -> tuple[Any, Any, Any]:
        return self.tensor(inputs), self.tensor(kernel), None if bias is None else self.tensor(bias)


class ArrayOperation(Operation):
    """One that takes and gives NumPy arrays, channels first."""

    def tensor(self, array: Array) -> Any:
        """The array itself."""
        return array

    def array(self, tensor: Any) -> Array:
        """The array itself."""
        return np.asarray(tensor)

    def turned(self, inputs: Array, kernel: Array, geometry: Geometry) -> tuple[Array, Array]:
        """Return images as (batch, channels, height, width), kernel as (channels, filters, height, width)."""
        images = inputs if geometry.channels_first else inputs.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(images), np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))

    def turned_back(self, outputs: Array, geometry: Geometry) -> Array:
        """Return outputs of (batch, channels, height, width) in the case's own data format."""
        return outputs if geometry.channels_first else outputs.transpose(0, 2, 3, 1)


class OperationBackend(FunctionBackend):
    """Drives an `Operation`."""

    takes_arrays = False  # its tensors are its own: of a situation only the steps are done

    kinds = (*FunctionBackend.kinds, steps.Gradients, steps.SecondGradient)

    def __init__(self, operation: Operation) -> None:
        super().__init__(operation)
        self._operation = operation

    def do(self, step: steps.Step) -> Value:
        """Do a step; a refusal in the framework's own words is told as Python has it."""
        with translating(self._operation.refusals):
            return super().do(step)

    def do_gradients(self, step: steps.Gradients) -> Value:
        """Return the three gradients."""
        lent = self.lend(output_gradient=step.output_gradient, inputs=step.inputs)
        return self.plain(self.layer.gradients(*lent))

    def do_second_gradient(self, step: steps.SecondGradient) -> Value:
        """Return the second gradient."""
        lent = self.lend(output_gradient=step.output_gradient, inputs=step.inputs)
        return self.plain(self.layer.gradients(*lent, second=True))[0]


@contextlib.contextmanager
def translating(refusals: tuple[type[Exception], ...]) -> Iterator[None]:
    """Raise what a framework raises inside as `translated` has it."""
    try:
        yield
    except Exception as error:
        told = translated(error, refusals)
        if told is error:
            raise
        raise told from error


def translated(error: Exception, refusals: tuple[type[Exception], ...]) -> Exception:
    """Return what a framework raised as Python has it.

    What says "I do not have that" is Unsupported, and still a refusal where a clause wants one. One of `refusals`,
    with which the framework refuses arguments, keeps its name and message and is a ValueError, or a MemoryError.
    """
    if isinstance(error, (Unsupported, NotImplementedError)):
        return error
    text = message_of(error)
    if lacks := _LACKS.search(text):
        # What stands before and after it says where in the framework's own code.
        start, end = text.rfind("\n", 0, lacks.start()) + 1, text.find("\n", lacks.end())
        return Unsupported(text[start : None if end < 0 else end].strip(), error)
    if isinstance(error, refusals):
        kind = MemoryError if _NO_MEMORY.search(text) else ValueError
        made: Exception = type(type(error).__name__, (kind,), {})(text)
        return made
    return error


def geometry_of(
    kernel: Array,
    strides: Value,
    padding: str,
    data_format: str | None,
    dilation_rate: Value,
    output_padding: Value,
) -> Geometry:
    """Return the page's arguments as geometry; raise Unsupported where no framework could be asked about them."""
    arguments: dict[str, Value] = {
        "strides": strides,
        "padding": padding,
        "data_format": data_format,
        "dilation_rate": dilation_rate,
        "output_padding": output_padding,
    }
    words = (("padding", ("valid", "same")), ("data_format", ("channels_last", "channels_first")))
    for name, known in words:
        if str(arguments[name] or known[0]).lower() not in known:
            raise Unsupported(f"a bare operation has no {name} {arguments[name]!r}")
    try:
        height, width, filters, _ = kernel.shape
        return Geometry.of({**arguments, "filters": filters, "kernel_size": [height, width]})
    except (TypeError, ValueError) as error:
        raise Unsupported(f"a bare operation cannot be given these arguments: {error}") from error


def crops_of(inputs: Any, geometry: Geometry) -> tuple[Crop, Crop]:
    """Return the crops of height and width for a tensor of inputs, in the case's own data format."""
    return crops(geometry.axes, [inputs.shape[place] for place in geometry.spatial_axes])


def strides_of(geometry: Geometry) -> tuple[int, int]:
    """Return the strides of height and width."""
    return geometry.height.stride, geometry.width.stride


def dilations_of(geometry: Geometry) -> tuple[int, int]:
    """Return the dilation rates of height and width."""
    return geometry.height.dilation, geometry.width.dilation
