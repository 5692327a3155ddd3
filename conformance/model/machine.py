"""Which machine this is, which packages decide its results, and how busy it is."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

#: Instruction sets that decide the rate of matrix products, the widest first.
_INSTRUCTIONS = ("amx_tile", "avx512f", "avx2", "avx", "asimd")


def describe() -> dict[str, Any]:
    """Return what a record's header says about the machine and the packages that decide results."""
    packages = ("numpy", "scipy", "hypothesis", "pytest")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "cpus": os.cpu_count(),
        "packages": {name: metadata.version(name) for name in packages},
    }


def processor() -> str:
    """Return the processor's name, or its architecture where the system does not say."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def instructions() -> str:
    """Return the widest vector instructions that the system reports, or nothing."""
    flags = (_cpuinfo("flags") or _cpuinfo("Features")).split()
    return next((name for name in _INSTRUCTIONS if name in flags), "")


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def memory() -> int | None:
    """Return the bytes of main memory, None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def load() -> float | None:
    """Return the load of the last minute, None where the system does not say."""
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):
        return None


def _cpuinfo(field: str) -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ""
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == field:
            return value.strip()
    return ""
