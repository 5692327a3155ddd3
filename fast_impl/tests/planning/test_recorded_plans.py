"""Every plan is the recorded one: a change of speed must be meant, as a change of results must.

What is planned depends on sizes and on what the BLAS is good at, never on the clock, so plans can be
written down: `plans.txt` has, for each problem, what every algorithm proposes with its predicted time,
and how the gradients are cut into tasks. After a change that is meant:

    RECORD_PLANS=1 python -m pytest fast_impl/tests/planning/test_recorded_plans.py
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import fast_impl
from fast_impl.forward import blocks, direct, planar
from fast_impl.gradients.blocks import Backward
from fast_impl.gradients.direct import DirectBackward
from fast_impl.kernels.calls import Calls, PreparedCalls
from fast_impl.kernels.x86 import processor, products, sums
from fast_impl.planning import planner
from fast_impl.planning.gradients import planned
from fast_impl.runtime import blas

RECORDED = Path(__file__).with_name("plans.txt")

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
# Name: threads, whether the BLAS has AVX-512, whether kernels are generated.
ENVIRONMENTS = {
    "1 thread": (1, False, False),
    "2 threads": (2, False, False),
    "2 threads, AVX-512": (2, True, False),
    "1 thread, generated": (1, False, True),
    "2 threads, generated": (2, False, True),
}


def _forward(name: str, threads: int) -> Iterator[str]:
    inputs, kernel, strides, padding, options = PROBLEMS[name]
    for algorithm in fast_impl.algorithms():
        if processor.available() and algorithm != "direct":
            continue  # recorded without it
        plan = fast_impl.plan(
            inputs, kernel, strides, padding, algorithm=algorithm, threads=threads, **options
        )
        if plan.algorithm != algorithm:
            continue
        yield f"{algorithm}: {plan.explanation}"
        yield (
            f"  {plan.threads} thread(s), {plan.workspace:,} bytes, {plan.seconds * 1e6:.6g} us"
            + (", multiplies padding" if plan.multiplies_padding else "")
        )
        if isinstance(plan.executor, blocks.Blocks):
            yield from _products(plan.executor)
        if isinstance(plan.executor, direct.Direct | direct.Turned):
            found = getattr(plan.executor, "direct", plan.executor)
            yield from _sums(found.calls, found.prepared)
    chosen = fast_impl.plan(inputs, kernel, strides, padding, threads=threads, **options)
    others = "".join(f", {other}" for other, _ in chosen.rejected)
    yield f"chosen: {chosen.algorithm}{others and ' before' + others[1:]}"


def _sums(calls: Calls, prepared: PreparedCalls) -> Iterator[str]:
    """Panels of lanes, and everything that the kernels are told but for addresses."""
    for chain in calls.chains:
        for section in chain:
            grid, panel = section.part.grid, section.panel
            yield (
                f"  {panel.times} x {section.width} lanes from {panel.lane} on, rows of taps "
                f"{[*section.rows]} of {grid.down.offsets}, columns {grid.right.offsets}, "
                f"{section.cycles:.6g} cycles"
            )
    told = prepared._template.copy()
    for field, array in ((sums.JOBS, prepared._jobs), (sums.STREAMS, prepared._streams)):
        told[:, field // 8] -= array.ctypes.data
    told[:, sums.NOTHING // 8] = 0
    calls_a_task = {len(task) for task in prepared._tasks}
    yield f"  {prepared.tasks} task(s) of {calls_a_task} call(s), told {_digest(told)}"
    jobs, words = prepared._jobs, prepared._streams
    yield f"  {len(jobs)} jobs {_digest(jobs)}, {len(words)} words {_digest(words)}"


def _digest(numbers: np.ndarray) -> str:
    return hashlib.sha256(numbers.astype("<i8").tobytes()).hexdigest()[:12]


def _products(executor: blocks.Blocks) -> Iterator[str]:
    """What one task in the middle multiplies."""
    first = min(executor.tiling.rows, executor.row_blocks - 1)
    last = min(first + executor.tiling.rows, executor.row_blocks)
    low, high = executor._tile_rows(first, last)
    made = executor.products(executor.tiling.images, last - first, first - low, high - first)
    for number, (members, zero) in enumerate(made):
        adds = sum(product.m * product.n * product.k for product in members)
        yield (
            f"  phase {number}: {len(members)} product(s), {adds:,} multiply-adds"
            + (", sums set to zero before" if zero else "")
            + (", in pieces" if executor.cut else "")
        )


def _backward(name: str, threads: int) -> Iterator[str]:
    inputs, kernel, strides, padding, options = PROBLEMS[name]
    problem = fast_impl.plan(inputs, kernel, strides, padding, **options).problem
    limit = options.get("workspace_limit", planner.WORKSPACE_LIMIT)
    plan = planned(problem, threads, limit)
    if plan is None:
        yield "gradients: scatter"
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
    yield f"  {len(tasks)} task(s) for the kernel's"
    zeroed = [layout._tile_products(layout.chunks[0], tile)[1] for tile in tiles]
    yield f"  {sum(zeroed)} of them set to zero before"
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
        f"{', images side by side' if kernel.across else ''}, {kernel.shares} share(s) of "
        f"{kernel.inner_threads} thread(s)"
    )
    chunks = kernel.chunks
    yield f"  {len(chunks)} chunk(s), the first {tuple(chunks[0])}, the last {tuple(chunks[-1])}"
    told, streams, tables, tasks = kernel._calls(chunks[0])
    told = told.copy()
    told[:, [products.JOBS // 8, products.STREAMS // 8]] = 0
    yield (
        f"  {len(tasks)} task(s), {len(told)} call(s), told {_digest(told)}, {len(streams)} words "
        f"{_digest(streams)}"
    )
    yield f"  jobs {[len(table) for table in tables]} {[_digest(table) for table in tables]}"


def _candidates(problem: fast_impl.Plan, threads: int) -> Iterator[str]:
    """Every size of tasks that is looked at."""
    for tiling in blocks._tilings(problem.problem, threads):
        found = blocks.Blocks(problem.problem, tiling, threads)
        form = " ".join(w for w in ("merged", "aligned", "apart") if getattr(tiling, w))
        yield (
            f"blocks {tiling.images} x {tiling.rows} {form or 'by row'}: {found.seconds() * 1e6:.6g} us, "
            f"{found.scratch_elements} elements"
        )
    for images, rows in sorted(planar._sizes(problem.problem)):
        method = planar.Planar(problem.problem, images, rows, threads)
        yield (
            f"planar {images} x {rows}: {method.seconds() * 1e6:.6g} us, "
            f"{method.scratch_elements} elements"
        )


def _described(name: str, environment: str, monkeypatch: pytest.MonkeyPatch) -> str:
    threads, avx512, generated = ENVIRONMENTS[environment]
    for cached in (planner.planned, planned):
        cached.cache_clear()
    monkeypatch.setattr(blas, "available", lambda dtype: dtype.name in ("float32", "float64"))
    monkeypatch.setattr(blas, "compile_products", lambda products, _: products)
    monkeypatch.setattr(blas, "has_avx512", lambda: avx512)
    monkeypatch.setattr(processor, "available", lambda: generated)
    for kind in ("sums", "products", "copies"):
        monkeypatch.setattr(processor, f"{kind}_kernel", lambda *_: None)
    inputs, kernel, strides, padding, options = PROBLEMS[name]
    lines = [f"## {name}, {environment}", *_forward(name, threads), *_backward(name, threads)]
    if not generated and name in ("float16", "channels first", "little memory"):
        options = {key: value for key, value in options.items() if key != "workspace_limit"}
        plan = fast_impl.plan(inputs, kernel, strides, padding, **options)
        lines += _candidates(plan, threads)
    return "\n".join(lines) + "\n"


def _recorded() -> dict[str, str]:
    found = RECORDED.read_text("utf-8").split("\n## ")
    return {part.partition("\n")[0].removeprefix("## "): part for part in found}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_plan_is_the_recorded_one(
    name: str, environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = _described(name, environment, monkeypatch)
    if "RECORD_PLANS" in os.environ:
        pytest.skip("being recorded")
    recorded = _recorded()[f"{name}, {environment}"]
    assert described.removeprefix("## ").strip() == recorded.removeprefix("## ").strip()


@pytest.mark.skipif("RECORD_PLANS" not in os.environ, reason="only with RECORD_PLANS=1")
def test_record(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [_described(n, e, monkeypatch) for n in PROBLEMS for e in ENVIRONMENTS]
    RECORDED.write_text("\n".join(parts), "utf-8")
