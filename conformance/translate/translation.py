"""`translate`: one side's arguments in the words of another, with the change of the weights and a program."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import attrs
import numpy as np

from conformance.model.values.codec import Array
from conformance.translate.activations import OF_THE_LAST_AXIS
from conformance.translate.operation import Operation, Pair, order, pair
from conformance.translate.reading import READERS
from conformance.translate.reading import layer as read_layer
from conformance.translate.spelling import arguments_of
from conformance.translate.writing import WRITERS, Written

_AXES = {"H": "height", "W": "width", "F": "filters", "C": "channels"}


@attrs.frozen(slots=False)
class Translation:
    """One side's transposed convolution on another side.

    Args:
        source, target: the names of the sides, such as `layer` (the page's) and `torch`.
        operation: what the source's arguments mean.
        written: what the target makes of it.
    """

    source: str
    target: str
    operation: Operation = attrs.field(repr=False)
    written: Written = attrs.field(repr=False)

    @property
    def arguments(self) -> dict[str, Any]:
        """The target's arguments, by their names there; where `is_whole` is false they do not say all."""
        return dict(self.written.arguments)

    @property
    def is_whole(self) -> bool:
        """Whether the arguments say all about space: nothing must be cropped, appended or divided into groups."""
        divided = self.operation.groups > 1 and not self.written.call.takes_groups
        return not (self.written.steps or divided)

    @property
    def code(self) -> str:
        """A program that runs as it stands.

        It defines ``conv2d_transpose(inputs, kernel, bias=None)``, which takes and gives arrays as the source's
        operation does; for ONNX and TFLite ``model(...)``.
        """
        return self.written.code

    @property
    def kernel_axes(self) -> tuple[int, int, int, int]:
        """By which axes the source's kernel is transposed into the target's."""
        first, second, third, fourth = order(
            self.operation.kernel_layout, self.written.call.kernel_layout
        )
        return first, second, third, fourth

    def kernel(self, kernel: Array) -> Array:
        """Return the target's kernel: the source's, transposed, and turned where it lies turned there.

        Args:
            kernel: of four axes, as the source has them.

        Raises:
            ValueError: it has another number of axes.
        """
        array = np.asarray(kernel)
        if array.ndim != 4:
            raise ValueError(f"kernel: must have four axes, its shape is {array.shape}")
        if self.operation.flipped:
            array = np.flip(
                array, tuple(self.operation.kernel_layout.index(letter) for letter in "HW")
            )
        return np.ascontiguousarray(array.transpose(self.kernel_axes))

    def output_size(self, height: int, width: int) -> Pair:
        """Return the output's height and width for an input of this size.

        Raises:
            ValueError: nothing is left of it.
        """
        found = self.operation.output_size((height, width))
        if min(found) < 1:
            raise ValueError(
                f"an input of {height}x{width} is too small: {found[0]}x{found[1]} would be left of the result"
            )
        return found

    @cached_property
    def words(self) -> str:
        """What to do, in sentences."""
        own = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        call = f"{self.written.name}({own})"
        lines = []
        if self.is_whole:
            then = f", and then: {' and '.join(self._after)}" if self._after else ""
            lines.append(f"{call} computes the same{then}.")
        else:
            lines += [f"{text[0].upper()}{text[1:]}." for text in self.written.steps]
            if self.operation.groups > 1 and not self.written.call.takes_groups:
                lines.append(
                    f"{self.target} has no groups: each of the {self.operation.groups} parts of the channels is"
                    " computed by itself, and the results are joined."
                )
            ending = ", and then:" if self._rest else ", used as the code below does."
            lines.append(f"The nearest is {call}{ending}")
            lines += [f"  {text}" for text in self._rest]
        lines += self._layouts
        return "\n".join(lines)

    @property
    def _rest(self) -> list[str]:
        told = []
        for axis, (front, back, zeros) in zip(("rows", "columns"), self.written.call.rests):
            if front:
                told.append(
                    f"drop the first {front} {axis}" if front > 1 else f"drop the first {axis[:-1]}"
                )
            if back:
                told.append(
                    f"drop the last {back} {axis}" if back > 1 else f"drop the last {axis[:-1]}"
                )
            if zeros:
                count = f"{zeros} {axis}" if zeros > 1 else f"one {axis[:-1]}"
                told.append(f"append {count} of zeros, before the bias is added")
        return [*told, *self._after]

    @property
    def _after(self) -> list[str]:
        told = []
        if self.operation.use_bias and not self.written.call.adds_bias:
            told.append("add the bias")
        name = self.operation.activation
        if name is not None and "activation" not in self.written.arguments:
            axis = _AXES[self.operation.layout[-1]] if name in OF_THE_LAST_AXIS else ""
            told.append(f"apply {name}{axis and f' over the {axis}'}")
        return told

    @property
    def _layouts(self) -> list[str]:
        lines = []
        here, there = self.operation.layout, self.written.call.layout
        if here != there:
            lines.append(f"Images lie {', '.join(there)} there, and {', '.join(here)} here.")
        wanted = ", ".join(_AXES[letter] for letter in self.written.call.kernel_layout)
        turned = ", turned by 180 degrees" if self.operation.flipped else ""
        same = self.kernel_axes == (0, 1, 2, 3) and not turned
        change = "as it is" if same else f"kernel.transpose{self.kernel_axes}{turned}"
        lines.append(f"The kernel is {change}: {wanted}.")
        return lines

    def __str__(self) -> str:
        return f"{self.words}\n\n{self.code}"


def translate(arguments: Any, to: str = "layer", *, source: str = "layer") -> Translation:
    """Return one side's transposed convolution on another side.

    >>> layer = "kernel_size=3, strides=2, padding='same'"
    >>> print(translate(layer, "torch").words)  # doctest: +NORMALIZE_WHITESPACE
    PyTorch's padding crops as much after as before, less an output_padding below 2:
    not 0 before and 1 after, as height and width need.
    The nearest is torch.nn.ConvTranspose2d(kernel_size=(3, 3), stride=(2, 2)), and then:
      drop the last row
      drop the last column
    Images lie N, C, H, W there, and N, H, W, C here.
    The kernel is kernel.transpose(3, 2, 0, 1): channels, filters, height, width.

    Args:
        arguments: of the source: a dict, a text like ``"kernel_size=3, strides=2"`` or
            ``"nn.ConvTranspose2d(8, 4, 3)"``, a layer with `get_config`, or a `torch.nn.ConvTranspose2d`.
        to: where it shall run: `layer` (the page's), `torch`, `onnx`, `jax`, `tf.keras`, `keras` or `tflite`.
        source: whose arguments they are; the same names.

    Raises:
        Untranslatable: the arguments mean what no side can say; the message is why.
        ValueError: a wrong argument, or no such side.
    """
    for name, value in (("to", to), ("source", source)):
        if value not in READERS:
            raise ValueError(f"{name}={value!r}: must be one of {', '.join(READERS)}")
    operation = READERS[source](arguments_of(arguments, source))
    return Translation(source, to, operation, WRITERS[to](operation))


def output_padding_for(arguments: Any, input_size: Any, output_size: Any) -> Pair | None:
    """Return the layer's `output_padding` that makes an output of the wanted size; None where none is needed.

    An output padding also moves the crop of "same": the numbers are others than without it.

    Args:
        arguments: the layer's, as `translate` takes them; their own output padding is left out.
        input_size: height and width of the input.
        output_size: height and width that are wanted.

    Raises:
        ValueError: no output padding makes this size; the message has the sizes that there are.
    """
    given = {k: v for k, v in arguments_of(arguments, "layer").items() if k != "output_padding"}
    plain = read_layer(given)
    size, wanted = pair("input_size", input_size), pair("output_size", output_size)
    if min(size) < 1 or min(wanted) < 1:
        raise ValueError(f"input_size={size}, output_size={wanted}: must be at least 1")
    if plain.output_size(size) == wanted:
        return None
    same = str(given.get("padding", "valid")).lower() == "same"
    found, told = [], []
    for name, n, stride, extent, length in zip(
        ("height", "width"), size, plain.strides, plain.extents, wanted
    ):
        least = (n - 1) * stride + extent - (2 * (extent // 2) if same else 0)
        low = 1 if same and extent % 2 == 0 else 0
        if not low <= length - least < stride:
            reach = f"{least + low} to {least + stride - 1}" if stride > low else "no size"
            told.append(
                f"{name} {length} cannot be reached from {n}: an output_padding makes {reach}"
            )
        found.append(length - least)
    if told:
        raise ValueError("; ".join([*told, f"without it the output is {plain.output_size(size)}"]))
    return found[0], found[1]
