"""``conformance weights``: what a file of weights holds, which layers it makes, and other kinds of files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from conformance.commands.console.failing import usage_error, writing
from reports.records.unseen import shown
from reports.views.enumeration import how_many

if TYPE_CHECKING:
    from fast_impl.weights import StoredLayer, WeightFile

_WRITTEN = ("npz", "safetensors", "keras", "torch", "checkpoint")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--to",
    type=(click.Choice(_WRITTEN), click.Path(path_type=Path)),
    metavar="KIND OUT",
    help=f"Write the arrays to OUT, as they are; KIND is one of {', '.join(_WRITTEN)}.",
)
@click.option(
    "--layers",
    "only_layers",
    is_flag=True,
    help="With --to: the transposed convolutions alone, laid out and named as that kind of file has them.",
)
@click.option(
    "--layout",
    help="How kernels lie, where neither file nor keys tell it: layer, torch, onnx, tflite or jax.",
)
@click.option("--format", "kind", help="The kind of FILE, where its name does not tell.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def weights(
    file: Path,
    to: tuple[str, Path] | None,
    only_layers: bool,
    layout: str | None,
    kind: str | None,
    as_json: bool,
) -> None:
    """List the arrays of FILE and the layers that they make, or convert it.

    \b
    conformance weights model.keras
    conformance weights model.pt --to safetensors decoder.safetensors --layers

    FILE is .npz, .safetensors, Keras' .h5, .weights.h5 or .keras, a state dict of PyTorch (.pt), an ONNX model, or
    the beginning of a TensorFlow checkpoint's names. Nothing in it is run.

    Exit status: 0 listed or written, 2 bad usage, or a file that cannot be read or written.
    """  # noqa: D301 (click wants the character)
    from fast_impl.weights import WeightFile

    if only_layers and to is None:
        usage_error("--layers says what --to writes: give both")
    try:
        with WeightFile(file, kind, layout) as opened:
            if to is not None:
                count = _convert(opened, *to, only_layers=only_layers)
                click.echo(f"{to[1]}: {count} arrays written")
            elif as_json:
                click.echo(json.dumps(_document(opened), indent=2))
            else:
                click.echo("\n".join(_lines(opened)))
    except (ValueError, OSError, ModuleNotFoundError) as error:
        usage_error(_by_options(str(error)))


def _by_options(message: str) -> str:
    """Return what the library says of its arguments, said of the options that were typed."""
    message = message.replace("say format=,", "say --format,")
    return re.sub(r"^(format|layout)=", r"--\1 ", message)


def _convert(file: WeightFile, kind: str, out: Path, *, only_layers: bool) -> int:
    from fast_impl import weights

    if only_layers:
        arrays = {
            layer.name: file.weights(layer.kernel.key) for layer in file.layers if not layer.problem
        }
        with writing(out):
            weights.save_arrays(arrays, out, format=kind)
        return sum(map(len, arrays.values()))
    found = {key: entry.read(file.path) for key, entry in file.items() if entry.is_numeric}
    with writing(out):
        weights.write(out, found, format=kind)
    return len(found)


def _document(file: WeightFile) -> dict[str, Any]:
    return {
        "file": str(file.path), "kind": file.format,
        "layers": [
            {
                "name": layer.name, "kernel": layer.kernel.key, "bias": layer.bias and layer.bias.key,
                "kernel_shape": layer.kernel_shape, "layout": str(layer.layout), "problem": layer.problem,
            }
            for layer in file.layers
        ],
        "arrays": [{"key": e.key, "shape": e.shape, "dtype": e.dtype} for e in file.values()],
    }  # fmt: skip


def _lines(file: WeightFile) -> list[str]:
    made = [layer for layer in file.layers if layer.problem is None]
    lines = [f"{shown(str(file.path))}: {file.format}, {how_many(len(file), 'array')}"]
    if made:
        lines += ["", "Conv2DTranspose layers that they make:"]
        lines += _columns([_words(layer) for layer in made])
    others = [layer for layer in file.layers if layer.problem is not None]
    if others:
        lines += ["", "Kernels that make none:"]
        lines += _columns([[layer.name, layer.problem or ""] for layer in others])
    lines += ["", "Arrays:"]
    lines += _columns(
        [[e.key, "x".join(map(str, e.shape)) or "a number", e.dtype] for e in file.values()]
    )
    return lines


def _words(layer: StoredLayer) -> list[str]:
    height, width, filters, channels = layer.kernel_shape
    arguments = f"filters={filters}, kernel_size=({height}, {width})"
    if layer.bias is None:
        arguments += ", use_bias=False"
    count = height * width * filters * channels + (filters if layer.bias is not None else 0)
    return [
        layer.name,
        arguments,
        f"of {channels} channels",
        f"{count:,} values",
        f"kernel {layer.layout}",
    ]


def _columns(rows: list[list[str]]) -> list[str]:
    """Return the rows with their columns aligned; what a file says shows its control characters."""
    rows = [[shown(text) for text in row] for row in rows]
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return [
        "  " + "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip()
        for row in rows
    ]
