"""The assembler's encodings, code that runs, and what happens where none may run."""

import ctypes
import errno
import hashlib
import mmap
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fast_impl.kernels.x86 import assembler as x86
from fast_impl.kernels.x86 import copies, processor, products, sums
from fast_impl.kernels.x86.sums import Run
from fast_impl.runtime import executable

# The instruction as GNU objdump prints it, how the assembler is asked for it, and its bytes.
ENCODINGS = [
    ("push rbx", "push", (x86.RBX,), "53"),
    ("push r12", "push", (x86.R12,), "4154"),
    ("pop rbp", "pop", (x86.RBP,), "5d"),
    ("pop r15", "pop", (x86.R15,), "415f"),
    ("ret", "ret", (), "c3"),
    ("mov rax,r9", "move", (x86.RAX, x86.R9,), "498bc1"),
    ("mov r10,rdi", "move", (x86.R10, x86.RDI,), "4c8bd7"),
    ("mov rcx,0xfffffffffffffff9", "move_number", (x86.RCX, -7,), "48c7c1f9ffffff"),
    ("mov r9,0x7", "move_number", (x86.R9, 7,), "49c7c107000000"),
    ("mov rax,QWORD PTR [rdi]", "load", (x86.RAX, x86.At(x86.RDI, 0),), "488b07"),
    ("mov r8,QWORD PTR [rbp+0x0]", "load", (x86.R8, x86.At(x86.RBP, 0),), "4c8b4500"),
    ("mov rcx,QWORD PTR [r13+0x0]", "load", (x86.RCX, x86.At(x86.R13, 0),), "498b4d00"),
    ("mov rdx,QWORD PTR [rsp+0x8]", "load", (x86.RDX, x86.At(x86.RSP, 8),), "488b542408"),
    ("mov rdx,QWORD PTR [r12+0x8]", "load", (x86.RDX, x86.At(x86.R12, 8),), "498b542408"),
    ("mov rax,QWORD PTR [rdi+0x7f]", "load", (x86.RAX, x86.At(x86.RDI, 127),), "488b477f"),
    ("mov rax,QWORD PTR [rdi+0x80]", "load", (x86.RAX, x86.At(x86.RDI, 128),), "488b8780000000"),
    ("mov rax,QWORD PTR [rdi-0x80]", "load", (x86.RAX, x86.At(x86.RDI, -128),), "488b4780"),
    ("mov rax,QWORD PTR [rdi-0x81]", "load", (x86.RAX, x86.At(x86.RDI, -129),), "488b877fffffff"),
    ("movsxd r15,DWORD PTR [rcx+0x24]", "load_int32", (x86.R15, x86.At(x86.RCX, 36),), "4c637924"),
    ("mov QWORD PTR [rdi+0x58],rbx", "store", (x86.At(x86.RDI, 88), x86.RBX,), "48895f58"),
    ("mov QWORD PTR [r8],r9", "store", (x86.At(x86.R8, 0), x86.R9,), "4d8908"),
    ("add rcx,QWORD PTR [rdi+0x10]", "add", (x86.RCX, x86.At(x86.RDI, 16),), "48034f10"),
    ("add rax,r8", "add", (x86.RAX, x86.R8,), "4903c0"),
    ("lea r8,[rdx+r8*1+0x0]", "add_two", (x86.R8, x86.RDX, x86.R8,), "4e8d440200"),
    ("lea rax,[r9+rcx*1+0x0]", "add_two", (x86.RAX, x86.R9, x86.RCX,), "498d440900"),
    ("lea rdi,[rax+rdi*1+0x0]", "add_two", (x86.RDI, x86.RAX, x86.RDI,), "488d7c3800"),
    ("lea rax,[rbp+r12*1+0x0]", "add_two", (x86.RAX, x86.RBP, x86.R12,), "4a8d442500"),
    ("add r8,0x10", "add_number", (x86.R8, 16,), "4983c010"),
    ("add rbx,0x100", "add_number", (x86.RBX, 256,), "4881c300010000"),
    ("add QWORD PTR [rdi+0x58],0x18", "add_number", (x86.At(x86.RDI, 88), 24,), "4883475818"),
    ("sub rax,0x4", "subtract_number", (x86.RAX, 4,), "4883e804"),
    ("sub rax,0x80", "subtract_number", (x86.RAX, 128,), "4881e880000000"),
    ("sub rax,0xffffffffffffff80", "subtract_number", (x86.RAX, -128,), "4883e880"),
    ("sub QWORD PTR [rdi+0x58],0x1", "subtract_number", (x86.At(x86.RDI, 88), 1,), "48836f5801"),
    ("test rsi,rsi", "test", (x86.RSI,), "4885f6"),
    ("test r9,r9", "test", (x86.R9,), "4d85c9"),
    ("cmovs r8,rbp", "move_if", (x86.SIGN, x86.R8, x86.RBP,), "4c0f48c5"),
    ("cmove rax,r9", "move_if", (x86.ZERO, x86.RAX, x86.R9,), "490f44c1"),
    ("cpuid", "cpuid", (), "0fa2"),
    ("xgetbv", "xgetbv", (), "0f01d0"),
    ("vxorps ymm3,ymm3,ymm3", "zero", (3,), "c5e457db"),
    ("vxorps ymm12,ymm12,ymm12", "zero", (12,), "c4411c57e4"),
    ("vmovups ymm1,YMMWORD PTR [rbx+0x40]", "load_vector", (1, x86.At(x86.RBX, 64),), "c5fc104b40"),
    ("vmovups ymm14,YMMWORD PTR [r9]", "load_vector", (14, x86.At(x86.R9, 0),), "c4417c1031"),
    ("vmovups YMMWORD PTR [r8+0x20],ymm5", "store_vector", (x86.At(x86.R8, 32), 5,), "c4c17c116820"),
    ("vmovups YMMWORD PTR [rdi+0x80],ymm13", "store_vector", (x86.At(x86.RDI, 128), 13,), "c57c11af80000000"),
    ("vmovups XMMWORD PTR [r8],xmm2", "store_vector", (x86.At(x86.R8, 0), 2, 16,), "c4c1781110"),
    ("vmovlps QWORD PTR [r8],xmm2", "store_vector", (x86.At(x86.R8, 0), 2, 8,), "c4c1781310"),
    ("vmovss DWORD PTR [r8],xmm2", "store_vector", (x86.At(x86.R8, 0), 2, 4,), "c4c17a1110"),
    ("push rdi", "push", (x86.RDI,), "57"),
    ("push r8", "push", (x86.R8,), "4150"),
    ("pop rdi", "pop", (x86.RDI,), "5f"),
    ("pop r8", "pop", (x86.R8,), "4158"),
    ("lea rax,[rdi+rcx*1+0x0]", "add_two", (x86.RAX, x86.RDI, x86.RCX,), "488d440f00"),
    ("lea rax,[r8+rcx*1+0x0]", "add_two", (x86.RAX, x86.R8, x86.RCX,), "498d440800"),
    ("mov rdi,QWORD PTR [rax+0x8]", "load", (x86.RDI, x86.At(x86.RAX, 8),), "488b7808"),
    ("add rax,0xffffffffffffff80", "add_number", (x86.RAX, -128,), "4883c080"),
    ("add rax,0xffffffffffffff7f", "add_number", (x86.RAX, -129,), "4881c07fffffff"),
    ("vmovntps YMMWORD PTR [r8+0x20],ymm5", "store_around", (x86.At(x86.R8, 32), 5,), "c4c17c2b6820"),
    ("sfence", "fence", (), "0faef8"),
    ("vmovups ymm2,YMMWORD PTR [rax+0x4]", "load_vector", (2, x86.At(x86.RAX, 4), 32,), "c5fc105004"),
    ("vmovups xmm2,XMMWORD PTR [rax+0x4]", "load_vector", (2, x86.At(x86.RAX, 4), 16,), "c5f8105004"),
    ("vmovsd xmm2,QWORD PTR [rax+0x4]", "load_vector", (2, x86.At(x86.RAX, 4), 8,), "c5fb105004"),
    ("vmovss xmm2,DWORD PTR [rax+0x4]", "load_vector", (2, x86.At(x86.RAX, 4), 4,), "c5fa105004"),
    ("vbroadcastss ymm14,DWORD PTR [r11+0xc]", "broadcast", (14, x86.At(x86.R11, 12), 4,), "c4427d18730c"),
    ("vbroadcastsd ymm2,QWORD PTR [rbx+0x8]", "broadcast", (2, x86.At(x86.RBX, 8), 8,), "c4e27d195308"),
    ("vfmadd231ps ymm0,ymm14,ymm12", "multiply_add", (0, 14, 12, 4,), "c4c20db8c4"),
    ("vfmadd231pd ymm11,ymm3,ymm2", "multiply_add", (11, 3, 2, 8,), "c462e5b8da"),
    ("vaddps ymm4,ymm4,YMMWORD PTR [rax+0x20]", "add_vector", (4, 4, x86.At(x86.RAX, 32), 4,), "c5dc586020"),
    ("vaddpd ymm9,ymm10,ymm15", "add_vector", (9, 10, 15, 8,), "c4412d58cf"),
    ("vzeroupper", "leave_vectors", (), "c5f877"),
]  # fmt: skip

generated = pytest.mark.skipif(
    not processor.available(), reason="this processor or system runs no generated code"
)


@pytest.mark.parametrize(
    ("name", "arguments", "encoded"),
    [row[1:] for row in ENCODINGS],
    ids=[row[0] for row in ENCODINGS],
)
def test_an_instruction_is_encoded_as_the_manual_says(name, arguments, encoded):
    asm = x86.Assembler()
    getattr(asm, name)(*arguments)
    assert asm.code().hex() == encoded


def test_jumps_go_forward_and_back_by_the_bytes_between():
    asm = x86.Assembler()
    back, forward = x86.Label(), x86.Label()
    asm.place(back)
    asm.jump(forward)
    asm.jump(back, x86.NOT_ZERO)
    asm.jump(back, x86.LESS)
    asm.jump(forward, x86.NOT_LESS)
    asm.place(forward)
    asm.ret()
    assert asm.code().hex() == ("e9120000000f85f5ffffff0f8cefffffff0f8d00000000c3")


def test_a_jump_to_nowhere_is_refused():
    asm = x86.Assembler()
    asm.jump(x86.Label())
    with pytest.raises(ValueError, match="a jump goes to a label that was never placed"):
        asm.code()


def doubler():
    """Code that doubles the 64-bit integer at the address it is given."""
    asm = x86.Assembler()
    asm.load(x86.RAX, x86.At(x86.RDI, 0))
    asm.add(x86.RAX, x86.RAX)
    asm.store(x86.At(x86.RDI, 0), x86.RAX)
    asm.ret()
    return asm.code()


@generated
def test_loaded_code_runs_and_lives_as_long_as_its_function():
    number = ctypes.c_int64(21)
    executable.load(doubler())(ctypes.addressof(number))
    assert number.value == 42


@generated
@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_loaded_code_cannot_be_written_to():
    function = executable.load(doubler())
    address = ctypes.cast(function, ctypes.c_void_p).value
    with Path("/proc/self/maps").open(encoding="ascii") as maps:
        found = [
            line.split()[1]
            for line in maps
            if int(line.split("-")[0], 16) <= address < int(line.split("-")[1].split()[0], 16)
        ]
    assert [rights[:3] for rights in found] == ["r-x"]


class _Refusing:
    """A C library whose mprotect fails."""

    class mprotect:
        argtypes: object = None

        def __new__(cls, address, length, rights):
            assert rights == mmap.PROT_READ | mmap.PROT_EXEC
            ctypes.set_errno(errno.EACCES)
            return -1


def test_a_system_that_lets_no_code_run_is_an_error_of_the_system(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda *args, **kwargs: _Refusing)
    with pytest.raises(OSError, match="lets no program make code executable") as caught:
        executable.load(doubler())
    assert caught.value.errno == errno.EACCES


@pytest.fixture
def _asked_anew():
    processor.available.cache_clear()
    yield
    processor.available.cache_clear()


@pytest.mark.usefixtures("_asked_anew")
class TestAvailable:
    """When generated kernels are used."""

    ENOUGH = (1 << 12 | 1 << 27 | 1 << 28, 1 << 5, 0b110)

    @pytest.fixture(autouse=True)
    def _possible(self, monkeypatch):
        monkeypatch.delenv("FAST_IMPL_MACHINE_CODE", raising=False)
        monkeypatch.setattr(executable, "possible", lambda: True)
        monkeypatch.setattr(processor, "features", lambda: self.ENOUGH)

    def test_with_avx2_fma_and_saved_states(self):
        assert processor.available()

    @pytest.mark.parametrize(
        "lacking",
        [(1 << 12, 0, 0), (1 << 27, 0, 0), (1 << 28, 0, 0), (0, 1 << 5, 0), (0, 0, 2), (0, 0, 4)],
        ids=["FMA", "xsave", "AVX", "AVX2", "SSE state", "AVX state"],
    )
    def test_not_without(self, lacking, monkeypatch):
        found = tuple(have & ~less for have, less in zip(self.ENOUGH, lacking))
        monkeypatch.setattr(processor, "features", lambda: found)
        assert not processor.available()

    def test_not_on_another_machine(self, monkeypatch):
        monkeypatch.setattr(executable, "possible", lambda: False)
        assert not processor.available()

    def test_not_where_the_system_forbids_it(self, monkeypatch):
        def forbid():
            raise OSError(errno.EACCES, "no")

        monkeypatch.setattr(processor, "features", forbid)
        assert not processor.available()

    @pytest.mark.parametrize(("value", "available"), [("0", False), ("1", True), ("", True)])
    def test_not_where_the_user_forbids_it(self, value, available, monkeypatch):
        monkeypatch.setenv("FAST_IMPL_MACHINE_CODE", value)
        assert processor.available() is available


@pytest.mark.parametrize(
    ("system", "machine", "bits", "possible"),
    [
        ("linux", "x86_64", 64, True),
        ("darwin", "x86_64", 64, True),
        ("linux", "AMD64", 64, True),
        ("win32", "AMD64", 64, False),
        ("linux", "aarch64", 64, False),
        ("darwin", "arm64", 64, False),
        ("linux", "x86_64", 32, False),
    ],
)
def test_code_is_for_64_bit_unix_on_x86(system, machine, bits, possible, monkeypatch):
    monkeypatch.setattr(executable.sys, "platform", system)
    monkeypatch.setattr(executable.platform, "machine", lambda: machine)
    monkeypatch.setattr(executable.sys, "maxsize", (1 << (bits - 1)) - 1)
    assert executable.possible() is possible


@generated
def test_the_processor_says_what_the_system_says_of_it():
    leaf_1, leaf_7, states = processor.features()
    assert processor.available() == (
        leaf_1 & processor._LEAF_1 == processor._LEAF_1
        and leaf_7 & processor._LEAF_7 == processor._LEAF_7
        and states & 0b110 == 0b110
    )
    if sys.platform == "linux":
        with Path("/proc/cpuinfo").open(encoding="ascii") as text:
            flags = next(line for line in text if line.startswith("flags")).split()
        # FMA, MOVBE, POPCNT; BMI1, AVX2, BMI2.
        for bit, flag in ((12, "fma"), (22, "movbe"), (23, "popcnt")):
            assert bool(leaf_1 >> bit & 1) == (flag in flags), flag
        for bit, flag in ((3, "bmi1"), (5, "avx2"), (8, "bmi2")):
            assert bool(leaf_7 >> bit & 1) == (flag in flags), flag


def test_no_code_is_generated_where_the_user_forbids_it():
    program = (
        "import numpy as np, fast_impl; from fast_impl.runtime import executable\n"
        "executable.load = None\n"
        "x, k = np.ones((1, 9, 9, 8), 'f4'), np.ones((3, 3, 8, 8), 'f4')\n"
        "y = fast_impl.conv2d_transpose(x, k, 2, 'same')\n"
        "fast_impl.conv2d_transpose_gradients(x, k, y, 2, 'same')\n"
        "print(fast_impl.plan(x.shape, k.shape, 2, 'same', algorithm='direct').algorithm)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "FAST_IMPL_MACHINE_CODE": "0"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "scatter"


@pytest.mark.parametrize("length", range(4, 101, 4))
def test_parts_make_up_a_length_in_order(length):
    found = list(sums.parts(length))
    assert [start for start, _ in found] == [
        sum(size for _, size in found[:i]) for i in range(len(found))
    ]
    assert sum(size for _, size in found) == length
    assert [size for _, size in found] == sorted((size for _, size in found), reverse=True)
    assert {size for _, size in found} <= {32, 16, 8, 4}


@generated
@pytest.mark.parametrize("numbers", [1, 2, 3, 6, 8, 13, 16])
def test_copies_take_pieces_from_where_they_lie(numbers):
    random = np.random.default_rng(1)
    source = random.standard_normal((4, 5, 20)).astype(np.float32)[::2, :, 3:]
    target = np.full((2, 2, 5, numbers + 2), np.nan, np.float32)
    steps = source.strides[0], 4, source.strides[1]
    into = target.strides[1], target.strides[0], target.strides[2]
    told = np.array([source.ctypes.data, target.ctypes.data, 2, 2, 5, *steps, *into])
    processor.copies_kernel(numbers * 4)(told.ctypes.data)
    for panel in range(2):
        expected = source[..., panel : panel + numbers]
        np.testing.assert_array_equal(target[panel, ..., :numbers], expected)
    assert np.isnan(target[..., numbers:]).all()


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("runs", [(Run(0, 16, 0),), (Run(0, 3, 0), Run(3, 3, 640))])
@pytest.mark.parametrize("size", [4, 8])
def test_registers_of_the_caller_are_saved_and_put_back(size, runs, again):
    code = sums.generate(2, size, runs, again)
    assert code.startswith(bytes.fromhex("53554154415541564157"))
    assert code.endswith(bytes.fromhex("c5f877415f415e415d415c5d5bc3"))


# What is generated, and the length and SHA-256 of its bytes: a change must be meant.
GENERATED = [
    ("sums of 1 x 8 lanes", sums, (1, 4, (Run(0, 8, 0),), False),
     1140, "3cba5c09ac84f64e"),
    ("sums of 1 x 8 lanes, again", sums, (1, 4, (Run(0, 8, 0),), True),
     1148, "e0d6215282275aed"),
    ("sums of 2 x 8 lanes", sums, (2, 4, (Run(0, 16, 0),), False),
     1445, "da1a8966b07fb99e"),
    ("sums of 2 x 8 lanes, again", sums, (2, 4, (Run(0, 16, 0),), True),
     1221, "7b5b374d18573fcb"),
    ("sums of 3 x 8 lanes", sums, (3, 4, (Run(0, 24, 0),), False),
     1107, "e5f1411cba861473"),
    ("sums of 3 x 8 lanes, again", sums, (3, 4, (Run(0, 24, 0),), True),
     1119, "0675c8dadb15f591"),
    ("sums of 2 x 4 lanes", sums, (2, 8, (Run(0, 8, 0),), False),
     1445, "035523dfff5fd4a0"),
    ("sums of 2 x 4 lanes, again", sums, (2, 8, (Run(0, 8, 0),), True),
     1221, "bb19be429e40eee3"),
    ("sums of 13 lanes", sums, (2, 4, (Run(0, 13, 0),), False),
     1485, "f0337998133d7450"),
    ("sums of 13 lanes, again", sums, (2, 4, (Run(0, 13, 0),), True),
     1623, "a6cbec4774197826"),
    ("sums of two lines", sums, (3, 8, (Run(0, 5, 0), Run(5, 5, 640)), False),
     1379, "39eb26a1b03a3b0b"),
    ("products of 8 rows by 8 channels", products, (8, 1, 4, 32, 8),
     604, "6ceaad8ec348cfe1"),
    ("products of 6 rows by 16 channels", products, (6, 2, 4, 24, 16),
     710, "f40963b3e4af3777"),
    ("products of 5 rows by 11 channels", products, (5, 2, 4, 24, 11),
     931, "f168ec1b1b745721"),
    ("products of 4 rows by 24 channels", products, (4, 3, 4, 168, 24),
     709, "c6983dcd63f82914"),
    ("products of 2 rows by 7 channels", products, (2, 2, 8, 40, 7),
     500, "88b336e769bbcc29"),
    ("copies of 4 bytes", copies, (4,),
     108, "a03f7e307c3a4d17"),
    ("copies of 24 bytes", copies, (24,),
     118, "447b80093d284cbe"),
    ("copies of 64 bytes", copies, (64,),
     118, "ff8dd6eda4792ecf"),
    ("copies of 100 bytes", copies, (100,),
     138, "bdbaddbdb53f4b99"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "arguments", "length", "digest"),
    [row[1:] for row in GENERATED],
    ids=[row[0] for row in GENERATED],
)
def test_the_code_is_the_recorded_one(kind, arguments, length, digest):
    code = kind.generate(*arguments)
    assert (len(code), hashlib.sha256(code).hexdigest()[:16]) == (length, digest)


def test_kernels_are_generated_once():
    if not processor.available():
        pytest.skip("this processor or system runs no generated code")
    runs = (Run(0, 16, 0),)
    assert processor.sums_kernel(2, 4, runs, False) is processor.sums_kernel(2, 4, runs, False)
    assert processor.sums_kernel(2, 4, runs, True) is not processor.sums_kernel(2, 4, runs, False)
    assert processor.copies_kernel(24) is processor.copies_kernel(24)
    made = processor.products_kernel(6, 2, 4, 24, 16)
    assert processor.products_kernel(6, 2, 4, 24, 16) is made


@generated
@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize("stored", ["whole", "part"])
@pytest.mark.parametrize("vectors", [1, 2, 3])
def test_products_add_up_runs_of_pixels(vectors, stored, size):
    """Two jobs over two runs, two panels; what is not stored keeps what it holds."""
    dtype = np.dtype(f"f{size}")
    random = np.random.default_rng(2)
    rows, lanes, pixels = products.ROWS[vectors], vectors * 32 // size, 23
    x = random.integers(-3, 4, (2, pixels, lanes)).astype(dtype)
    g = random.integers(-3, 4, (2, pixels, rows)).astype(dtype)
    kept = (rows, lanes) if stored == "whole" else (rows - 1, lanes - 3)
    result = np.full((2, rows, 2 * lanes), 5, dtype)
    streams = np.array(
        [
            *(7, 2 * lanes * size, rows * size), *(1, 0, 0), products.END,
            *(10, 0, 3 * rows * size), products.END,
        ],
        np.int32,
    )  # fmt: skip
    jobs = np.array([[0, 0, 0], [28, g[0].nbytes, result[0].nbytes]], np.int64)
    told = np.zeros(products.CALL_WORDS, np.int64)
    for field, value in (
        (products.JOBS, jobs.ctypes.data), (products.COUNT, 2),
        (products.STREAMS, streams.ctypes.data), (products.INPUTS, x.ctypes.data),
        (products.GRADIENTS, g.ctypes.data), (products.RESULT, result.ctypes.data),
        (products.PANELS, 2), (products.INPUTS_STEP, x[0].nbytes),
        (products.RESULT_STEP, lanes * size), (products.RESULT_ROW, 2 * lanes * size),
    ):  # fmt: skip
        told[field // 8] = value
    processor.products_kernel(kept[0], vectors, size, rows * size, kept[1])(told.ctypes.data)
    expected = np.full_like(result, 5)
    runs = [[(7, 2, 1), (1, 0, 0)], [(10, 0, 3)]]
    for job, panel in np.ndindex(2, 2):
        for length, first, target in runs[job]:
            added = g[job, target : target + length].T @ x[panel, first : first + length]
            into = expected[job, : kept[0], panel * lanes : panel * lanes + kept[1]]
            into += added[: kept[0], : kept[1]]
    np.testing.assert_array_equal(result, expected)
