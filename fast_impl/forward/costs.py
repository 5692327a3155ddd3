"""What things cost, measured: the planner compares algorithms by these numbers.

Only ratios matter for the choice. The constants were measured on one core of about 3 GHz with OpenBLAS
0.3.30 (float32): with AVX-512, and the speed of its products with AVX2 alone, too.
"""

from __future__ import annotations

from fast_impl.runtime import blas

# Seconds per multiply-add at full speed, in blocks of 16 results, with AVX-512 and without.
MULTIPLY_ADD, MULTIPLY_ADD_AVX2 = 2 / 165e9, 2 / 75e9
# Seconds per element that a product repacks or updates.
WEIGHT = 0.55e-9
PIXEL = 0.13e-9
# Seconds per product called, and per element and inner loop of a NumPy copy or addition.
CALL = 2.2e-6
ELEMENT = 0.35e-9
LOOP = 12e-9
NUMPY_CALL = 1.2e-6
# The same while another thread does it, too: one waits for the GIL of the other.
SHARED_CALL = 10e-6
# A copy that turns the layout costs as much as one in runs of this many elements.
TURNED_RUN = 12
# Seconds to turn a number round, or to make it float32, by a generated kernel.
TURN = 0.2e-9
# Seconds that a run costs before its first task: views, scratch memory, the thread count.
START = 30e-6
# The same where generated kernels are called with no more than addresses filled in, and per call of one.
BOUND_START, KERNEL_CALL = 3e-6, 0.4e-6
# Seconds until another thread helps with calls of generated kernels; to wake one for tasks of Python, and to hand
# over one task.
JOIN = 5e-6
WAKE = 25e-6
TASK = 6e-6


def _multiply_add() -> float:
    return MULTIPLY_ADD if blas.has_avx512() else MULTIPLY_ADD_AVX2


def multiply(adds: int, wide: bool = False) -> float:
    """Seconds of so many multiply-adds of products at full speed."""
    return adds * _multiply_add() * (2 if wide else 1)


def product(m: int, n: int, k: int, wide: bool = False) -> float:
    """Seconds of one ``m x k`` by ``k x n`` product, ``n`` of weights; ``wide`` is float64."""
    if not m * n * k:
        return CALL
    blocks = -(-n // 16) * 16
    weight = WEIGHT if n * k > 150_000 else WEIGHT / 2
    seconds = m * blocks * k * _multiply_add() + n * k * weight + m * (n + k) * PIXEL
    return CALL + (2 * seconds if wide else seconds)


def pieces(m: int, n: int, k: int, most: int, wide: bool = False) -> float:
    """Seconds of the same in pieces of at most ``most`` rows that copy nothing."""
    blocks = -(-n // 16) * 16
    seconds = m * blocks * k * _multiply_add() * 1.12
    return CALL * -(-m // most) + (2 * seconds if wide else seconds)


def copy(elements: int, run: int, wide: bool = False) -> float:
    """Seconds to copy (or add) ``elements`` in contiguous runs of ``run``."""
    seconds = elements * ELEMENT * (2 if wide else 1)
    return NUMPY_CALL + seconds + elements / max(run, 1) * LOOP
