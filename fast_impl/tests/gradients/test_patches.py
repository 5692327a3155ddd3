"""Gradients by patches in strips and shares: whole numbers must come out exactly as by the scatter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fast_impl.gradients import patches
from fast_impl.gradients.patches import PatchesBackward, suits
from fast_impl.problem.problem import Problem
from fast_impl.tests.gradients.test_blocks import problem_of, same
from fast_impl.tests.made import by_scatter, operands

PROBLEMS = {
    "stride 1": problem_of((3, 6, 7, 4), (3, 3, 2, 4)),
    "stride 2": problem_of((3, 6, 7, 4), (5, 5, 3, 4), 2),
    "odd rows": problem_of((2, 5, 5, 3), (4, 3, 1, 3), (3, 2), "valid"),
    "kernel below stride": problem_of((2, 3, 4, 5), (1, 2, 2, 5), 3, "valid"),
    "one row": problem_of((4, 1, 9, 3), (1, 4, 2, 3), (1, 2)),
    "dilation": problem_of((2, 5, 6, 3), (3, 2, 1, 3), 1, dilation_rate=(2, 3)),
    "output padding": problem_of((2, 4, 5, 3), (3, 3, 1, 3), 2, output_padding=(1, 0)),
    "channels first": problem_of((2, 3, 4, 5), (3, 3, 2, 3), 2, data_format="channels_first"),
    "float64": problem_of((2, 4, 5, 3), (3, 3, 1, 3), 2, dtype="float64"),
    "float16": problem_of((2, 3, 3, 2), (2, 2, 1, 2), 2, dtype="float16"),
    "output padding, valid": problem_of(
        (2, 4, 5, 3), (2, 2, 1, 3), 3, "valid", output_padding=(2, 2)
    ),
    "many pixels": problem_of((1, 30, 41, 2), (2, 2, 1, 2), 2),
    "taps that reach nothing": problem_of((2, 2, 2, 3), (9, 9, 1, 3), 1),
    "taps far apart": problem_of((2, 4, 5, 3), (2, 2, 1, 3), 1, dilation_rate=(5, 6)),
}
VIEWS = {
    "in order": lambda array: array,
    "Fortran": np.asfortranarray,
    "last axis apart": lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
    "images apart": lambda array: np.repeat(array, 2, axis=0)[::2],
}


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("tile", [1 << 20, 1000, 1])
@pytest.mark.parametrize("name", PROBLEMS)
def test_gradients_are_those_of_the_scatter(
    name: str, tile: int, threads: int, view: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patches, "_TILE_BYTES", tile)
    monkeypatch.setattr(patches, "_SMALL", 0)
    problem = PROBLEMS[name]
    given = operands(problem)
    expected = by_scatter(problem, *given)
    x, k, g = (VIEWS[view](array) for array in given)
    found: Any = tuple(VIEWS[view](np.full_like(array, 77)) for array in expected)
    PatchesBackward(problem, threads).run(x, k, g, found)
    assert same(found, expected)


def test_few_multiply_adds_are_for_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = PROBLEMS["stride 2"]
    found = []
    for small in (problem.multiply_adds, problem.multiply_adds + 1):
        monkeypatch.setattr(patches, "_SMALL", small)
        found.append(PatchesBackward(problem, 2).threads)
    assert found == [2, 1]


@pytest.mark.parametrize(
    ("rows", "images", "threads", "tile", "strips"),
    [
        (6, 1, 1, 1 << 20, 1),
        (6, 1, 2, 1 << 20, 2),
        (6, 3, 2, 1 << 20, 2),
        (6, 4, 2, 1 << 20, 1),
        (7, 1, 3, 1 << 20, 3),
        (1, 1, 4, 1 << 20, 1),
        (2, 1, 3, 1 << 20, 2),
        (6, 1, 1, 2 * 5 * 9 * 4, 3),
        (6, 1, 1, 2 * 5 * 9 * 4 - 1, 6),
        (6, 1, 1, 0, 6),
    ],
)
def test_images_are_cut_into_strips_for_every_thread(
    rows: int, images: int, threads: int, tile: int, strips: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patches, "_TILE_BYTES", tile)
    monkeypatch.setattr(patches, "_SMALL", 0)
    plan = PatchesBackward(problem_of((images, rows, 5, 4), (3, 3, 1, 4)), threads)
    ends = [(first, last) for image, first, last in plan.strips if image == images - 1]
    assert len(ends) == strips
    assert [first for first, _ in ends] == [0, *(last for _, last in ends[:-1])]
    assert ends[-1][1] == rows
    assert {image for image, _, _ in plan.strips} == set(range(images))


def suited(kernel: Any, strides: Any) -> bool:
    problem: Problem = problem_of((1, 4, 4, 4), (*kernel, 4), strides, "valid")
    return suits(problem, 1, 1 << 26)


def test_patches_are_for_few_filters_and_small_kernels() -> None:
    # a product without them would have filters times places in a block: fewer than 24
    assert (suited((3, 3, 11), 2), suited((3, 3, 12), 2)) == (True, False)
    assert (suited((3, 2, 11), 5), suited((3, 2, 12), 5)) == (True, False)
    assert (suited((3, 3, 23), 1), suited((3, 3, 24), 1)) == (True, False)
    # and a patch at most 512 elements
    assert (suited((16, 16, 2), 2), suited((27, 19, 1), 2)) == (True, False)
    assert (suited((512, 1, 1), 2), suited((1, 513, 1), 2)) == (True, False)
    assert not suited((16, 16, 3), 2)


def test_pixels_are_multiplied_in_pieces() -> None:
    plan = PatchesBackward(PROBLEMS["stride 1"], 1)
    counts = {pixels: plan.products(pixels) for pixels in (256, 257, 1000)}
    assert [(len(a), len(b)) for a, b in counts.values()] == [(1, 1), (1, 2), (1, 4)]
