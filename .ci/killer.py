"""Mutants made by mutmut from implementations, each judged by the cases and clauses of `conformance run` alone.

    python .ci/killer.py --mutants 500 --minutes 60    # goes on where it stopped
    python .ci/killer.py --mutants 500 --again         # what was not killed meets cases that are new
    python .ci/killer.py --table                       # what is known so far

A seeded sample takes the parts of the implementations in turn, so that each stage of it is stratified.
A mutant meets the cases of profile core, seed 0, that execute what it changes (`reach.py` notes them once), in the
order of a run, until a clause fails. If none does, one of `fast_impl`'s arithmetic meets them in each algorithm,
too, as with `--subject fast:planar`. What no case executes survives.
Mutants that change only the text of an error are left out. A mutant that cannot be imported gets no verdict: it
counts neither as killed nor as survived. Results are lines of `.killer/results.jsonl`;
`.ci/killer-survivors.toml` says of survivors why they are equivalent.
"""

from __future__ import annotations

import ast
import collections
import hashlib
import importlib
import itertools
import json
import math
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import click
import libcst
import tomllib
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import create_mutations, deep_replace
from rich.console import Console
from rich.table import Table
from survivors import _change, _WithoutMessages

import conformance
from conformance.judge.pool import Lost, conduct
from conformance.run.settings.options import PROFILES
from conformance.strength.mistakes import Mistake
from conformance.strength.trials import Size, judge_mistake
from conformance.strength.trials import Task as Trial

ROOT = Path(__file__).parents[1]
RESULTS = Path(".killer/results.jsonl")
SAMPLE = Path(".killer/sample.json")
EXPLAINED = Path(".ci/killer-survivors.toml")
MEASURED = Path("conformance/strength/killer.json")
#: The parts of the sample, and their files. What only plans, and so changes no number, is no part.
PARTS = {
    "reference_impl.formulas": "reference_impl/formulas/*.py",
    "reference_impl.functions": "reference_impl/functions/*.py",
    "reference_impl.layer": "reference_impl/layer/**/*.py",
    "fast_impl.layer": "fast_impl/layer/**/*.py",
    "fast_impl.problem": "fast_impl/problem/*.py",
    "fast_impl.forward": "fast_impl/forward/*.py",
    "fast_impl.gradients": "fast_impl/gradients/*.py",
    "gather": "conformance/tests/zoo/gather.py",
    "my_layer": "conformance/starts/my_layer.py",
}
#: The class that is judged, by the first word of a part's name.
CLASSES = {
    "reference_impl": "reference_impl:Conv2DTranspose",
    "fast_impl": "fast_impl:Conv2DTranspose",
    "gather": "conformance.tests.zoo.gather:Gather",
    "my_layer": "conformance.starts.my_layer:MyLayer",
}
#: Parts whose numbers an algorithm alone computes, and the classes of `--subject fast:ALGORITHM`.
WITH_ALGORITHMS = ("fast_impl.problem", "fast_impl.forward", "fast_impl.gradients")
ALGORITHMS = [
    f"fast_impl.layer.by_algorithm:{name}"
    for name in ("Direct", "Col2im", "Blocks", "Planar", "Small", "Scatter")
]
EXAMPLES = PROFILES["core"]


@attrs.frozen
class Mutant:
    """The change number `place` that mutmut makes in a file, and the lines of the statement that it changes."""

    part: str
    file: str
    place: int
    change: str
    lines: tuple[int, int]

    @property
    def id(self) -> str:
        """Its name, as long as the file does not change."""
        return f"{self.file}:{self.place}"

    @property
    def subjects(self) -> list[str]:
        """Who is judged, one after the other."""
        more = ALGORITHMS if self.part in WITH_ALGORITHMS else []
        return [CLASSES[self.part.partition(".")[0]], *more]


class Source:
    """A file and the changes that mutmut makes in it."""

    def __init__(self, part: str, file: str) -> None:
        self._part, self._file = part, file
        source = (ROOT / file).read_text("utf-8")
        self._module, self._mutations, *_ = create_mutations(file, source)
        self._positions = MetadataWrapper(self._module, unsafe_skip_copy=True).resolve(
            PositionProvider
        )
        self._statements = _statements(source)

    def __len__(self) -> int:
        return len(self._mutations)

    def mutant(self, place: int) -> Mutant | None:
        """Return change number `place`; None where it is outside functions, or in the text of an error."""
        mutation = self._mutations[place]
        function = mutation.contained_by_top_level_function
        if not isinstance(function, libcst.FunctionDef):
            return None
        changed = deep_replace(function, mutation.original_node, mutation.mutated_node)
        one, two = (
            ast.parse(_dedented(self._module.code_for_node(code))) for code in (function, changed)
        )
        texts = ast.unparse(one), ast.unparse(two)
        silent = [ast.dump(_WithoutMessages().visit(tree)) for tree in (one, two)]
        if silent[0] == silent[1]:
            return None
        line = self._positions[mutation.original_node].start.line
        around = [lines for (first, last), lines in self._statements if first <= line <= last]
        narrowest = min(around, key=lambda lines: lines[1] - lines[0])
        change = f"{function.name.value}: {_change(*texts)}"
        return Mutant(self._part, self._file, place, change, narrowest)


def _statements(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return the lines of each statement, and which lines tell that it is executed.

    Of a compound statement both are those of its head. The head of a function is executed at import: what it says
    matters where the body is executed.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt) and node.end_lineno is not None:
            body = getattr(node, "body", None)
            head = (node.lineno, body[0].lineno - 1 if body else node.end_lineno)
            head = (head[0], max(head))
            is_function = isinstance(node, ast.FunctionDef)
            found.append((head, (head[1] + 1, node.end_lineno) if is_function else head))
    return found


def _mutants(part: str, seed: int) -> Iterator[Mutant]:
    """Yield the mutants of a part in a random order."""
    sources = [Source(part, str(path.relative_to(ROOT))) for path in sorted(ROOT.glob(PARTS[part]))]
    places = [(source, place) for source in sources for place in range(len(source))]
    random.Random(f"{seed}/{part}").shuffle(places)
    for source, place in places:
        found = source.mutant(place)
        if found is not None:
            yield found


def _dedented(code: str) -> str:
    lines = code.splitlines()
    margin = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return "\n".join(line[margin:] for line in lines)


def sample(seed: int, most: int) -> list[Mutant]:
    """Return the first mutants of the sample: of each part in turn one that is drawn."""
    if SAMPLE.exists():
        kept = json.loads(SAMPLE.read_text("utf-8"))
        if kept["seed"] == seed and kept["code"] == _code() and len(kept["mutants"]) >= most:
            return [Mutant(**entry) for entry in kept["mutants"][:most]]
    parts = [_mutants(part, seed) for part in PARTS]
    turns = itertools.zip_longest(*parts)
    in_turn = (mutant for turn in turns for mutant in turn if mutant is not None)
    drawn = [*itertools.islice(in_turn, most)]
    kept = {"seed": seed, "code": _code(), "mutants": [*map(attrs.asdict, drawn)]}
    SAMPLE.write_text(json.dumps(kept), "utf-8")
    return drawn


def _code() -> str:
    """Return a digest of what is mutated."""
    return _digest(*PARTS.values())


def _cases() -> str:
    """Return a digest of all that decides which case executes what."""
    return _digest("reference_impl/**/*.py", "fast_impl/**/*.py", "conformance/**/*.py")


def _digest(*patterns: str) -> str:
    files = (path for pattern in patterns for path in sorted(ROOT.glob(pattern)))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


class Reach:
    """Which cases execute a statement, by the class that is judged."""

    def __init__(self) -> None:
        self._found: dict[str, Mapping[str, Mapping[str, list[str]]]] = {}

    def cases(self, mutant: Mutant, subject: str) -> frozenset[str] | None:
        """Return the ids of the cases; None where all of them matter, as the import executes it."""
        lines = self._of(subject).get(mutant.file, {})
        first, last = mutant.lines
        ids = {case for line in range(first, last + 1) for case in lines.get(str(line), ())}
        return None if "" in ids else frozenset(ids)

    def _of(self, subject: str) -> Mapping[str, Mapping[str, list[str]]]:
        if subject not in self._found:
            path = RESULTS.parent / f"reach-{_cases()}-{re.sub(r'[^a-zA-Z_]', '-', subject)}.json"
            if not path.exists():
                part = subject.partition(":")[0].replace(".", "/")
                pattern = f"{part}.py" if (ROOT / f"{part}.py").exists() else f"{part}/**/*.py"
                if subject in ALGORITHMS:
                    pattern = "fast_impl/**/*.py"
                program = [sys.executable, str(ROOT / ".ci/reach.py"), subject, pattern]
                subprocess.run(
                    [*program, "--examples", str(EXAMPLES), "--to", str(path)], check=True
                )
            self._found[subject] = json.loads(path.read_text("utf-8"))
        return self._found[subject]


def _copy(mutant: Mutant, folder: Path) -> tuple[str, str]:
    """Write the mutated module, or a copy of its package, under another name; return both names."""
    module, mutations, *_ = create_mutations(mutant.file, (ROOT / mutant.file).read_text("utf-8"))
    mutation = mutations[mutant.place]
    function = mutation.contained_by_top_level_function
    assert function is not None
    changed = deep_replace(function, mutation.original_node, mutation.mutated_node)
    code = deep_replace(module, function, changed)
    assert isinstance(code, libcst.Module)
    package = mutant.part.partition(".")[0]
    name = "mutant_" + re.sub(r"\W", "_", mutant.id)
    if not (ROOT / package).is_dir():
        (folder / f"{name}.py").write_text(code.code, "utf-8")
        return CLASSES[package].partition(":")[0], name
    shutil.copytree(
        ROOT / package, folder / name, ignore=shutil.ignore_patterns("tests", "__pycache__")
    )
    place = folder / name / Path(mutant.file).relative_to(package)
    place.write_text(code.code, "utf-8")
    for path in (folder / name).rglob("*.py"):
        path.write_text(re.sub(rf"\b{package}\b", name, path.read_text("utf-8")), "utf-8")
    return package, name


def _layer(subject: str, old: str, new: str) -> type:
    """Import the class of a subject from the copy."""
    module, _, attribute = subject.partition(":")
    module = new + module.removeprefix(old)
    found: type = getattr(importlib.import_module(module), attribute)
    return found


#: A mutant, and who is judged on which cases (None: on all).
Task: TypeAlias = tuple[Mutant, list[tuple[str, frozenset[str] | None]]]


def judge(task: Task, note: Any) -> tuple[str, str | None]:
    """Return how a mutant ended with the cases that reach it, and the clause that killed it."""
    mutant, subjects = task
    note((None, Size(0, 0, False)))
    folder, before = Path(tempfile.mkdtemp(prefix="mutant-")), {*sys.modules}
    sys.path.insert(0, str(folder))
    try:
        names = _copy(mutant, folder)
        importlib.invalidate_caches()
        for subject, cases in subjects:
            try:
                layer = _layer(subject, *names)
            except Exception:
                return "not imported", None
            mistake = Mistake(id=mutant.id, text=mutant.change, source="", clauses=(), layer=layer)
            trial = Trial("", mutant.id, 0, EXAMPLES)
            caught = judge_mistake(mistake, trial, note, only=cases).caught
            if caught is not None:
                return "killed", caught.clause
        return "survived", None
    finally:
        for name in {*sys.modules} - before:
            if name.startswith("mutant_"):
                del sys.modules[name]
        if str(folder) in sys.path:
            sys.path.remove(str(folder))
        shutil.rmtree(folder, ignore_errors=True)


def _known() -> dict[str, dict[str, Any]]:
    """Return the last result of each mutant that is still the same."""
    lines = RESULTS.read_text("utf-8").splitlines() if RESULTS.exists() else []
    return {entry["id"]: entry for entry in map(json.loads, lines)}


def _note(
    known: dict[str, dict[str, Any]], mutant: Mutant, outcome: str, clause: str | None
) -> None:
    known[mutant.id] = {
        **attrs.asdict(mutant),
        "id": mutant.id,
        "outcome": outcome,
        "clause": clause,
    }
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(known[mutant.id]) + "\n")


def _explained(kind: str = "survivors") -> set[tuple[str, str]]:
    text = EXPLAINED.read_text("utf-8") if EXPLAINED.exists() else ""
    entries = tomllib.loads(text).get(kind, [])
    return {(entry["file"], change) for entry in entries for change in entry["mutants"]}


def interval(killed: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """Return Wilson's interval for a share, at 95 %."""
    if not total:
        return 0.0, 1.0
    share, square = killed / total, z * z / total
    middle = (share + square / 2) / (1 + square)
    half = z * math.sqrt(share * (1 - share) / total + square / total / 4) / (1 + square)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def table(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each part, and one for all: what became of its mutants.

    Of the survivors, `told` lack what the original has, and the run says so; `unreached` ones no case executes,
    and nothing says why no layer could.
    """
    explained, told, rows = _explained(), _explained("told"), []
    for part in (*PARTS, "all"):
        members = [
            e for e in entries if part in (e["part"], "all") and e["outcome"] != "not imported"
        ]
        killed = sum(e["outcome"] == "killed" for e in members)
        left = [e for e in members if e["outcome"] != "killed"]
        found = [e for e in left if (e["file"], e["change"]) not in explained]
        low, high = interval(killed, killed + len(found))
        rows.append(
            {"part": part, "mutants": len(members), "killed": killed, "equivalent": len(left) - len(found),
             "survivors": len(found), "told": sum((e["file"], e["change"]) in told for e in found),
             "unreached": sum(e["outcome"] == "not reached" for e in found),
             "low": round(low, 4), "high": round(high, 4)}
        )  # fmt: skip
    return rows


def _show(entries: list[dict[str, Any]]) -> None:
    rows = table(entries)
    counts = ("mutants", "killed", "equivalent", "survivors", "told", "unreached")
    shown = Table("part", *counts, "score, 95 % interval")
    for row in rows:
        total = row["mutants"] - row["equivalent"]
        score = f"{100 * row['killed'] / total:.1f} %" if total else "-"
        ends = f"{100 * row['low']:.1f} to {100 * row['high']:.1f} %"
        shown.add_row(row["part"], *(str(row[name]) for name in counts), f"{score} ({ends})")
    Console(width=110).print(shown)
    clauses = collections.Counter(e["clause"] for e in entries if e["clause"])
    data = {
        "date": time.strftime("%Y-%m-%d"),
        "parts": rows,
        "clauses": dict(clauses.most_common()),
    }
    MEASURED.write_text(json.dumps(data, indent=1) + "\n", "utf-8")
    explained = _explained() | _explained("told")
    for entry in entries:
        if (
            entry["outcome"] not in ("killed", "not imported")
            and (entry["file"], entry["change"]) not in explained
        ):
            click.echo(f"{entry['outcome']}: {entry['file']}: {entry['change']}")


@click.command()
@click.option("--mutants", default=500, show_default=True, help="How many.")
@click.option(
    "--minutes", default=60.0, show_default=True, help="How long it may take; it can go on later."
)
@click.option("--jobs", default=1, show_default=True, help="Processes.")
@click.option("--seed", default=0, show_default=True, help="Of the sample.")
@click.option(
    "--again", is_flag=True, help="Judge again what was not killed, where nothing says why."
)
@click.option("--table", "only_table", is_flag=True, help="Judge nothing, show what is known.")
def main(mutants: int, minutes: float, jobs: int, seed: int, again: bool, only_table: bool) -> None:
    """Judge mutants, or show what became of them."""
    judging = Path(conformance.__file__).parents[1]
    if judging != ROOT:
        raise click.ClickException(
            f"they would be judged by {judging}, not by {ROOT}: install this one"
        )
    RESULTS.parent.mkdir(exist_ok=True)
    known = _known()
    if not only_table:
        ends, reach, tasks = time.monotonic() + 60 * minutes, Reach(), []
        drawn, explained = sample(seed, mutants), _explained() | _explained("told")
        # Of another sample, or of a file that has changed, nothing is known.
        known = {m.id: known[m.id] for m in drawn if known.get(m.id, {}).get("change") == m.change}
        for mutant in drawn:
            before = known.get(mutant.id)
            is_open = again and (mutant.file, mutant.change) not in explained
            if before is None or (before["outcome"] != "killed" and is_open):
                subjects = [(name, reach.cases(mutant, name)) for name in mutant.subjects]
                reached = [(name, cases) for name, cases in subjects if cases is None or cases]
                if reached:
                    tasks.append((mutant, reached))
                else:
                    _note(known, mutant, "not reached", None)
        for (mutant, _), result in conduct(judge, tasks, jobs=jobs, seconds=60):
            _note(
                known, mutant, *(("killed", result.reason) if isinstance(result, Lost) else result)
            )
            if time.monotonic() > ends:
                break
    _show([*known.values()])


if __name__ == "__main__":
    main()
