"""Which kernels the numeric libraries use: the same release is another library on another processor."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

#: Variables that decide which kernels a library uses, or how its threads wait. A run records those that are set.
VARIABLES = (
    "ATEN_CPU_CAPABILITY",
    "DNNL_MAX_CPU_ISA",
    "FAST_IMPL_MACHINE_CODE",
    "GOMP_SPINCOUNT",
    "KMP_BLOCKTIME",
    "NPY_DISABLE_CPU_FEATURES",
    "OMP_WAIT_POLICY",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "TF_ENABLE_ONEDNN_OPTS",
)
#: Seconds that a library may take to say which kernels it uses.
PATIENCE = 120
_ISA = re.compile(r"^(?:onednn|dnnl)_verbose,(?:v1,)?info,cpu,isa:(.+)$", re.MULTILINE)


def environment() -> dict[str, str]:
    """Return those of `VARIABLES` that are set."""
    return {name: os.environ[name] for name in VARIABLES if name in os.environ}


def openblas() -> dict[str, str]:
    """Return the processor whose kernels each OpenBLAS of this process uses, by the package that brought it.

    OpenBLAS itself calls it its core type. Nothing is found on systems without ``/proc``.
    """
    found: dict[str, str] = {}
    for path in _loaded("openblas"):
        core = _core_type(path)
        if core:
            # The folder is called numpy.libs or scipy.libs in wheels.
            owner = Path(path).parent.name.removesuffix(".libs")
            found[f"OpenBLAS ({owner})"] = core
    return found


def onednn(spec: str) -> dict[str, str]:
    """Return the instruction set that a peer's oneDNN uses; nothing where it does not say.

    oneDNN has no function for it that libraries would pass on, but says it when a variable is set, before
    anything else. That variable makes every call slower, so another process is asked.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, spec],
            env={**os.environ, "ONEDNN_VERBOSE": "1", "DNNL_VERBOSE": "1"},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return instructions(done.stdout)


def instructions(output: str) -> dict[str, str]:
    """Return the instruction set that oneDNN's verbose output names; nothing where it names none."""
    said = _ISA.search(output)
    return {"oneDNN": said[1].strip()} if said else {}


def _loaded(name: str) -> list[str]:
    """Return the paths of this process' libraries that have a word in their file's name."""
    try:
        lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    paths = {line.split(maxsplit=5)[5] for line in lines if len(line.split(maxsplit=5)) == 6}
    return sorted(path for path in paths if name in Path(path).name)


def _core_type(path: str) -> str:
    try:
        library = ctypes.CDLL(path)
    except OSError:
        return ""
    for prefix in ("scipy_openblas", "openblas"):
        for suffix in ("", "_", "64_"):
            function = getattr(library, f"{prefix}_get_corename{suffix}", None)
            if function is not None:
                function.restype = ctypes.c_char_p
                core: bytes = function()
                return core.decode()
    return ""


def _compute(spec: str) -> None:
    """Compute a layer that is large enough for oneDNN in every way that the peer has."""
    from conformance.bench.layers import LAYERS
    from conformance.bench.peers import load
    from conformance.bench.worker import data_of

    layer = next(layer for layer in LAYERS if layer.name == "stride-1-3x3")
    for make in load(spec, 1).prepare(layer, data_of(layer)).values():
        make().run()


if __name__ == "__main__":
    _compute(sys.argv[1])
