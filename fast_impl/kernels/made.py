"""The kernels made so far, by target and shape, each with the check of the addresses that it will touch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Protocol

from fast_impl.kernels import touched
from fast_impl.kernels.format import Run
from fast_impl.kernels.target import Function, Target
from fast_impl.runtime import workers
from fast_impl.runtime.checking import Check


class Kernel(Protocol):
    """A function of the address of a call."""

    check: Check
    # Of its code.
    address: int

    def __call__(self, place: int, /) -> Any:
        """Run, without the GIL."""


@functools.lru_cache(maxsize=64)
def sums(target: Target, vectors: int, size: int, runs: tuple[Run, ...], again: bool) -> Kernel:
    """The kernel of sums of this shape; see `Target`."""
    given = target, vectors, size, runs, again
    return _checked(target.sums.make(*given), touched.check_sums(*given))


@functools.lru_cache(maxsize=64)
def products(
    target: Target,
    rows: int,
    vectors: int,
    size: int,
    gradient_step: int,
    channels: int,
    input_step: int,
) -> Kernel:
    """The kernel of products of this shape; see `Target`."""
    given = target, rows, vectors, size, gradient_step, channels, input_step
    return _checked(target.products.make(*given), touched.check_products(*given))


@functools.lru_cache(maxsize=64)
def copies(target: Target, length: int) -> Kernel:
    """The kernel that copies pieces of this length; see `Target`."""
    return _checked(target.copies.make(target, length), touched.check_copies(target, length))


@functools.lru_cache(maxsize=8)
def turns(target: Target) -> Kernel | None:
    """The kernel that turns images, if the target has one; see `Target`."""
    if target.turns is None:
        return None
    return _checked(target.turns.make(target), touched.check_turns(target))


@functools.lru_cache(maxsize=16)
def formats(target: Target, narrow: str, widens: bool) -> Kernel | None:
    """The kernel between float32 and another format, if the target has one; see `Target`."""
    if target.formats is None or not (widens or narrow == "float16"):
        return None
    check = touched.check_formats(target, widens)
    return _checked(target.formats.make(target, narrow, widens), check)


def team(target: Target) -> workers.TeamKernels | None:
    """The kernels by which threads share calls of this target's; None where that is done in Python."""
    return None if target.team is None else _team(target.team)


@functools.cache
def _team(make: Callable[[], workers.TeamKernels]) -> workers.TeamKernels:
    made = make()
    workers.use(made)
    return made


def _checked(made: Function, check: Check) -> Kernel:
    kernel: Any = made
    kernel.check = check
    found: Kernel = kernel
    return found
