"""The script of a finding shows the failure, whatever other steps raise, and whichever step ends the process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import reports
from reports.records.record import FILE_NAME, Finding

LAYERS = """
import os
import time
from pathlib import Path
import fast_impl

class Counts(fast_impl.Conv2DTranspose):
    def count_params(self):  # raises before the build, as it should
        return super().count_params() + 1

class Forgets(fast_impl.Conv2DTranspose):
    @classmethod
    def from_config(cls, config):
        return super().from_config({**config, "trainable": False})

class Ends(fast_impl.Conv2DTranspose):
    def __call__(self, inputs, *args, **kwargs):
        if self.data_format == "channels_first":
            os._exit(7)
        return super().__call__(inputs, *args, **kwargs)

class HangsOnce(fast_impl.Conv2DTranspose):
    def __call__(self, inputs, *args, **kwargs):
        noted = Path(__file__).with_name("has hung")
        if self.padding == "same" and tuple(self.strides) == (2, 3) and not noted.exists():
            noted.touch()
            time.sleep(3600)
        return super().__call__(inputs, *args, **kwargs)
"""


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("layers") / "layers.py"
    file.write_text(LAYERS, encoding="utf-8")
    return file


@pytest.fixture
def found(command: Callable[..., Any], layers: Path) -> Callable[..., Finding]:
    """Return the only finding of a run."""

    def find(name: str, clause: str) -> Finding:
        subject = f"{layers}:{name}"
        # Cases that another process has run are not known here.
        done = command(
            *("run", "--profile", "smoke", "--clause", clause, "--subject", subject),
            *("--jobs", "2", "--timeout", "2", "--out", "out"),
        )
        (finding,) = reports.load(done.out / FILE_NAME).findings
        return finding

    return find


@pytest.fixture
def carried_out(found: Callable[..., Finding]) -> Callable[..., Any]:
    """Return how the script of the only finding of a run ends."""

    def carry_out(name: str, clause: str) -> Any:
        script = found(name, clause).script
        assert script is not None
        return subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=False
        )

    return carry_out


def test_a_script_goes_on_after_a_step_that_has_to_raise(carried_out: Callable[..., Any]) -> None:
    ended = carried_out("Counts", "VAR-14")
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "40")


def test_the_script_of_a_round_trip_prints_what_differs(
    carried_out: Callable[..., Any],
) -> None:
    ended = carried_out("Forgets", "METH-06")
    assert ended.stdout.splitlines()[1:] == [
        "of the new layer {'trainable': (True, False)}",
        "given, now {}",
        "now {}",
    ]


def test_the_script_of_a_crash_comes_to_the_step_that_ends_the_process(
    carried_out: Callable[..., Any],
) -> None:
    assert carried_out("Ends", "ARG-06").returncode == 7


def test_the_script_of_a_hang_that_is_not_seen_again_has_all_steps(
    found: Callable[..., Finding],
) -> None:
    finding = found("HangsOnce", "VAR-01")
    *_, called, told = (finding.script or "").splitlines()
    assert (finding.case["steps"][finding.step or 0]["do"], called[:12]) == ("call", "print(layer(")
    assert told == "# crashes or hangs: no answer within 2 seconds"


#: Notes, whenever it is imported, whether that is a process which judges.
NOTING = """
import sys
from pathlib import Path
import numpy as np
import fast_impl

judges = "conformance.judge" in sys.modules or "conformance.run" in sys.modules
with Path(__file__).with_name("imported.txt").open("a") as noted:
    noted.write("judges\\n" if judges else "works\\n")

class Wrong(fast_impl.Conv2DTranspose):
    def __call__(self, inputs):
        return super().__call__(inputs) + 1

def crooked(inputs, kernel, strides, padding, data_format):
    return fast_impl.conv2d_transpose(inputs, kernel, strides, padding, data_format) + 1
"""


@pytest.mark.parametrize("name", ["Wrong", "crooked"])
def test_no_process_that_judges_imports_the_subject_s_code(
    name: str, command: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "noting.py"
    file.write_text(NOTING, encoding="utf-8")
    done = command(
        *("run", "--profile", "smoke", "--clause", "VAL-01", "--subject", f"{file}:{name}"),
        *("--jobs", "2", "--out", "out"),
    )
    (finding,) = reports.load(done.out / FILE_NAME).findings
    assert f"{name}(" in (finding.script or "")
    assert set((tmp_path / "imported.txt").read_text().split()) == {"works"}
