"""Which kernels the libraries use, and which variables decide it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conformance.bench import kernels, peers

SAID = "onednn_verbose,{}info,cpu,runtime:OpenMP,nthr:2\nonednn_verbose,{}info,cpu,isa:Intel AVX-512\nx,exec\n"


@pytest.mark.parametrize("version", ["", "v1,"], ids=["oneDNN 3.2", "oneDNN 3.13"])
def test_the_instruction_set_is_read_from_what_onednn_says(version):
    said = SAID.format(version, version)
    assert kernels.instructions(said) == {"oneDNN": "Intel AVX-512"}


def test_an_onednn_that_says_nothing_has_no_instruction_set():
    assert kernels.instructions("ready\nonednn_verbose,info,gpu,runtime:none\n") == {}


def test_a_library_that_is_not_there_has_no_instruction_set(monkeypatch):
    monkeypatch.setitem(peers.PEERS, "nobodys_library", "nobodys_library")
    assert kernels.onednn("nobodys_library") == {}


@pytest.mark.skipif(
    not any(
        "openblas" in path.name for path in (Path(np.__file__).parents[1] / "numpy.libs").glob("*")
    )
    or not Path("/proc/self/maps").exists(),
    reason="needs a NumPy that brings OpenBLAS, and /proc",
)
def test_the_openblas_of_numpy_says_its_core_type():
    assert kernels.openblas()["OpenBLAS (numpy)"] != ""


def test_fast_says_what_its_kernels_are_generated_for():
    from fast_impl.kernels import native

    target = native.target()
    expected = "none generated" if target is None else target.name
    assert peers.load("fast", 1).kernels()["fast_impl"] == expected


def test_variables_that_are_set_are_recorded_and_others_are_not(monkeypatch):
    for name in kernels.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("SOME_OTHER_VARIABLE", "1")
    assert kernels.environment() == {"OPENBLAS_CORETYPE": "Haswell"}
