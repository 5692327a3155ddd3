"""Hold the mutants that survived `mutmut run` against docs/mutation-survivors.toml.

A survivor is explained by an entry that quotes it, or by a rule whose pattern its change matches.
Prints the score of every module. Ends with status 1 on a survivor that the file does not explain,
on an explanation whose mutant does not survive, and on a mutant that was not tried.
"""

import ast
import collections
import json
import re
import sys
from pathlib import Path

import attrs
import click
import tomllib
from rich.console import Console
from rich.table import Table

MUTANTS = Path("mutants")
EXPLAINED = Path("docs/mutation-survivors.toml")
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


def _table(mutants: list[Mutant], explained: set[tuple[str, str]]) -> Table:
    columns = ("mutants", "killed", "score %", "in messages", "score % but for messages", "listed")
    table = Table("module", *columns)
    by_module = collections.defaultdict(list)
    for mutant in mutants:
        by_module[mutant.module].append(mutant)
        by_module[mutant.module.partition(".")[0] + " (all)"].append(mutant)
    for module, members in sorted(by_module.items()):
        behaviour = [mutant for mutant in members if not mutant.message]
        killed = sum(mutant.killed for mutant in members)
        done = sum(mutant.killed for mutant in behaviour)
        listed = sum(m.survived and (m.module, m.change) in explained for m in members)
        numbers = (len(members), killed, f"{100 * killed / len(members):.1f}")
        rest = (len(members) - len(behaviour), f"{100 * done / max(len(behaviour), 1):.1f}", listed)
        table.add_row(module, *map(str, (*numbers, *rest)))
    return table


def main() -> None:
    """Compare, print, and end with a status."""
    known = tomllib.loads(EXPLAINED.read_text("utf-8"))
    quoted = {(part["module"], change) for part in known["survivors"] for change in part["mutants"]}
    rules = [re.compile(rule["pattern"]) for rule in known["rules"]]
    mutants = [m for path in sorted(MUTANTS.rglob("*.py.meta")) for m in _mutants(path)]
    if not mutants:
        sys.exit(f"no results in {MUTANTS}/: mutmut has not run")
    ruled = {(m.module, m.change) for m in mutants if any(r.search(m.change) for r in rules)}
    explained = quoted | ruled
    Console(width=110).print(_table(mutants, explained))
    modules = {mutant.module for mutant in mutants}
    surviving = {(m.module, m.change) for m in mutants if m.survived and not m.message}
    complaints = {
        "not tried": {(m.module, m.change) for m in mutants if m.status is None},
        "not explained": surviving - explained,
        "explained, but killed or gone": {e for e in quoted if e[0] in modules} - surviving,
    }
    for complaint, members in complaints.items():
        for module, change in sorted(members):
            click.echo(f"{complaint}: {module}: {change}", err=True)
    sys.exit(1 if any(complaints.values()) else 0)


if __name__ == "__main__":
    main()
