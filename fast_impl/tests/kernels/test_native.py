"""When kernels are generated, and for which instruction set."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fast_impl.kernels import native
from fast_impl.kernels.x86 import features
from fast_impl.kernels.x86.avx2 import AVX2
from fast_impl.tests.targets import generated


@pytest.fixture
def _asked_anew():
    native.target.cache_clear()
    yield
    native.target.cache_clear()


@pytest.mark.usefixtures("_asked_anew")
class TestAvailable:
    """When generated kernels are used."""

    ENOUGH = (1 << 12 | 1 << 27 | 1 << 28, 1 << 5, 0b110)

    @pytest.fixture(autouse=True)
    def _possible(self, monkeypatch):
        monkeypatch.delenv("FAST_IMPL_MACHINE_CODE", raising=False)
        monkeypatch.setattr(features, "possible", lambda: True)
        monkeypatch.setattr(features, "features", lambda: self.ENOUGH)

    def test_with_avx2_fma_and_saved_states(self):
        assert native.target() is AVX2

    @pytest.mark.parametrize(
        "lacking",
        [(1 << 12, 0, 0), (1 << 27, 0, 0), (1 << 28, 0, 0), (0, 1 << 5, 0), (0, 0, 2), (0, 0, 4)],
        ids=["FMA", "xsave", "AVX", "AVX2", "SSE state", "AVX state"],
    )
    def test_not_without(self, lacking, monkeypatch):
        found = tuple(have & ~less for have, less in zip(self.ENOUGH, lacking))
        monkeypatch.setattr(features, "features", lambda: found)
        assert native.target() is None

    def test_not_on_another_machine(self, monkeypatch):
        monkeypatch.setattr(features, "possible", lambda: False)
        assert native.target() is None

    def test_not_where_the_system_forbids_it(self, monkeypatch):
        def forbid():
            raise OSError(errno.EACCES, "no")

        monkeypatch.setattr(features, "features", forbid)
        assert native.target() is None

    @pytest.mark.parametrize(("value", "available"), [("0", False), ("1", True), ("", True)])
    def test_not_where_the_user_forbids_it(self, value, available, monkeypatch):
        monkeypatch.setenv("FAST_IMPL_MACHINE_CODE", value)
        assert (native.target() is AVX2) is available


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


@generated
def test_the_processor_says_what_the_system_says_of_it():
    leaf_1, leaf_7, states = features.features()
    assert (native.target() is AVX2) == (
        leaf_1 & features._LEAF_1 == features._LEAF_1
        and leaf_7 & features._LEAF_7 == features._LEAF_7
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
