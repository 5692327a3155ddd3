"""`conformance translate` prints words and a program, and refuses what it cannot read in one line."""

from __future__ import annotations

import json
from typing import Any

import pytest


def test_words_and_program_are_printed(command: Any) -> None:
    done = command(
        "translate", "--to", "torch", 'kernel_size=4, strides=2, padding="same"', "--size", "7x9"
    )
    words, program = done.stdout.split("\n\n", maxsplit=1)
    assert (done.status, done.stderr) == (0, "")
    assert words.startswith(
        "torch.nn.ConvTranspose2d(kernel_size=(4, 4), stride=(2, 2), padding=(1, 1))"
    )
    assert words.endswith("An input of 7x9 gives an output of 14x18.")
    compile(program, "<program>", "exec")


def test_the_program_alone_can_be_kept(command: Any) -> None:
    done = command("translate", "--from", "torch", "kernel_size=3, stride=2, padding=1", "--code")
    defined: dict[str, Any] = {}
    exec(done.stdout, defined)
    assert callable(defined["conv2d_transpose"])


def test_json_has_all_of_it(command: Any) -> None:
    done = command("translate", "--to", "jax", "kernel_size=3", "--json", "--size", "4x4")
    found = json.loads(done.stdout)
    assert (found["arguments"]["padding"], found["is_whole"], found["output_size"]) == (
        "VALID",
        True,
        [6, 6],
    )


def test_an_output_padding_for_a_size_is_found(command: Any) -> None:
    sizes = ("--size", "7x7", "--wanted", "16x15")
    done = command("translate", "kernel_size=3, strides=2", *sizes)
    assert done.stdout == "output_padding: 1, 0\n"


def test_what_nothing_says_is_status_1(command: Any) -> None:
    done = command(
        "translate", "--from", "onnx", "kernel_shape=2, strides=3, auto_pad='SAME_LOWER'"
    )
    assert (done.status, done.stdout.startswith("cannot be translated: auto_pad=")) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("kernel=3",), "kernel=3: no argument of Conv2DTranspose"),
        (("kernel_size=3", "--to", "caffe"), "'caffe' is not one of 'layer', 'torch'"),
        (("kernel_size=3", "--size", "4"), "--size '4': must be a height and a width"),
        (
            ("kernel_size=3", "--size", "0x4"),
            "--size '0x4': must be a height and a width of at least 1",
        ),
        (("kernel_size=3", "--wanted", "4x4"), "--wanted needs --size"),
        (("kernel_size=3, padding=1",), "padding=1"),
        (
            ("kernel_size=3, padding=2", "--from", "torch", "--size", "1x1"),
            "an input of 1x1 is too small",
        ),
        (("kernel_size=3", "--code", "--json"), "give one of them"),
        (
            ("kernel_size=3", "--from", "torch", "--size", "4x4", "--wanted", "4x4"),
            "the layer's output_padding",
        ),
    ],
)
def test_bad_usage_is_one_line(command: Any, arguments: tuple[str, ...], message: str) -> None:
    done = command("translate", *arguments)
    assert (done.status, message in done.stderr) == (2, True)
