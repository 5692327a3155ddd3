"""Hold the results of `mutmut run` against the floors of `.ci/mutation.toml`.

Mutants that change only the text of an error do not count, nor do survivors whose change a rule matches.
Prints what else survived, and the score of every module. Ends with status 1 below a floor, and where a mutant was
not tried.
"""

import ast
import collections
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import attrs
import click
import tomllib
from rich.console import Console
from rich.table import Table

MUTANTS = Path("mutants")
DEMANDED = Path(".ci/mutation.toml")
# What mutmut notes: pytest's status, or its own number for "no test reaches it".
SURVIVED, NO_TEST = (0,), (5, 33)
CONTEXT = 40


@attrs.frozen
class Mutant:
    """One mutant: the module it is in, what it changes, and how it ended (None: not tried)."""

    module: str
    change: str
    message: bool
    status: int | None

    @property
    def survived(self) -> bool:
        """Whether every test passed, or none reaches it."""
        return self.status in SURVIVED + NO_TEST

    @property
    def killed(self) -> bool:
        """Whether a test failed, crashed or ran out of time."""
        return self.status is not None and not self.survived


class _WithoutMessages(ast.NodeTransformer):
    """Leaves out what an exception is told where it is raised, and the text of a warning."""

    def visit_Raise(self, node: ast.Raise) -> ast.Raise:
        """Forget the arguments of the exception."""
        if isinstance(node.exc, ast.Call):
            node.exc.args, node.exc.keywords = [], []
        return node

    def visit_Call(self, node: ast.Call) -> ast.Call:
        """Forget the first argument of `warnings.warn`."""
        self.generic_visit(node)
        if ast.unparse(node.func) == "warnings.warn":
            node.args[:1] = []
        return node


def _plain(definition: ast.FunctionDef) -> ast.FunctionDef:
    """The function under a fixed name and without its docstring."""
    copied = ast.parse(ast.unparse(definition)).body[0]
    assert isinstance(copied, ast.FunctionDef)
    copied.name = "f"
    if ast.get_docstring(copied) is not None:
        copied.body = copied.body[1:] or [ast.Pass()]
    return copied


def _change(before: str, after: str) -> str:
    """The one place where the two differ, with a little of what is around it."""
    start = next(i for i, pair in enumerate(zip(before + "\0", after + "\1")) if len({*pair}) == 2)
    shorter = min(len(before), len(after)) - start
    end = next((i for i in range(shorter) if before[-1 - i] != after[-1 - i]), shorter)
    left, right = before[:start][-CONTEXT:], before[len(before) - end :][:CONTEXT]
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    return " ".join(f"{left}[-{old}-]{{+{new}+}}{right}".split())


def _mutants(results: Path) -> list[Mutant]:
    statuses = json.loads(results.read_text("utf-8"))["exit_code_by_key"]
    tree = ast.parse(results.with_suffix("").read_text("utf-8"))
    definitions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    originals: dict[str, tuple[str, str]] = {}
    found = []
    for key, status in statuses.items():
        module, _, name = key.rpartition(".")
        function = name.rpartition("__mutmut_")[0]
        if function not in originals:
            plain = _plain(definitions[f"{function}__mutmut_orig"])
            originals[function] = ast.unparse(plain), ast.dump(_WithoutMessages().visit(plain))
        before, silent = originals[function]
        mutated = _plain(definitions[name])
        change = _change(before, ast.unparse(mutated))
        message = ast.dump(_WithoutMessages().visit(mutated)) == silent
        said = function.removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
        found.append(Mutant(module, f"{said}: {change}", message, status))
    return found


def _floor(module: str, floors: Mapping[str, float]) -> str | None:
    """Return the longest name in `floors` that the module's begins with."""
    names = [name for name in floors if f"{module}.".startswith(f"{name}.")]
    return max(names, key=len, default=None)


def _table(mutants: list[Mutant], counted: list[Mutant]) -> Table:
    table = Table("module", "mutants", "in messages", "by a rule", "counted", "killed", "score %")
    for module in sorted({mutant.module for mutant in mutants}):
        members = [mutant for mutant in mutants if mutant.module == module]
        rest = [mutant for mutant in counted if mutant.module == module]
        messages = sum(mutant.message for mutant in members)
        killed = sum(mutant.killed for mutant in rest)
        score = f"{_score(rest):.1f}" if rest else "-"
        ruled = len(members) - messages - len(rest)
        table.add_row(module, *map(str, (len(members), messages, ruled, len(rest), killed, score)))
    return table


def _score(mutants: list[Mutant]) -> float:
    return 100 * sum(mutant.killed for mutant in mutants) / len(mutants)


def main() -> None:
    """Print the score of each module, and what survived; end with status 1 below a floor."""
    known = tomllib.loads(DEMANDED.read_text("utf-8"))
    rules = [re.compile(rule["pattern"]) for rule in known["rules"]]
    mutants = [m for path in sorted(MUTANTS.rglob("*.py.meta")) for m in _mutants(path)]
    if not mutants:
        sys.exit(f"no results in {MUTANTS}/: mutmut has not run")
    counted = [
        m
        for m in mutants
        if not m.message and not (m.survived and any(r.search(m.change) for r in rules))
    ]
    for mutant in counted:
        if mutant.survived:
            click.echo(f"survived: {mutant.module}: {mutant.change}")
    Console(width=110).print(_table(mutants, counted))
    failed = sum(mutant.status is None for mutant in mutants)
    if failed:
        click.echo(f"{failed} mutants were not tried", err=True)
    groups = collections.defaultdict(list)
    for mutant in counted:
        groups[_floor(mutant.module, known["floors"])].append(mutant)
    for name, members in groups.items():
        floor = 100 if name is None else known["floors"][name]
        score = _score(members)
        said = "no floor is set, so 100" if name is None else f"the floor is {floor}"
        if score < floor:
            failed += 1
            click.echo(f"{name or members[0].module}: {score:.1f} % are killed; {said}", err=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
