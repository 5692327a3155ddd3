"""However much a subject gives, little of it is read: the verdict names the limit, and the subject is ended."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance.model.observation import Error, Outcome
from conformance.model.values import limits
from conformance.model.values.limits import TooLarge, items
from conformance.subjects.backend import plain
from conformance.tests.conftest import Finished

#: The runner must stay below, in bytes.
MEMORY = 300e6

#: The parts of a program of somebody else's: it answers every case by what stands at ANSWER.
LOOP = """
import base64, json, os, subprocess, sys, time

def say(text):
    print(text, flush=True)

def outcomes(value):
    return json.dumps({"outcomes": [{"value": value}] * len(case["steps"])})

def array(shape, size=0):
    return {"shape": shape, "dtype": "float32", "base64": base64.b64encode(bytes(size)).decode()}

for line in sys.stdin:
    request = json.loads(line)
    if request["kind"] == "describe":
        say("{}")
        continue
    case = request["case"]
    ANSWER
"""

#: What a program does when it is asked for a case, and what is said of it.
PROGRAMS = {
    "an endless line": (
        "while True: sys.stdout.write('x' * 65536)",
        "a line of more than 4,194,304 bytes, the limit",
    ),
    "an endless line of zeros": (
        "while True: os.write(1, bytes(65536))",
        "a line of more than 4,194,304 bytes, the limit",
    ),
    "an endless array": (
        "os.write(1, b'{\"outcomes\": ['); [os.write(1, b'{},' * 9999) for _ in iter(int, 1)]",
        "a line of more than 4,194,304 bytes, the limit",
    ),
    "an endless line of errors": (
        "while True: sys.stderr.write('x' * 65536)",
        "more than 268,435,456 bytes to its standard error, the limit",
    ),
    "endless lines": ("while True: say('{}')", "no observation"),
    "endless empty lines": ("while True: say('')", "not JSON"),
    "lists in lists": (
        "say('{\"outcomes\": ' + '[' * 500 + ']' * 500 + '}')",
        "more than 32 deep, the limit",
    ),
    "lists too deep for the parser": ("say('[' * 40_000)", "more than 32 deep, the limit"),
    "objects in objects": (
        "say('{\"a\": ' * 500 + '0' + '}' * 500)",
        "more than 32 deep, the limit",
    ),
    "many items": (
        "say('{\"outcomes\": [' + '[],' * 999_999 + '[]]}')",
        "a line of more than 50,000 items, the limit",
    ),
    "a long integer": (
        "say(outcomes(int('9' * 400)))",
        "an integer of 400 digits; the limit is 64 bits",
    ),
    "an integer too long for the parser": (
        "say('{\"outcomes\": [' + '9' * 5000 + ']}')",
        "an integer of 5,000 digits; the limit is 64 bits",
    ),
    "an integer of 65 bits": ("say(outcomes(2**64))", "an integer of 65 bits; the limit is 64"),
    "a large shape": (
        "say(outcomes(array([10**12], 4)))",
        "an array of shape (1000000000000,) and dtype float32: more than 3,145,728 bytes, the limit",
    ),
    "a large shape of no elements": (
        "say(outcomes(array([10**12, 0])))",
        "an array of shape (1000000000000, 0) and dtype float32: more than 3,145,728 bytes, the limit",
    ),
    "a shape whose sizes are large together": (
        "say(outcomes(array([2000] * 40)))",
        "more than 3,145,728 bytes, the limit",
    ),
    "elements of a large dtype": (
        "say(outcomes({'shape': [1], 'dtype': 'U100000000', 'base64': ''}))",
        "more than 3,145,728 bytes, the limit",
    ),
    "a long text": (
        "say(json.dumps({'outcomes': [{'value': 'x' * 10**6}]}))",
        "a text of 1,000,000 characters; the limit is 65,536",
    ),
    "a long name": (
        "say(json.dumps({'outcomes': [{'value': {'x' * 10**6: 1}}]}))",
        "a text of 1,000,000 characters; the limit is 65,536",
    ),
    "a long message": (
        "say(json.dumps({'outcomes': [{'error': {'types': ['E'], 'message': 'x' * 10**6, 'moment': ''}}]}))",
        "a text of 1,000,000 characters; the limit is 65,536",
    ),
}

#: Programs that do the first case right, or nearly so, and what is said of one of the next thirty.
LATER = {
    "answers that nobody asked for": (
        # In one write: between two, the runner may take the first and ask again, each time.
        "say(outcomes(None) + '\\n' + outcomes(None))",
        'wrote what it was not asked for: \'{"outcomes"',
    ),
    "gigabytes of answers that nobody asked for": (
        "many = ((outcomes(None) + '\\n') * 1000).encode(); [os.write(1, many) for _ in iter(int, 1)]",
        'wrote what it was not asked for: \'{"outcomes"',
    ),
    "large answers": (
        "say(outcomes(0)[:-1] + ', \"more\": ' + json.dumps(array([2**19], 2**21)) + '}')",
        "its answers of more than 65,536 bytes had more than 67,108,864 bytes together, the limit",
    ),
}

#: What a layer of somebody else's gives as its output, and what is said of it.
LAYERS = {
    "a large view": ("np.broadcast_to(np.float32(0), 10**12)", "of shape (1000000000000,)"),
    "a large array": ("np.zeros(10**7, np.float32)", "more than 3,145,728 bytes, the limit"),
    "many lists in few": ("doubled(40)", "more than 32 deep, the limit"),
    "many items in few lists": ("doubled(25)", "more than 50,000 items, the limit"),
    "a long integer": ("10**400", "an integer of 1,329 bits; the limit is 64"),
    "a long text": ("'x' * 10**6", "a text of 1,000,000 characters; the limit is 65,536"),
}

LAYER = """
import itertools
import numpy as np

def doubled(times):
    found = []
    for _ in range(times):
        found = [found, found]
    return found

class Layer:
    def __init__(self, filters, kernel_size, **arguments):
        self.kernel, self.bias, self.name = np.zeros(1), None, "name"
    def build(self, input_shape): pass
    def set_weights(self, weights): pass
    def __call__(self, inputs): return GIVEN
"""

#: Observes cases in a process whose memory is that of a runner.
DRIVER = """
import json, pathlib, re, sys
from conformance.cases import FAMILIES
from conformance.subjects import resolve, resolve_command

cases = [case for case in FAMILIES["geometry"].fixed[:3]] * 10
programs, later, layers = json.load(sys.stdin)
said = {}
for kind, commands, count, load in (
    ("program", programs, 1, lambda words: [resolve_command(words, 2.0)]),
    ("later", later, 30, lambda words: [resolve_command(words, 20.0)]),
    ("layer", layers, 1, lambda words: resolve(words, 20.0)),
):
    for name, words in commands.items():
        (subject,) = load(words)
        subject.describe()
        observations = [subject.observe(case) for case in cases[:count]]
        subject.close()
        said[f"{kind}: {name}"] = [observation.crash for observation in observations]
# Not ru_maxrss, which begins with the memory of the process that started this one.
status = pathlib.Path("/proc/self/status").read_text()
print(json.dumps([said, int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) * 1024]))
"""


@pytest.fixture(scope="module")
def driven(
    tmp_path_factory: pytest.TempPathFactory, command_environment: Mapping[str, str]
) -> tuple[dict[str, list[str | None]], float]:
    """What is said of every program and layer, and the runner's memory."""
    folder = tmp_path_factory.mktemp("subjects")

    def command(table: Mapping[str, tuple[str, str]], prefix: str) -> dict[str, str]:
        found = {}
        for number, (name, (text, _)) in enumerate(table.items()):
            file = folder / f"{prefix}{number}.py"
            file.write_text(LOOP.replace("ANSWER", text), encoding="utf-8")
            found[name] = f"{sys.executable} {file}"
        return found

    layers = {}
    for number, (name, (text, _)) in enumerate(LAYERS.items()):
        (folder / f"layer{number}.py").write_text(LAYER.replace("GIVEN", text), encoding="utf-8")
        layers[name] = f"layer{number}.py:Layer"
    done = subprocess.run(
        [sys.executable, "-c", DRIVER],
        input=json.dumps([command(PROGRAMS, "program"), command(LATER, "later"), layers]),
        cwd=folder,
        env=dict(command_environment),
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.stderr == ""
    said, memory = json.loads(done.stdout)
    return said, memory


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_too_large_is_named_with_its_limit(name: str, driven: Any) -> None:
    (crash,) = driven[0][f"program: {name}"]
    assert PROGRAMS[name][1] in crash


@pytest.mark.parametrize("name", LATER)
def test_what_is_too_much_in_the_long_run_is_named(name: str, driven: Any) -> None:
    first, *others = driven[0][f"later: {name}"]
    assert (first, any(LATER[name][1] in (crash or "") for crash in others)) == (None, True)


@pytest.mark.parametrize("name", LAYERS)
def test_what_a_layer_gives_is_named_with_its_limit(name: str, driven: Any) -> None:
    (crash,) = driven[0][f"layer: {name}"]
    assert LAYERS[name][1] in crash


def test_the_runner_stays_small(driven: Any) -> None:
    assert driven[1] < MEMORY


FLOOD = """
import json, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open("pids", "a").write(f"{child.pid}\\n")
for line in sys.stdin:
    request = json.loads(line)
    if request["kind"] == "describe":
        print("{}", flush=True)
    elif request["case"]["family"] == "capabilities":
        outcomes = [{"unsupported": "nothing"} for _ in request["case"]["steps"]]
        print(json.dumps({"outcomes": outcomes}), flush=True)
    else:
        while True:
            sys.stdout.write("x" * 65536)
"""


@pytest.fixture(scope="module")
def flooded(command: Callable[..., Finished], tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run of a program with an endless line and a child of its own."""
    folder = tmp_path_factory.mktemp("flood")
    (folder / "flood.py").write_text(FLOOD, encoding="utf-8")
    words = f"{sys.executable} flood.py"
    options = ("--clause", "DTYPE-01", "--examples", "1", "--out", "out")
    return command("run", "--subject-command", words, *options, cwd=folder)


def test_a_run_of_an_endless_line_ends_with_a_finding(flooded: Finished) -> None:
    assert (flooded.status, flooded.statuses) == (1, {"DTYPE-01": "error"})


def test_the_finding_of_an_endless_line_names_the_limit(flooded: Finished) -> None:
    assert "a line of more than 4,194,304 bytes" in flooded.finding("DTYPE-01")["message"]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")
def test_children_of_a_program_with_an_endless_line_end_with_it(flooded: Finished) -> None:
    pids = (flooded.out.parent / "pids").read_text().split()
    running = [pid for pid in pids if Path(f"/proc/{pid}").exists() and _state(pid) != "Z"]
    assert (bool(pids), running) == (True, [])


@pytest.mark.parametrize("stream", [1, 2])
def test_a_layer_that_writes_without_end_is_an_error_that_names_the_limit(
    stream: int, command: Callable[..., Finished], tmp_path: Path
) -> None:
    flood = LAYER.replace(
        "GIVEN", f"[__import__('os').write({stream}, b'x' * 65536) for _ in iter(int, 1)]"
    )
    (tmp_path / "flood.py").write_text(flood, encoding="utf-8")
    options = ("--clause", "DTYPE-02", "--examples", "1", "--out", "out")
    done = command("run", "--subject", "flood.py:Layer", *options, cwd=tmp_path)
    said = "wrote more than 268,435,456 bytes to its standard error, the limit"
    assert (done.status, said in done.finding("DTYPE-02")["message"]) == (1, True)


def test_a_layer_that_leaks_is_an_error_that_names_the_limit(
    command: Callable[..., Finished], tmp_path: Path
) -> None:
    leak = LAYER.replace("GIVEN", "[bytearray(b'x') * 10**7 for _ in iter(int, 1)]")
    (tmp_path / "leak.py").write_text(leak, encoding="utf-8")
    options = ("--clause", "DTYPE-02", "--examples", "1", "--memory", "0.5", "--out", "out")
    done = command("run", "--subject", "leak.py:Layer", *options, cwd=tmp_path)
    said = "it used more than 0.5 GiB of memory, the limit"
    assert (done.status, said in done.finding("DTYPE-02")["message"]) == (1, True)


PATCHING = """
import numpy as np

class Layer:
    def __init__(self, filters, kernel_size, **arguments):
        self.kernel, self.bias = np.zeros(1), None
    def build(self, input_shape): pass
    def set_weights(self, weights): pass
    def __call__(self, inputs):
        np.array = np.asarray = np.array_equal = np.zeros = lambda *args, **kwargs: None
        return inputs
"""


def test_a_layer_that_replaces_numpy_s_functions_gets_a_verdict(
    command: Callable[..., Finished], tmp_path: Path
) -> None:
    (tmp_path / "patching.py").write_text(PATCHING, encoding="utf-8")
    options = ("--clause", "DTYPE-01", "--examples", "1", "--out", "out")
    done = command("run", "--subject", "patching.py:Layer", *options, cwd=tmp_path)
    assert (done.status, done.statuses["DTYPE-01"] in ("fail", "error")) == (1, True)


def _state(pid: str) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_an_iterable_that_never_ends_is_too_large() -> None:
    with pytest.raises(TooLarge, match="more than 50,000 items"):
        plain(items(iter(int, 1)))


def test_a_list_that_holds_itself_is_too_deep() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(TooLarge, match="more than 32 deep"):
        plain(endless)


def test_the_message_of_an_exception_is_cut() -> None:
    message = Error.of(ValueError("x" * 20_000), "call").message
    assert message == "x" * limits.MESSAGE + "... (20,000 characters)"


def test_of_a_huge_message_only_the_beginning_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []
    monkeypatch.setattr(limits, "readable", lambda text: looked_at.append(len(text)) or text)
    told = limits.message_of(ValueError("x" * 20_000_000))
    assert told == f"{'x' * 10_000}... (20,000,000 characters)"
    assert max(looked_at) <= 40_000


@pytest.mark.parametrize("shown", [lambda e: Error.of(e, "call").message, limits.message_of])
def test_a_message_has_no_colours(shown: Callable[[Exception], str]) -> None:
    assert (
        shown(IndexError("\x1b[1mlist index\x1b[0m out of [range]")) == "list index out of [range]"
    )


def test_a_message_does_not_begin_with_a_node_of_the_executor() -> None:
    node = "{{function_node __wrapped__Conv2DBackpropInput_device_/job:localhost/task:0/device:CPU:0}} "
    assert (
        limits.message_of(ValueError(f"{node}no dilation [Op:Conv2D]")) == "no dilation [Op:Conv2D]"
    )


def test_a_message_does_not_tell_where_an_object_lies() -> None:
    thing = object()
    told = limits.message_of(ValueError(f"{thing!r} has bits 0x7fc00001"))
    assert told == "<object object at 0x...> has bits 0x7fc00001"


def test_the_message_of_a_program_has_no_colours() -> None:
    given = {"error": {"types": ["E"], "message": "\x1b[31;1mno\x1b[0m", "moment": "call"}}
    error = Outcome.from_json(given).error
    assert error is not None
    assert error.message == "no"


def test_an_exception_without_a_text_is_described() -> None:
    class Wordless(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert Error.of(Wordless(), "call").message == "<str raised RuntimeError>"


@pytest.mark.parametrize("value", [2**64 - 1, -(2**63), "x" * limits.TEXT, 10**15, [[]] * 9])
def test_what_is_within_the_limits_is_read(value: Any) -> None:
    assert limits.parse(json.dumps(value).encode()) == value
