"""When kernels are generated, and for which instruction set."""

import errno
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fast_impl.kernels import native
from fast_impl.kernels.x86 import features
from fast_impl.kernels.x86.avx2 import AVX2
from fast_impl.kernels.x86.avx512 import AVX512, AVX512_BF16
from fast_impl.kernels.x86.features import Features
from fast_impl.tests.targets import generated, needs


@pytest.fixture
def _asked_anew():
    native.target.cache_clear()
    yield
    native.target.cache_clear()


# What a target needs beyond the one before it: the name, the word of `Features`, and the bit.
FOR_AVX2 = [
    ("FMA", "leaf_1_rcx", 12), ("xsave", "leaf_1_rcx", 27), ("AVX", "leaf_1_rcx", 28), ("F16C", "leaf_1_rcx", 29),
    ("AVX2", "leaf_7_rbx", 5),
    ("state of SSE", "states", 1), ("state of AVX", "states", 2),
]  # fmt: skip
FOR_AVX512 = [
    ("AVX-512 F", "leaf_7_rbx", 16), ("AVX-512 DQ", "leaf_7_rbx", 17), ("AVX-512 BW", "leaf_7_rbx", 30),
    ("AVX-512 VL", "leaf_7_rbx", 31), ("state of masks", "states", 5), ("state of upper halves", "states", 6),
    ("state of the upper 16 registers", "states", 7),
]  # fmt: skip
FOR_BFLOAT16 = [("AVX-512 BF16", "leaf_7_1_rax", 5)]


def _features(*needed):
    found = Features(0, 0, 0, 0)
    for _, word, bit in itertools.chain(*needed):
        found = found._replace(**{word: getattr(found, word) | 1 << bit})
    return found


ENOUGH_FOR_AVX2 = _features(FOR_AVX2)
ENOUGH_FOR_AVX512 = _features(FOR_AVX2, FOR_AVX512)
ENOUGH = _features(FOR_AVX2, FOR_AVX512, FOR_BFLOAT16)


def _lacking(bits, word, bit):
    return bits._replace(**{word: getattr(bits, word) & ~(1 << bit)})


def each_of(needed):
    """Once for each of the bits that a target needs."""
    return pytest.mark.parametrize(
        ("word", "bit"), [each[1:] for each in needed], ids=[each[0] for each in needed]
    )


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
        assert native.target() is AVX512_BF16
        assert features.targets() == [AVX512_BF16, AVX512, AVX2]

    def test_with_all_bits_set_it_is_the_best(self, monkeypatch):
        self.have(monkeypatch, Features(*4 * [(1 << 32) - 1]))
        assert features.targets() == [AVX512_BF16, AVX512, AVX2]

    def test_without_products_of_bfloat16_it_is_avx512(self, monkeypatch):
        self.have(monkeypatch, ENOUGH_FOR_AVX512)
        assert features.targets() == [AVX512, AVX2]
        assert native.target() is AVX512

    def test_with_avx2_fma_and_saved_states_alone_it_is_avx2(self, monkeypatch):
        self.have(monkeypatch, ENOUGH_FOR_AVX2)
        assert features.targets() == [AVX2]
        assert native.target() is AVX2

    @each_of(FOR_AVX512)
    def test_it_is_avx2_where_avx512_lacks_something(self, word, bit, monkeypatch):
        self.have(monkeypatch, _lacking(ENOUGH, word, bit))
        assert features.targets() == [AVX2]
        assert native.target() is AVX2

    @pytest.mark.parametrize("bits", [ENOUGH, ENOUGH_FOR_AVX2], ids=["AVX-512", "AVX2"])
    @each_of(FOR_AVX2)
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
            ("", AVX512_BF16), (" ", AVX512_BF16), ("1", AVX512_BF16), ("true", AVX512_BF16),
            ("Yes", AVX512_BF16), ("on", AVX512_BF16),
            ("0", None), ("off", None), ("FALSE", None), (" no ", None),
            ("avx2", AVX2), ("AVX2", AVX2), (" Avx2\t", AVX2), ("avx512", AVX512), ("AVX512 ", AVX512),
            ("avx512_bf16", AVX512_BF16), (" AVX512_BF16", AVX512_BF16),
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
            "avx512_bf16, avx512, avx2, 1, true, yes, on, 0, false, no, off"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            native.target()

    @pytest.mark.parametrize(
        ("bits", "named", "there"),
        [
            (ENOUGH_FOR_AVX512, "avx512_bf16", "avx512, avx2"), (ENOUGH_FOR_AVX2, "avx512_bf16", "avx2"),
            (ENOUGH_FOR_AVX2, "avx512", "avx2"), (_features(), "avx512", "none"), (_features(), "avx2", "none"),
        ],
        ids=str,
    )  # fmt: skip
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
    leaf_1, leaf_7, states, leaf_7_1 = features.features()
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
        assert bool(leaf_7_1 >> 5 & 1) == ("avx512_bf16" in flags)
        assert (AVX512 in features.targets()) == (
            {"fma", "avx2", "avx512f", "avx512dq", "avx512bw", "avx512vl"} <= {*flags}
        )
        assert (AVX2 in features.targets()) == ({"fma", "avx2"} <= {*flags})
        both = AVX512 in features.targets() and "avx512_bf16" in flags
        assert (AVX512_BF16 in features.targets()) == both


@generated
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=needs(target)) for name, target in features.NAMES.items()]
)
def test_a_process_uses_the_set_that_its_environment_names(name):
    program = (
        "import numpy as np, fast_impl; from fast_impl.kernels import native\n"
        "x, k = np.ones((1, 9, 9, 8), 'f4'), np.ones((3, 3, 8, 8), 'f4')\n"
        "plan = fast_impl.plan(x.shape, k.shape, 2, 'same', algorithm='direct')\n"
        "assert plan.run(x, k).sum() == 9 * 9 * 8 * 8 * 9 - 8 * 8 * (2 * 9 * 3 - 1), plan.run(x, k).sum()\n"
        "print(plan.executor.calls.target.name, native.target().name, sep='; ')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "FAST_IMPL_MACHINE_CODE": name.upper()},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout.split("\n")[0], done.stderr) == (
        f"{features.NAMES[name].name}; {features.NAMES[name].name}",
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
