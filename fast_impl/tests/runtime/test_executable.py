"""Generated code that runs, and what happens where none may run."""

import ctypes
import errno
import mmap
import sys
from pathlib import Path

import pytest

from fast_impl.kernels.x86.assembly.assembler import Assembler
from fast_impl.kernels.x86.assembly.registers import RAX, RDI, At
from fast_impl.runtime import executable
from fast_impl.tests.targets import generated


def doubler():
    """Code that doubles the 64-bit integer at the address it is given."""
    asm = Assembler()
    asm.load(RAX, At(RDI, 0))
    asm.add(RAX, RAX)
    asm.store(At(RDI, 0), RAX)
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
