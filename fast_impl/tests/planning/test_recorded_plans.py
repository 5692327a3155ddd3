"""Which method is chosen for a problem, and how its work is cut, is the recorded choice.

A choice changes no number, only the time, so nothing else would notice. Predicted times are not recorded: a new
measurement of a cost must show only where it changes a choice. After a change that is meant:

    python -m pytest fast_impl/tests/planning/test_recorded_plans.py --snapshot-update
"""

import collections
from collections.abc import Iterator

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from fast_impl.forward import blocks, col2im, direct
from fast_impl.gradients.blocks import Backward
from fast_impl.gradients.direct import DirectBackward
from fast_impl.gradients.small import SmallBackward
from fast_impl.kernels.sums.calls import Calls, PreparedCalls
from fast_impl.planning import gradients, planner
from fast_impl.problem.dtypes import by_name
from fast_impl.problem.problem import Options, Problem
from fast_impl.runtime import blas
from fast_impl.tests.targets import IDLE, IDLE_AVX512

# Name: input, kernel, stride, padding, further options.
PROBLEMS = {
    "dcgan": ((16, 8, 8, 512), (5, 5, 256, 512), 2, "same", {}),
    "dcgan-out": ((16, 32, 32, 128), (5, 5, 3, 128), 2, "same", {}),
    "pix2pix": ((1, 64, 64, 256), (4, 4, 64, 256), 2, "same", {}),
    "unet": ((1, 196, 196, 128), (2, 2, 64, 128), 2, "valid", {}),
    "fcn": ((1, 16, 16, 21), (64, 64, 21, 21), 32, "same", {}),
    "fsrcnn": ((1, 96, 96, 56), (9, 9, 1, 56), 3, "same", {}),
    "stride 1": ((4, 56, 56, 64), (3, 3, 64, 64), 1, "same", {}),
    "stride 1, valid": ((1, 64, 64, 32), (5, 5, 32, 32), 1, "valid", {}),
    "mnist": ((128, 7, 7, 64), (3, 3, 32, 64), 2, "same", {}),
    "tiny": ((1, 7, 7, 16), (3, 3, 8, 16), 2, "same", {}),
    "tiny, float64": ((1, 7, 7, 16), (3, 3, 8, 16), 2, "same", {"dtype": "float64"}),
    "channels first": ((2, 24, 19, 17), (5, 3, 48, 24), (3, 2), "same", {"data_format": "channels_first"}),
    "float64": ((3, 12, 30, 40), (4, 5, 24, 40), (2, 3), "valid", {"dtype": "float64"}),
    "float16": ((5, 9, 7, 24), (3, 3, 32, 24), 2, "same", {"dtype": "float16"}),
    "dilation": ((2, 20, 20, 32), (3, 3, 32, 32), 1, "same", {"dilation_rate": (2, 3)}),
    "kernel below stride": ((2, 40, 30, 48), (1, 2, 24, 48), 3, "valid", {}),
    "little memory": ((3, 64, 64, 32), (5, 5, 32, 32), 2, "same", {"workspace_limit": 300_000}),
    "few taps": ((2, 20, 20, 512), (2, 1, 300, 512), 2, "valid", {}),
    "few taps, few channels": ((1, 10, 10, 31), (2, 1, 4300, 31), 2, "valid", {}),
    "few taps, enough channels": ((1, 10, 10, 32), (2, 1, 4300, 32), 2, "valid", {}),
    "four taps": ((1, 10, 10, 512), (4, 1, 300, 512), 2, "valid", {}),
    "integers": ((2, 8, 8, 16), (3, 3, 8, 16), 2, "same", {"dtype": "int32"}),
}  # fmt: skip
# Name: threads, whether the BLAS has AVX-512, what kernels are generated for.
ENVIRONMENTS = {
    "1 thread": (1, False, None),
    "2 threads": (2, False, None),
    "2 threads, AVX-512": (2, True, None),
    "1 thread, generated": (1, False, IDLE),
    "2 threads, generated": (2, False, IDLE),
    "1 thread, generated for AVX-512": (1, True, IDLE_AVX512),
    "2 threads, generated for AVX-512": (2, True, IDLE_AVX512),
}


def _problem(inputs, kernel, strides, padding, options) -> Problem:
    number = by_name(options.get("dtype", "float32"))
    layout = options.get("data_format", "channels_last")
    given = Options.checked(strides, padding, layout, options.get("dilation_rate", 1), None)
    return Problem.checked(inputs, number, kernel, number, given)


def _forward(plan: planner.Plan) -> Iterator[str]:
    yield (
        f"{plan.algorithm}, {plan.threads} thread(s), {plan.workspace:,} bytes"
        + (", multiplies padding" if plan.multiplies_padding else "")
    )
    yield f"  {plan.explanation}"
    if isinstance(plan.executor, blocks.Blocks):
        yield from _products(plan.executor)
    found = getattr(plan.executor, "method", plan.executor)
    if isinstance(found, direct.Direct):
        yield from _sums(found.calls, found.prepared)
    if isinstance(found, col2im.Col2im):
        panels = [(panel.vectors, len(panel.runs)) for panel in found.panels]
        bands = f"{len(found.bands)} band(s), the first {tuple(found.bands[0])}"
        yield f"  vectors and runs of panels {panels}, {bands}"


def _sums(calls: Calls, prepared: PreparedCalls) -> Iterator[str]:
    """Panels by their lanes, and what the calls of kernels are told."""
    panels: collections.Counter[int] = collections.Counter()
    for section in calls.sections:
        panels[section.width] += section.panel.times
    calls_a_task = {len(task) for task in prepared._near.tasks}
    yield (
        f"  panels by lanes {dict(sorted(panels.items()))}, {prepared.tasks} task(s) of "
        f"{calls_a_task} call(s), {len(prepared._jobs)} jobs, {len(prepared._streams)} words"
    )


def _products(executor: blocks.Blocks) -> Iterator[str]:
    """What one task in the middle multiplies."""
    first = min(executor.tiling.rows, executor.row_blocks - 1)
    last = min(first + executor.tiling.rows, executor.row_blocks)
    low, high = executor._tile_rows(first, last)
    made = executor.products(executor.tiling.images, last - first, first - low, high - first)
    phases = collections.Counter(
        (len(members), sum(product.m * product.n * product.k for product in members), zero)
        for members, zero in made
    )
    for (products, adds, zero), times in phases.items():
        yield (
            f"  {times} phase(s) of {products} product(s), {adds:,} multiply-adds"
            + (", sums set to zero before" if zero else "")
            + (", in pieces" if executor.cut else "")
        )


def _backward(problem: Problem, plan) -> Iterator[str]:
    if plan is None:
        yield "gradients: scatter"
        return
    if isinstance(plan, SmallBackward):
        yield f"gradients: {plan.table.size} look-ups" + ("" if plan.alone else ", on one thread")
        return
    if isinstance(plan, DirectBackward):
        yield from _direct_backward(plan)
        return
    if not isinstance(plan, Backward):
        ends = [(first, last) for image, first, last in plan.strips if image == 0]
        yield f"gradients: patches, {plan.threads} thread(s), strips {ends} of each image"
        made = plan.products(plan.rows * problem.width.input)
        yield f"  {len(made[0])} and {len(made[1])} products a strip"
        return
    layout = plan.layout
    yield (
        f"gradients: {layout.threads} thread(s), {layout.shares} sum(s) of the kernel's, pitch "
        f"{layout.pitch}, zeros {layout.left} before and {layout.right} after"
    )
    sizes = [(chunk.images, chunk.first, chunk.last) for chunk in layout.chunks]
    yield f"  {len(sizes)} chunk(s) of images and rows, the first {sizes[0]}, the last {sizes[-1]}"
    tiles = list(layout.tiles(layout.chunks[0]))
    yield f"  {len(tiles)} tile(s), the first {tuple(tiles[0])}, the last {tuple(tiles[-1])}"
    sums = np.empty((layout.shares, 0))
    tasks = list(plan._kernel_tasks(layout.chunks[0], None, None, sums, again=False))
    zeroed = sum(layout._tile_products(layout.chunks[0], tile)[1] for tile in tiles)
    yield f"  {len(tasks)} task(s) for the kernel's, {zeroed} tile(s) set to zero before"
    for share in range(layout.shares if layout.shares > 1 else 0):
        products, _ = layout._share_products(layout.chunks[0], share)
        yield f"  share {share}: {len(products)} products of {sum(p.k for p in products)} pixels"


def _direct_backward(plan: DirectBackward) -> Iterator[str]:
    yield f"gradients: generated, {plan.threads} thread(s)"
    yield from _sums(plan.inputs.calls, plan.inputs.prepared)
    kernel = plan.kernel
    yield (
        f"  kernel: {kernel.panels} panel(s) of {kernel.lanes}, tiles of {kernel.rows} rows, "
        f"{'as they are' if kernel.as_it_is else 'in a copy' if kernel.in_place else 'in blocks'}"
        f"{', sides exchanged' if kernel.exchanged else ''}"
        f"{', inputs as they are' if kernel.inputs_in_place else ''}"
        f"{', images side by side' if kernel.across else ''}, {kernel.shares} share(s) of "
        f"{kernel.inner_threads} thread(s)"
    )
    chunks = kernel.chunks
    yield f"  {len(chunks)} chunk(s), the first {tuple(chunks[0])}, the last {tuple(chunks[-1])}"
    calls = kernel._calls(chunks[0])
    tasks = calls.tasks
    yield (
        f"  {len(tasks.tasks)} task(s), {len(tasks.template)} call(s), {len(calls.streams)} words, jobs "
        f"{[len(table) for table in calls.tables]}"
    )


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_choice_is_the_recorded_one(
    name: str, environment: str, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion
) -> None:
    threads, avx512, target = ENVIRONMENTS[environment]
    monkeypatch.setattr(blas, "available", lambda dtype: dtype.name in ("float32", "float64"))
    monkeypatch.setattr(blas, "compile_products", lambda products, _: products)
    monkeypatch.setattr(blas, "has_avx512", lambda: avx512)
    *given, options = PROBLEMS[name]
    problem = _problem(*given, options)
    limit = options.get("workspace_limit", planner.WORKSPACE_LIMIT)
    plan = planner.planned(problem, None, threads, limit, target)
    backward = gradients.planned(problem, threads, limit, target)
    assert snapshot == "\n".join([*_forward(plan), *_backward(problem, backward)])
