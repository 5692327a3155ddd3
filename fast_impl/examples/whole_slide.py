"""A score map whose magnified form is larger than memory: an FCN's bilinear head over a Dask array.

The map is cut into bands of rows. Each band reads the rows beside it that reach into its part of the output, and
no more: none for a kernel of the stride's size, one on each side for a bilinear kernel. What is kept of the
output, which never exists as a whole, is the mean of each row. Needs the extra `dask`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

import fast_impl
from fast_impl.examples.beside import Example, main, part_of, rounding
from fast_impl.examples.fcn import bilinear

Array = npt.NDArray[Any]

STRIDE = 4


def rows_read(start: int, stop: int, rows: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return which input rows reach into the output rows ``start * stride`` to ``stop * stride``, with ``same``.

    Row i reaches the outputs ``i * stride - crop`` to ``i * stride - crop + kernel - 1``.

    Args:
        start: The band's first input row.
        stop: The row after its last one.
        rows: Of the whole input.
        kernel: Its height.
        stride: Not above the kernel's height.
    """
    crop = (kernel - stride) // 2
    before = (kernel - 1 - crop) // stride
    after = -(-crop // stride)
    return max(start - before, 0), min(stop + after, rows)


def magnified(
    piece: Array, first: int, start: int, stop: int, kernel: Array, stride: int, full: Callable[..., Any]
) -> Array:  # fmt: skip
    """Return the output rows ``start * stride`` to ``stop * stride`` from a piece of the input.

    Args:
        piece: Input rows, ``(rows, columns)``, from row `first` on; all that `rows_read` names.
        first: As above.
        start: The band's first input row.
        stop: The row after its last one.
        kernel: ``(kernel_height, kernel_width, 1, 1)``.
        stride: Of height and width.
        full: The transposed convolution with ``valid``: nothing is cropped.
    """
    height, width = kernel.shape[:2]
    top, left = (height - stride) // 2, (width - stride) // 2
    whole = full(piece[None, :, :, None], kernel)[0, :, :, 0]
    low, high = ((row - first) * stride + top for row in (start, stop))
    return np.asarray(whole[low:high, left : left + piece.shape[1] * stride])


def scores(start: int, stop: int, columns: int) -> Array:
    """Return rows of the score map; each depends on its number alone."""
    rows, places = np.ogrid[start:stop, :columns]
    found: Array = np.sin(rows * 0.37) * np.cos(places * 0.11) + np.cos(rows * places * 1e-4)
    return found.astype("f4")


def prepare(rows: int, columns: int, band: int) -> dict[str, Any]:
    """Return the sizes and the kernel; zero rows stand for an output of 1.25 times the machine's memory."""
    if not rows:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        rows = -(-int(1.25 * memory) // (4 * STRIDE**2 * columns))
    return {"rows": rows, "columns": columns, "band": band, "kernel": bilinear(STRIDE)}


def ours(shared: dict[str, Any]) -> Callable[[], Array]:
    """Return the means of the magnified map's rows, over a Dask array."""
    try:
        import dask.array as da
        from dask.array.core import normalize_chunks
        from dask.delayed import delayed
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{error.name} is missing: pip install 'conv2d-transpose-conformance[dask]'",
            name=error.name,
        ) from None

    rows, columns, band, kernel = (shared[name] for name in ("rows", "columns", "band", "kernel"))
    bands = normalize_chunks((band,), (rows,))[0]

    def part(block_info: Any) -> Array:
        start, stop = block_info[None]["array-location"][0]
        return scores(start, stop, columns)

    source = da.map_blocks(
        part,
        chunks=(bands, (columns,)),
        dtype="f4",
        meta=np.zeros((0, 0), "f4"),
    )

    def full(images: Array, weights: Array) -> Array:
        return fast_impl.conv2d_transpose(images, weights, (STRIDE, STRIDE))

    def band_of(start: int) -> Any:
        stop = min(start + band, rows)
        first, last = rows_read(start, stop, rows, kernel.shape[0], STRIDE)
        piece = source[first:last].rechunk(-1)
        made = delayed(magnified)(piece, first, start, stop, kernel, STRIDE, full)
        return da.from_delayed(made, ((stop - start) * STRIDE, columns * STRIDE), "f4")

    output = da.concatenate([band_of(start) for start in range(0, rows, band)])
    means = output.mean(axis=1, dtype="f8")
    # The library computes on all cores itself.
    return lambda: np.asarray(means.compute(scheduler="threads", num_workers=2))


def theirs(shared: dict[str, Any]) -> Callable[[], Array]:
    """Return the same by TensorFlow, band after band."""
    import tensorflow as tf

    rows, columns, band, kernel = (shared[name] for name in ("rows", "columns", "band", "kernel"))

    def full(images: Array, weights: Array) -> Any:
        shape = [1, *((n - 1) * STRIDE + k for n, k in zip(images.shape[1:3], weights.shape)), 1]
        return tf.nn.conv2d_transpose(images, weights, np.array(shape), STRIDE, "VALID").numpy()

    def means(start: int) -> Array:
        stop = min(start + band, rows)
        first, last = rows_read(start, stop, rows, kernel.shape[0], STRIDE)
        piece = scores(first, last, columns)
        found: Array = magnified(piece, first, start, stop, kernel, STRIDE, full).mean(
            1, dtype="f8"
        )
        return found

    return lambda: np.concatenate([means(start) for start in range(0, rows, band)])


def allowed(shared: dict[str, Any]) -> float:
    """Return how far two means may be apart: four products of scores up to 2, weights that sum up to 1."""
    terms = (shared["kernel"].shape[0] // STRIDE) ** 2
    return 2 * rounding(terms + 1) * 2 * float(shared["kernel"].sum()) / STRIDE**2


EXAMPLE = Example(
    module="fast_impl.examples.whole_slide",
    about="A score map, four times as high and wide by a bilinear kernel: larger than memory, over a Dask array.",
    sizes={
        "medium": {"rows": 2048, "columns": 4096, "band": 128},
        "small": {"rows": 400, "columns": 512, "band": 64},
        "beyond": {"rows": 0, "columns": 8192, "band": 128},
    },
    prepare=prepare,
    ours=ours,
    theirs=theirs,
    runs=0,
    agreement=lambda shared, ours, theirs: part_of(allowed(shared), ours, theirs),
)

if __name__ == "__main__":
    sys.exit(main(EXAMPLE))
