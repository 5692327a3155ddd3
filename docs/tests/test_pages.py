"""README and the documentation: links lead somewhere, code runs, command lines are understood."""

from __future__ import annotations

import configparser
import contextlib
import importlib.metadata
import importlib.util
import io
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from conformance.cases import space
from conformance.cli import main
from conformance.model.clauses import all_clauses, matching
from conformance.run.settings.excuses import load_excuses, load_lacks
from conformance.run.settings.options import PROFILES
from conformance.starts.my_layer import MyLayer
from conformance.strength.mistakes import MISTAKES
from conformance.subjects.frameworks import node

from .markdown import PAGES, ROOT, Block, anchors, blocks, commands, links

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

README = ROOT / "README.md"
DOCS = ROOT / "docs"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SOURCE = PROJECT["urls"]["Source"]
#: The first line of a program that runs by itself, where this release is installed: `# torch 2.13.0`.
RELEASE = re.compile(r"(?:#|//) (\S+) (\d\S*)\n")
ids = {"ids": str}


def named(page: Path) -> str:
    return page.name


def in_the_checkout(target: str) -> Path | None:
    """The file that a link to the project's repository leads to; None for other links."""
    found = re.fullmatch(re.escape(SOURCE) + r"/(?:blob|raw|tree)/main/([^#]*)(?:#.*)?", target)
    return None if found is None else ROOT / found[1]


# Links


@pytest.mark.parametrize("page", [README], ids=named)
def test_links_are_absolute_where_a_package_index_shows_the_page(page: Path) -> None:
    assert [link for link in links(page) if not link.startswith("https://")] == []


def test_a_package_index_can_render_the_readme() -> None:
    markdown = pytest.importorskip(
        "readme_renderer.markdown", reason="readme-renderer is in the group docs"
    )
    rendered = markdown.render(README.read_text(encoding="utf-8"))
    assert (rendered.count("<table"), f'src="{SOURCE}/raw/main/docs/report.png"' in rendered) == (
        2,
        True,
    )


def test_the_metadata_name_one_repository() -> None:
    assert [url for url in PROJECT["urls"].values() if not url.startswith(SOURCE)] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_into_the_repository_lead_to_files(page: Path) -> None:
    files = [in_the_checkout(link) for link in links(page)]
    assert [file for file in files if file is not None and not file.exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_relative_links_lead_to_files(page: Path) -> None:
    relative = [link for link in links(page) if not re.match(r"[a-z]+:", link)]
    files = {link: page.parent / link.partition("#")[0] for link in relative}
    assert [link for link, file in files.items() if not file.exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_to_headings_lead_to_headings(page: Path) -> None:
    broken = []
    for link in links(page):
        target, _, heading = link.partition("#")
        outside = in_the_checkout(link)
        file = page.parent / target if outside is None else outside
        is_page = target == "" or (file.suffix == ".md" and file.exists())
        if heading and is_page and heading not in anchors(page if target == "" else file):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent == DOCS], ids=named)
def test_a_page_is_in_the_contents(page: Path) -> None:
    trees = "\n".join(b.text for b in blocks(DOCS / "index.md", "{toctree}"))
    assert page.stem in {"index", *trees.split()}


@pytest.mark.parametrize(
    ("pattern", "number"),
    [
        (r"(\d[\d,]*) (?:known mistakes|wrong layers)", len(MISTAKES)),
        (r"(\d[\d,]*) \*?clauses\b(?! (?:fail|judged))", len(all_clauses())),
        (r"(\d[\d,]*) possible (?:pairs|ones)", int(space.possible().sum()) // 2),
    ],
)
@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=named)
def test_numbers_in_the_text_are_todays(page: Path, pattern: str, number: int) -> None:
    found = re.findall(pattern, page.read_text(encoding="utf-8"))
    assert {int(text.replace(",", "")) for text in found} <= {number}


# Code


def _programs() -> list[Block]:
    found = [block for page in PAGES for block in blocks(page, "python", "js")]
    return [block for block in found if RELEASE.match(block.text)]


def _version(language: str, name: str) -> str | None:
    if language == "js":
        return node.version(name) if shutil.which("node") else None
    try:
        # PyTorch's says what it was built for, too: 2.13.0+cpu.
        return importlib.metadata.version(name).partition("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return None


@pytest.mark.parametrize("program", _programs(), **ids)
def test_a_program_for_a_release_shows_what_it_says(program: Block) -> None:
    name, wanted = RELEASE.match(program.text).groups()
    found = _version(program.language, name)
    if found != wanted:
        pytest.skip(f"{name} {wanted} is not installed here, but {found}")
    command = ["node", "-e"] if program.language == "js" else [sys.executable, "-c"]
    variables = {**os.environ, "NODE_PATH": os.pathsep.join(map(str, node.folders()))}
    done = subprocess.run(
        [*command, program.text], capture_output=True, text=True, timeout=120, env=variables
    )
    assert (done.returncode, done.stderr[-2000:] if done.returncode else "") == (0, "")


class MyOwnError(Exception):
    pass


#: What the reader has: each block finds it, whatever an excerpt before it has put in its place.
GIVEN = {"__name__": "page", "MyLayer": MyLayer, "MyOwnError": MyOwnError}


def _pages_with_code() -> list[Path]:
    # The protocol's program reads standard input; conformance/tests/subjects/processes/test_protocol.py runs it.
    return [p for p in PAGES if p.name != "protocol.md" and [*blocks(p, "python")]]


@pytest.mark.parametrize("page", _pages_with_code(), ids=named)
def test_the_code_of_a_page_runs_from_top_to_bottom(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # Few cases: the code is in question, not the layer.
    monkeypatch.setitem(PROFILES, "core", 1)
    names: dict[str, object] = {}
    for block in blocks(page, "python"):
        if RELEASE.match(block.text):
            continue
        # Empty lines first, so that a traceback has the page's own line numbers.
        code = compile("\n" * (block.line - 1) + block.text, str(page), "exec")
        with contextlib.redirect_stdout(io.StringIO()):
            names.update(GIVEN)
            exec(code, names)


@pytest.mark.parametrize(
    "block", [block for page in PAGES for block in blocks(page, "console")], **ids
)
def test_a_session_prints_what_it_shows(block: Block) -> None:
    line, _, shown = block.text.partition("\n")
    assert line.startswith("$ conformance ")
    done = CliRunner().invoke(main, shlex.split(line)[2:], catch_exceptions=False)
    pattern = ".*".join(re.escape(part) for part in shown.rstrip().split("..."))
    assert re.fullmatch(pattern, done.stdout.rstrip(), re.DOTALL)


@pytest.mark.parametrize("block", [b for page in PAGES for b in blocks(page, "json")], **ids)
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", [b for page in PAGES for b in blocks(page, "toml")], **ids)
def test_toml_is_toml(block: Block) -> None:
    tomllib.loads(block.text)


@pytest.mark.parametrize("block", [*blocks(DOCS / "testing-your-layer.md", "toml")], **ids)
def test_a_file_of_expectations_is_understood(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "known.toml"
    file.write_text(block.text, encoding="utf-8")
    assert [*load_excuses(file), *load_lacks(file)] != []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_block_says_its_language(page: Path) -> None:
    assert [str(block) for block in blocks(page) if not block.language] == []


# Commands


def parse(line: str) -> click.Context:
    """Parse a command line as the command does, without running it.

    Raises:
        click.UsageError: the command does not understand it; files that it names need not exist.
    """
    reader = shlex.shlex(line, posix=True, punctuation_chars=True)
    reader.whitespace_split = True
    words = [*itertools.takewhile(lambda word: not set(word) <= set("|&;>"), reader)]
    outer = click.Context(main, info_name="conformance", **main.context_settings)
    name, command, arguments = main.resolve_command(outer, words[1:])
    if not arguments:
        # The name of a command, in a sentence.
        return click.Context(command, outer, name)
    return command.make_context(name, [w.rstrip(".") for w in arguments], outer)


def _lines() -> list[object]:
    # The changelog names options without what they need.
    pages = [page for page in PAGES if page.name != "CHANGELOG.md"]
    found = dict.fromkeys((line, page) for page in pages for line in commands(page))
    return [pytest.param(line, id=f"{page.name}: {line}") for line, page in found]


@pytest.mark.parametrize("line", _lines())
def test_a_command_line_is_understood(line: str) -> None:
    given = parse(line)
    if given.info_name == "run":
        # These values the command looks at itself.
        matching(given.params.get("clause") or (), scopes=given.params.get("scope") or ())


def _words(pattern: str) -> list[object]:
    found = {}
    for page in PAGES:
        for word in re.findall(pattern, page.read_text(encoding="utf-8")):
            found[word] = pytest.param(word, id=f"{page.name}: {word}")
    return [*found.values()]


@pytest.mark.parametrize("name", _words(r"tox run -e ([\w,]+)"))
def test_an_environment_of_tox_exists(name: str) -> None:
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    known = {*tox["tox"]["env_list"].split(","), *(s.removeprefix("testenv:") for s in tox)}
    assert {*name.split(",")} - known == set()


def test_the_environments_of_releases_run_every_module_that_wants_one() -> None:
    wanting = {
        str(path.relative_to(ROOT))
        for folder in ("docs", "reference_impl", "fast_impl", "conformance", "reports")
        for path in (ROOT / folder).rglob("test_*.py")
        if re.search(r"pytest\.mark\.(tensorflow|vectors)\b", path.read_text(encoding="utf-8"))
    }
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    assert {*re.findall(r"[\w/]+\.py", tox["tensorflow"]["commands"])} == wanting


@pytest.mark.parametrize("name", _words(r"python -m (?!pip)([a-z][\w.]*)"))
def test_a_module_that_is_run_exists(name: str) -> None:
    assert importlib.util.find_spec(name) is not None
