"""``conformance translate``: the layer in another framework's words, and back."""

from __future__ import annotations

import json
import re

import click

from conformance.commands.console.failing import usage_error
from conformance.translate import Untranslatable, output_padding_for
from conformance.translate import translate as translated
from conformance.translate.reading import READERS


@click.command()
@click.argument("arguments")
@click.option(
    "--to",
    type=click.Choice([*READERS]),
    default="layer",
    show_default=True,
    help="Where it shall run.",
)
@click.option(
    "--from",
    "source",
    type=click.Choice([*READERS]),
    default="layer",
    show_default=True,
    help="Whose arguments these are; `layer` is tf.compat.v1.layers.Conv2DTranspose.",
)
@click.option("--code", "only_code", is_flag=True, help="Print the program alone.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print arguments, weights and program as JSON."
)
@click.option("--size", metavar="HxW", help="An input's height and width: tells the output's.")
@click.option(
    "--wanted", metavar="HxW", help="With --size: tells the layer's output_padding for this output."
)
def translate(
    arguments: str,
    to: str,
    source: str,
    only_code: bool,
    as_json: bool,
    size: str | None,
    wanted: str | None,
) -> None:
    """Say a transposed convolution in another framework's words, with a program that runs as it stands.

    \b
    conformance translate --to torch 'kernel_size=3, strides=2, padding="same"'
    conformance translate --from torch 'ConvTranspose2d(8, 4, 3, stride=2)'
    conformance translate 'kernel_size=3, strides=2' --size 7x7 --wanted 16x16

    ARGUMENTS are written as that side writes them. Where no arguments of the other side say the same, the
    answer is the nearest ones, why, and what must be cropped or appended.

    Exit status: 0 translated, 1 nothing there says it (the reason is printed), 2 bad usage.
    """  # noqa: D301 (click wants the character)
    if only_code and as_json:
        usage_error("--code and --json each say what to print: give one of them")
    if wanted is not None and size is None:
        usage_error("--wanted needs --size: the input's height and width")
    try:
        if wanted is not None and size is not None:
            if source != "layer":
                usage_error(f"--from {source}: --wanted is about the layer's output_padding")
            found = output_padding_for(arguments, _size("--size", size), _size("--wanted", wanted))
            told = "none is needed" if found is None else f"{found[0]}, {found[1]}"
            click.echo(f"output_padding: {told}")
            return
        answer = translated(arguments, to, source=source)
        output = None if size is None else answer.output_size(*_size("--size", size))
    except Untranslatable as error:
        click.echo(f"cannot be translated: {error}")
        raise SystemExit(1) from None
    except ValueError as error:
        usage_error(error)
    if only_code:
        click.echo(answer.code, nl=False)
        return
    if as_json:
        document = {
            "source": answer.source, "target": answer.target, "call": answer.written.name,
            "arguments": answer.arguments, "is_whole": answer.is_whole, "kernel_axes": answer.kernel_axes,
            "kernel_is_turned": answer.operation.flipped, "steps": answer.written.steps, "words": answer.words,
            "code": answer.code, **({} if output is None else {"output_size": output}),
        }  # fmt: skip
        click.echo(json.dumps(document, indent=2))
        return
    click.echo(answer.words)
    if output is not None:
        click.echo(f"An input of {size} gives an output of {output[0]}x{output[1]}.")
    click.echo(f"\n{answer.code}", nl=False)


def _size(option: str, text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,9})\s*[x,]\s*(\d{1,9})", text.strip())
    if found is None or min(map(int, found.groups())) < 1:
        usage_error(f"{option} {text!r}: must be a height and a width of at least 1, such as 28x28")
    return int(found[1]), int(found[2])
