"""Write the pages that are made from the package: one for each clause, the errata, and the command line."""

from __future__ import annotations

import inspect
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import click
from jinja2 import Environment, FileSystemLoader, StrictUndefined

import conformance
from conformance.checks import CHECKS
from conformance.checks.check import Check
from conformance.cli import main
from conformance.model.clauses import Clause, all_clauses
from reports import load_strength
from reports.outputs import page
from reports.pictures import picture
from reports.records import strength

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
VERSION = conformance.__version__
#: Where the files of the repository can be read: the one place that says it is pyproject.toml.
SOURCE = (
    tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Source"]
    + "/blob/main"
)  # fmt: skip
SCRIPTS = ROOT / "conformance" / "cases" / "scripted"
CLAUSE_ID = re.compile(rf"\b({'|'.join(clause.id for clause in all_clauses())})\b")
#: The folder of the generated style sheet.
STATIC = Path(tempfile.mkdtemp(prefix="site-"))


def write(docs: Path) -> None:
    """Write `clauses/` and `command-line.md` into the folder of the pages, and the style of the pictures."""
    folder = docs / "clauses"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    templates = _templates()
    caught = strength.by_clause(load_strength(str(_measurement())))
    macros: Any = page.environment().get_template("macros.html.j2").module
    clauses = all_clauses()
    for place, clause in enumerate(clauses):
        text = templates.get_template("clause.md.j2").render(
            clause=clause,
            picture=picture.of_example(clause.picture),
            stamp=macros.stamp,
            checks=[*_checks(clause)],
            caught=caught[clause.id],
            before=clauses[place - 1] if place else None,
            after=clauses[place + 1] if place + 1 < len(clauses) else None,
        )
        (folder / f"{clause.id}.md").write_text(text, encoding="utf-8")
    chapters: dict[str, list[Clause]] = {}
    for clause in clauses:
        chapters.setdefault(clause.chapter, []).append(clause)
    for name in ("index", "errata"):
        text = templates.get_template(f"{name}.md.j2").render(chapters=chapters, clauses=clauses)
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    text = templates.get_template("command-line.md.j2").render(commands=[*_commands()])
    (docs / "command-line.md").write_text(text, encoding="utf-8")
    (STATIC / "picture.css").write_text(_style(), encoding="utf-8")


def _measurement() -> Path:
    return Path(str(resources.files("conformance.strength") / "strength.json"))


def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    made.filters.update(prose=_prose)
    return made


def _prose(text: str) -> str:
    """Return text as Markdown: what stands between backticks is code, all other signs stand for themselves."""
    pieces = re.split(r"(`[^`]+`)", " ".join(text.split()))
    return "".join(
        piece if place % 2 else re.sub(r"([\\*_\[\]<>#|~])", r"\\\1", piece)
        for place, piece in enumerate(pieces)
    )


def _checks(clause: Clause) -> Iterator[dict[str, object]]:
    """Yield what the page of a clause says of each of its checks."""
    for check in (*CHECKS.of(clause.id), *CHECKS.of(clause.id, claims=True)):
        yield {
            "name": check.name,
            "says": (inspect.getdoc(check.judge) or "").strip(),
            "families": check.families,
            "claims": check.claims,
            **_source(check),
        }


def _source(check: Check) -> dict[str, str]:
    """Return a link to where a check is written, and its text; of scripts, where the first case is."""
    if check.name.startswith("check_scripts_of_"):
        return {"link": _first_line_with(f'"{check.clause}"', SCRIPTS), "code": ""}
    code = inspect.unwrap(check.judge).__code__
    lines, first = inspect.getsourcelines(code)
    path = Path(code.co_filename).relative_to(ROOT).as_posix()
    return {"link": f"{SOURCE}/{path}#L{first}", "code": inspect.cleandoc("".join(lines))}


def _first_line_with(text: str, folder: Path) -> str:
    """Return a link to the first line that has the text, in a folder and those within."""
    for file in sorted(folder.rglob("*.py")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if text in line:
                return f"{SOURCE}/{file.relative_to(ROOT).as_posix()}#L{number}"
    raise ValueError(f"no file in {folder} has {text}")


def _commands() -> Iterator[tuple[str, str]]:
    """Yield each command and what its `--help` prints."""
    outer = click.Context(
        main,
        info_name="conformance",
        terminal_width=100,
        max_content_width=100,
        **main.context_settings,
    )
    for name in main.list_commands(outer):
        command = main.get_command(outer, name)
        assert command is not None
        context = click.Context(command, outer, name, terminal_width=100, max_content_width=100)
        yield name, command.get_help(context)


# Of the report's style sheet, what a picture needs.
_PARTS = re.compile(
    r"\.(c-|window-|(stamp|panels?|map|cells|ruler|veil|overlap|halo|focus|key|sum|scroll)\b)"
)


def _style() -> str:
    """Return the style of the pictures: the report's own, within `.clause-picture` and with the site's themes."""
    sheet = page.asset("page.css")
    light = _block(sheet, ":root {")
    dark = _block(sheet, ':root[data-theme="dark"] {')
    rules = "\n".join(
        rule.strip()
        for rule in re.findall(
            r"[^{}@]+\{[^{}]*\}", re.sub(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*\s*\}", "", sheet)
        )
        if _PARTS.search(rule.split("{")[0]) and ":root" not in rule
    )
    return (
        f".clause-picture {{\n{light}\n{rules}\n}}\n"
        f'body[data-theme="dark"] .clause-picture {{\n{dark}\n}}\n'
        "@media (prefers-color-scheme: dark) {\n"
        f'  body:not([data-theme="light"]) .clause-picture {{\n{dark}\n}}\n}}\n'
    )


def _block(sheet: str, start: str) -> str:
    """Return what stands in the braces after `start`."""
    _, found, rest = sheet.partition(start)
    if not found:
        raise ValueError(
            f"reports/templates/page.css has no {start!r}: the pictures have no colours"
        )
    return rest.partition("}")[0].strip()
