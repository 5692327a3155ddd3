"""When kernels are generated, and for which instruction set."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fast_impl.kernels import native
from fast_impl.kernels.x86 import features
from fast_impl.kernels.x86.avx2 import AVX2
from fast_impl.kernels.x86.avx512 import AVX512
from fast_impl.tests.targets import TARGETS, generated, needs


@pytest.fixture
def _asked_anew():
    native.target.cache_clear()
    yield
    native.target.cache_clear()


# Bits of cpuid's leaf 1, rcx, of leaf 7, rbx, and of the states that the system saves, by name.
LEAF_1 = {"FMA": 12, "xsave": 27, "AVX": 28}
LEAF_7_AVX2 = {"AVX2": 5}
LEAF_7_AVX512 = {"AVX-512 F": 16, "AVX-512 DQ": 17, "AVX-512 BW": 30, "AVX-512 VL": 31}
STATES_AVX2 = {"SSE state": 1, "AVX state": 2}
STATES_AVX512 = {
    "state of masks": 5, "state of upper halves": 6, "state of the upper 16 registers": 7,
}  # fmt: skip


def _bits(*names):
    return sum(1 << bit for named in names for bit in named.values())


ENOUGH_FOR_AVX2 = _bits(LEAF_1), _bits(LEAF_7_AVX2), _bits(STATES_AVX2)
ENOUGH = (
    _bits(LEAF_1), _bits(LEAF_7_AVX2, LEAF_7_AVX512), _bits(STATES_AVX2, STATES_AVX512)
)  # fmt: skip
# What both targets need, and what AVX-512 alone does: the name, its word of the three, its bit.
BOTH = [
    (name, word, bit)
    for word, named in enumerate((LEAF_1, LEAF_7_AVX2, STATES_AVX2))
    for name, bit in named.items()
]
WIDE = [
    (name, word, bit)
    for word, named in ((1, LEAF_7_AVX512), (2, STATES_AVX512))
    for name, bit in named.items()
]


def _lacking(bits, word, bit):
    return tuple(have & ~(1 << bit) if n == word else have for n, have in enumerate(bits))


@pytest.mark.usefixtures("_asked_anew")
class TestChoice:
    """Which target kernels are generated for, if any."""

    @pytest.fixture(autouse=True)
    def _possible(self, monkeypatch):
        monkeypatch.delenv("FAST_IMPL_MACHINE_CODE", raising=False)
        monkeypatch.setattr(features, "possible", lambda: True)
        self.have(monkeypatch, ENOUGH)

    def have(self, monkeypatch, bits):
        monkeypatch.setattr(features, "features", lambda: bits)

    def test_with_all_features_it_is_the_best(self):
        assert native.target() is AVX512
        assert features.targets() == [AVX512, AVX2]

    def test_with_all_bits_set_it_is_the_best(self, monkeypatch):
        self.have(monkeypatch, ((1 << 32) - 1,) * 3)
        assert features.targets() == [AVX512, AVX2]

    def test_with_avx2_fma_and_saved_states_alone_it_is_avx2(self, monkeypatch):
        self.have(monkeypatch, ENOUGH_FOR_AVX2)
        assert features.targets() == [AVX2]
        assert native.target() is AVX2

    @pytest.mark.parametrize(("word", "bit"), [w[1:] for w in WIDE], ids=[w[0] for w in WIDE])
    def test_it_is_avx2_where_avx512_lacks_something(self, word, bit, monkeypatch):
        self.have(monkeypatch, _lacking(ENOUGH, word, bit))
        assert features.targets() == [AVX2]
        assert native.target() is AVX2

    @pytest.mark.parametrize("bits", [ENOUGH, ENOUGH_FOR_AVX2], ids=["AVX-512", "AVX2"])
    @pytest.mark.parametrize(("word", "bit"), [b[1:] for b in BOTH], ids=[b[0] for b in BOTH])
    def test_it_is_none_where_avx2_lacks_something(self, word, bit, bits, monkeypatch):
        self.have(monkeypatch, _lacking(bits, word, bit))
        assert features.targets() == []
        assert native.target() is None

    def test_it_is_none_on_another_machine(self, monkeypatch):
        monkeypatch.setattr(features, "possible", lambda: False)
        monkeypatch.setattr(features, "features", lambda: pytest.fail("code was run"))
        assert native.target() is None

    def test_it_is_none_where_the_system_forbids_it(self, monkeypatch):
        def forbid():
            raise OSError(errno.EACCES, "no")

        monkeypatch.setattr(features, "features", forbid)
        assert native.target() is None

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("", AVX512), (" ", AVX512), ("1", AVX512), ("true", AVX512), ("Yes", AVX512), ("on", AVX512),
            ("0", None), ("off", None), ("FALSE", None), (" no ", None),
            ("avx2", AVX2), ("AVX2", AVX2), (" Avx2\t", AVX2), ("avx512", AVX512), ("AVX512 ", AVX512),
        ],
    )  # fmt: skip
    def test_the_user_names_it_or_forbids_all(self, value, expected, monkeypatch):
        monkeypatch.setenv("FAST_IMPL_MACHINE_CODE", value)
        assert native.target() is expected

    def test_where_the_user_forbids_it_the_processor_is_not_asked(self, monkeypatch):
        monkeypatch.setenv("FAST_IMPL_MACHINE_CODE", "0")
        monkeypatch.setattr(features, "features", lambda: pytest.fail("code was run"))
        assert native.target() is None

    @pytest.mark.parametrize(
        "value", ["avx", "avx-512", "avx10", "neon", "2", "avx2,avx512", "none"]
    )
    def test_a_value_that_means_nothing_is_an_error_that_lists_those_that_do(
        self, value, monkeypatch
    ):
        monkeypatch.setenv("FAST_IMPL_MACHINE_CODE", value)
        message = (
            f"the environment variable FAST_IMPL_MACHINE_CODE={value!r} must be one of "
            "avx512, avx2, 1, true, yes, on, 0, false, no, off"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            native.target()

    @pytest.mark.parametrize(
        ("bits", "named", "there"),
        [
            (ENOUGH_FOR_AVX2, "avx512", "avx2"),
            ((0, 0, 0), "avx512", "none"),
            ((0, 0, 0), "avx2", "none"),
        ],
    )
    def test_a_set_that_the_processor_lacks_is_an_error(self, bits, named, there, monkeypatch):
        self.have(monkeypatch, bits)
        monkeypatch.setenv("FAST_IMPL_MACHINE_CODE", named)
        message = (
            f"FAST_IMPL_MACHINE_CODE={named!r} names an instruction set that cannot be used here; "
            f"there are: {there}"
        )
        with pytest.raises(ValueError, match=f"{re.escape(message)}$"):
            native.target()


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
    monkeypatch.setattr(features.sys, "platform", system)
    monkeypatch.setattr(features.platform, "machine", lambda: machine)
    monkeypatch.setattr(features.sys, "maxsize", (1 << (bits - 1)) - 1)
    assert features.possible() is possible


@pytest.mark.skipif(not features.possible(), reason="cpuid is an instruction of x86-64")
def test_the_processor_says_what_the_system_says_of_it():
    leaf_1, leaf_7, states = features.features()
    # States that are saved have their bits beside that of the x87, which is always set.
    assert states & 1
    if sys.platform == "linux":
        with Path("/proc/cpuinfo").open(encoding="ascii") as text:
            flags = next(line for line in text if line.startswith("flags")).split()
        # FMA, MOVBE, POPCNT; BMI1, AVX2, BMI2, and those of AVX-512.
        for bit, flag in ((12, "fma"), (22, "movbe"), (23, "popcnt")):
            assert bool(leaf_1 >> bit & 1) == (flag in flags), flag
        for bit, flag in (
            (3, "bmi1"), (5, "avx2"), (8, "bmi2"), (16, "avx512f"), (17, "avx512dq"), (30, "avx512bw"),
            (31, "avx512vl"),
        ):  # fmt: skip
            assert bool(leaf_7 >> bit & 1) == (flag in flags), flag
        assert (AVX512 in features.targets()) == (
            {"fma", "avx2", "avx512f", "avx512dq", "avx512bw", "avx512vl"} <= {*flags}
        )
        assert (AVX2 in features.targets()) == ({"fma", "avx2"} <= {*flags})


@generated
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=needs(target)) for name, target in TARGETS.items()]
)
def test_a_process_uses_the_set_that_its_environment_names(name):
    program = (
        "import numpy as np, fast_impl; from fast_impl.kernels import native\n"
        "x, k = np.ones((1, 9, 9, 8), 'f4'), np.ones((3, 3, 8, 8), 'f4')\n"
        "plan = fast_impl.plan(x.shape, k.shape, 2, 'same', algorithm='direct')\n"
        "assert plan.run(x, k).sum() == 9 * 9 * 8 * 8 * 9 - 8 * 8 * (2 * 9 * 3 - 1), plan.run(x, k).sum()\n"
        "print(plan.executor.calls.target.name, native.target().name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "FAST_IMPL_MACHINE_CODE": name.upper()},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout.split("\n")[0], done.stderr) == (
        f"{TARGETS[name].name} {TARGETS[name].name}",
        "",
    )


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
