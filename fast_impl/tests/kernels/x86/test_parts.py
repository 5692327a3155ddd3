"""Parts of vectors: what is read, written and added, and that nothing beside it is touched."""

import itertools

import numpy as np
import pytest

from fast_impl.kernels.x86.abi import field
from fast_impl.kernels.x86.assembly.instructions import assembler
from fast_impl.kernels.x86.assembly.registers import R8, R9, RAX, At
from fast_impl.kernels.x86.assembly.vectors import Part
from fast_impl.runtime import executable
from fast_impl.tests import guarded
from fast_impl.tests.targets import TARGETS, needs, on_each_target

# A call's words: a source, a target, and room for the widest row.
_ROOM = 16


def _run(target, source, into, write):
    """Run what ``write`` writes, with the addresses of two arrays in r9 and r8."""
    asm = assembler(target)
    asm.load(R9, field(0))
    asm.load(R8, field(8))
    write(asm)
    asm.leave_vectors()
    asm.ret()
    words = np.zeros((_ROOM + target.widest * target.vector) // 8, np.int64)
    words[:2] = source.ctypes.data, into.ctypes.data
    executable.load(asm.code())(words.ctypes.data)


def _numbers(count, size, at_end):
    """Numbers of 4 or 8 bytes whose bytes all count, with a forbidden page beside them."""
    return guarded.copy(1.5 + np.arange(count).astype(f"f{size}"), at_end)


def _lengths(target):
    """Numbers that fill some vectors, with one more and one less, by the bytes of a number."""
    for size in (4, 8):
        lanes = target.vector // size
        whole = [lanes * vectors for vectors in target.tiles]
        yield from (
            (size, n)
            for n in sorted(
                {1, 2, 3, *whole, *(n - 1 for n in whole), *(n + 1 for n in whole[:-1])}
            )
        )


# Targets, bytes of a number, and how many.
MANY = [
    pytest.param(target, size, count, id=f"{name}-{count} x {size}", marks=needs(target))
    for name, target in TARGETS.items()
    for size, count in _lengths(target)
]
both_ends = pytest.mark.parametrize("at_end", [False, True], ids=["begins", "ends"])


@both_ends
@pytest.mark.parametrize(("target", "size", "count"), MANY)
def test_a_copy_is_of_so_many_numbers(target, size, count, at_end):
    source = _numbers(count, size, at_end)
    into = guarded.copy(np.zeros_like(source), at_end)

    def write(asm):
        asm.prepare_parts([count * size], 4, RAX)
        asm.copy(At(R8), At(R9), count * size, asm.registers(1)[0])

    _run(target, source, into, write)
    np.testing.assert_array_equal(into, source)


@both_ends
@pytest.mark.parametrize(
    ("target", "size", "count"), [each for each in MANY if each.values[0].masks]
)
def test_registers_hold_what_is_read_side_by_side_and_then_zeros(target, size, count, at_end):
    """Also the registers that nothing is read into."""
    lanes = target.vector // size
    source = _numbers(count, size, at_end)
    found = np.full(target.widest * lanes, np.nan, source.dtype)

    def write(asm):
        asm.prepare_parts([count * size], size, RAX)
        row = asm.registers(target.widest)
        asm.load_side_by_side(row, At(R9), count * size)
        for v, register in enumerate(row):
            asm.store_vector(At(R8, v * target.vector), register)

    _run(target, source, found, write)
    np.testing.assert_array_equal(found[:count], source)
    np.testing.assert_array_equal(found[count:], 0)


@both_ends
@pytest.mark.parametrize("add", [False, True], ids=["set", "added"])
@pytest.mark.parametrize("start", [0, 1, 3, 7, 8, 15, 16])
@pytest.mark.parametrize(("target", "size", "count"), MANY)
def test_a_part_of_a_row_is_stored_and_nothing_beside_it(target, size, count, start, add, at_end):
    lanes = target.widest * target.vector // size
    count = min(count, lanes - start)
    if count < 1:
        start, count = lanes - 1, 1
    source = _numbers(lanes, size, at_end)
    into = guarded.copy(np.full(count, 100, source.dtype), at_end)

    def write(asm):
        asm.prepare_parts([count * size], size, RAX)
        registers = asm.registers(target.registers)
        row = registers[: target.widest]
        for v, register in enumerate(row):
            asm.load_vector(register, At(R9, v * target.vector))
        asm.store_parts(
            R8, row, [Part(start * size, count * size, 0)], size, add=add, room=field(_ROOM),
            spare=(registers[0], registers[-1]),
        )  # fmt: skip

    _run(target, source, into, write)
    np.testing.assert_array_equal(into, source[start : start + count] + (100 if add else 0))


@on_each_target
@both_ends
@pytest.mark.parametrize("add", [False, True], ids=["set", "added"])
@pytest.mark.parametrize("size", [4, 8])
def test_parts_may_begin_anywhere_and_lie_apart(target, size, add, at_end):
    """Pieces of a row in turn, each a gap after the one before, which keeps what it holds."""
    lanes = target.widest * target.vector // size
    source, gap = _numbers(lanes, size, at_end), 5
    first, each = 2, lanes // 3 - 1
    ends = [0, first, first + each, first + 2 * each, lanes]
    parts, where = [], []
    for number, (low, high) in enumerate(itertools.pairwise(ends)):
        parts.append(Part(low * size, (high - low) * size, (low + number * gap) * size))
        where += [*range(low + number * gap, high + number * gap)]
    into = guarded.copy(np.full(lanes + 3 * gap, 100, source.dtype), at_end)

    def write(asm):
        asm.prepare_parts([part.length for part in parts], size, RAX)
        registers = asm.registers(target.registers)
        row = registers[: target.widest]
        for v, register in enumerate(row):
            asm.load_vector(register, At(R9, v * target.vector))
        asm.store_parts(
            R8, row, parts, size, add=add, room=field(_ROOM), spare=(registers[0], registers[-1])
        )

    _run(target, source, into, write)
    expected = np.full(lanes + 3 * gap, 100, source.dtype)
    expected[where] = source + (100 if add else 0)
    np.testing.assert_array_equal(into, expected)
