"""A user's mistake gives one clear line, exit status 2, and leaves nothing behind."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest


@attrs.frozen
class Mistake:
    """Arguments of `conformance run` (beside --out), and what the message must say."""

    name: str
    arguments: tuple[str, ...]
    says: tuple[str, ...]


BAD_CORPUS_LINE = '{"id": "x", "kernel": 3}'
EXCUSE = 'clause = "BIAS-01"\nsubject = "fast"\nmessage = "m"\nreason = "r"\n'
FILES = {
    "layers.py": "a_number = 3\n\nclass Layer:\n    pass\n",
    "broken.py": "raise RuntimeError('no licence key')\n",
    "leaves.py": "raise SystemExit(5)\n",
    "wrong-syntax.py": "def (:\n",
    "some/cases.jsonl": "",
    "more/cases.jsonl": "",
    "describes.py": """input()\nprint('{"kind": "description", "versions": "1.2"}')\n""",
    "corpus/good-then-bad.jsonl": "\n" + BAD_CORPUS_LINE + "\n",
    "no-json/lines.jsonl": "this is no JSON\n",
    "empty/readme.txt": "no cases here\n",
    "unknown-clause.toml": "[[excuse]]\n" + EXCUSE.replace("BIAS-01", "BIAS-99"),
    "unknown-key.toml": "[[excuse]]\n" + EXCUSE + 'colour = "red"\n',
    "no-reason.toml": "[[excuse]]\n" + EXCUSE.replace('reason = "r"\n', ""),
    "no-toml.toml": "[[excuse\n",
}

MISTAKES = (
    Mistake("a typo", ("--subject", "fsat"), ("unknown subject 'fsat'; did you mean 'fast'?",)),
    Mistake(
        "unknown subject",
        ("--subject", "quick"),
        ("unknown subject 'quick'", "`conformance subjects`", "path/to/file.py:Name"),
    ),
    Mistake("a file without a name", ("--subject", "layers.py"), ("such as layers.py:Layer",)),
    Mistake("nothing after a colon", ("--subject", "layers.py:"), ("such as layers.py:Layer",)),
    Mistake(
        "a subject with a colon",
        ("--subject", "reference:"),
        ("'reference:'; did you mean 'reference'?",),
    ),
    Mistake(
        "unknown algorithm",
        ("--subject", "fast:quick"),
        ("'fast:quick'", "direct, col2im, blocks, planar"),
    ),
    Mistake("missing file", ("--subject", "none.py:Layer"), ("no such file", "none.py")),
    Mistake(
        "a typo in a file's name",
        ("--subject", "layer.py:Layer"),
        ("no such file: layer.py; did you mean 'layers.py'?",),
    ),
    Mistake(
        "a file in no folder",
        ("--subject", "gone/x.py:Layer"),
        ("no such file: gone/x.py", "no folder 'gone'"),
    ),
    Mistake("a folder", ("--subject", "./some:Layer"), ("is a folder", "some/file.py:Layer")),
    Mistake(
        "a file without its ending",
        ("--subject", "./layers:Layer"),
        ("did you mean 'layers.py:Layer'?",),
    ),
    Mistake(
        "missing name",
        ("--subject", "layers.py:Other"),
        ("layers.py has no 'Other'; it defines Layer",),
    ),
    Mistake(
        "a typo in a name",
        ("--subject", "layers.py:layr"),
        ("layers.py has no 'layr'; did you mean 'Layer'?",),
    ),
    Mistake(
        "no class or function",
        ("--subject", "layers.py:a_number"),
        ("layers.py:a_number", "class or a function"),
    ),
    Mistake("missing module", ("--subject", "no_such_module:Layer"), ("no_such_module",)),
    Mistake(
        "a typo in a module's name",
        ("--subject", "fast_imp:Conv2DTranspose"),
        ("No module named 'fast_imp'; did you mean 'fast_impl'?",),
    ),
    Mistake("raises at import", ("--subject", "broken.py:Layer"), ("broken.py", "no licence key")),
    Mistake("exits at import", ("--subject", "leaves.py:Layer"), ("leaves.py", "SystemExit")),
    Mistake("syntax error", ("--subject", "wrong-syntax.py:Layer"), ("SyntaxError",)),
    Mistake(
        "the same subject twice",
        ("--subject", "fast", "--subject", "fast"),
        ("'fast'", "other=fast"),
    ),
    Mistake("empty spec", ("--subject", ""), ("unknown subject ''",)),
    Mistake(
        "malformed corpus line",
        ("--subject", "fast", "--corpus", "corpus"),
        ("good-then-bad.jsonl:2", "`input`"),
    ),
    Mistake(
        "corpus line that is not JSON",
        ("--subject", "fast", "--corpus", "no-json"),
        ("lines.jsonl:1",),
    ),
    Mistake("missing corpus", ("--subject", "fast", "--corpus", "gone"), ("'gone'", "no such")),
    Mistake("empty corpus", ("--subject", "fast", "--corpus", "empty"), ("'empty'", ".jsonl")),
    Mistake("unknown clause", ("--subject", "fast", "--clause", "PADS-*"), ("'PADS-*'",)),
    Mistake("no examples", ("--subject", "fast", "--examples", "0"), ("--examples 0", "least 1")),
    Mistake("examples that are no number", ("--examples", "many"), ("--examples", "'many'")),
    Mistake("no memory", ("--subject", "fast", "--memory", "0"), ("--memory 0", "above 0")),
    Mistake("endless memory", ("--subject", "fast", "--memory", "inf"), ("--memory inf", "GiB")),
    Mistake("no time", ("--subject", "fast", "--timeout", "0"), ("--timeout 0", "above 0")),
    Mistake("endless time", ("--subject", "fast", "--timeout", "inf"), ("--timeout inf", "86,400")),
    Mistake(
        "time that is no number", ("--subject", "fast", "--timeout", "nan"), ("--timeout nan",)
    ),
    Mistake(
        "two corpora of one name",
        ("--subject", "fast", "--corpus", "some", "--corpus", "more"),
        ("CORPUS-CASES", "rename"),
    ),
    Mistake(
        "description that is none",
        ("--subject-command", f"{sys.executable} describes.py"),
        ("versions '1.2'", "object of strings"),
    ),
    Mistake("unknown profile", ("--profile", "quick"), ("--profile", "'quick'", "smoke")),
    Mistake("unknown option", ("--subjects", "fast"), ("--subjects",)),
    Mistake("missing excuses", ("--subject", "fast", "--expect", "gone.toml"), ("'gone.toml'",)),
    Mistake("excuses that are not TOML", ("--expect", "no-toml.toml"), ("not TOML",)),
    Mistake("excuse of no clause", ("--expect", "unknown-clause.toml"), ("'BIAS-99'",)),
    Mistake("excuse with a strange key", ("--expect", "unknown-key.toml"), ("colour",)),
    Mistake("excuse without reason", ("--expect", "no-reason.toml"), ("excuse 1", "reason")),
    Mistake("empty command", ("--subject-command", ""), ("command is empty",)),
    Mistake("missing command", ("--subject-command", "./gone --fast"), ("'./gone'",)),
    Mistake(
        "unclosed quote", ("--subject-command", "./program 'x"), ("--subject-command", "program 'x")
    ),
)


@pytest.fixture(scope="module")
def finished(
    command: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Mistake], Any]:
    """Return how the command ends over a mistake; each is made once."""
    folder = tmp_path_factory.mktemp("mistakes")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    known: dict[str, Any] = {}

    def make(mistake: Mistake) -> Any:
        if mistake.name not in known:
            out = folder / "out" / mistake.name.replace(" ", "-")
            done = command("run", *mistake.arguments, "--out", out, cwd=folder)
            known[mistake.name] = attrs.evolve(done, out=out)
        return known[mistake.name]

    return make


@pytest.fixture(params=MISTAKES, ids=lambda mistake: mistake.name)
def mistake(request: pytest.FixtureRequest) -> Mistake:
    return request.param


@pytest.fixture
def ended(mistake: Mistake, finished: Callable[[Mistake], Any]) -> Any:
    return finished(mistake)


def test_a_mistake_ends_the_command_with_status_2(ended: Any) -> None:
    assert ended.status == 2


def test_a_mistake_is_told_in_one_line(ended: Any) -> None:
    told = [line for line in ended.stderr.splitlines() if not line.startswith(_CLICK_PREAMBLE)]
    assert len([line for line in told if line]) == 1


#: click precedes its own errors with two lines of usage.
_CLICK_PREAMBLE = ("Usage:", "Try ")


def test_the_line_says_what_is_wrong(ended: Any, mistake: Mistake) -> None:
    assert [text for text in mistake.says if text not in ended.stderr] == []


def test_nothing_is_printed_as_a_result(ended: Any) -> None:
    assert ended.stdout == ""


def test_a_mistake_leaves_no_file(ended: Any) -> None:
    assert list(ended.out.glob("**/*")) + list(ended.out.glob(".*")) == []


def test_a_file_in_the_place_of_the_output_folder_is_refused(
    command: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    done = command("run", "--subject", "fast", "--out", "out", cwd=tmp_path)
    assert (done.status, done.stderr.count("\n")) == (2, 1)


def test_a_file_in_the_place_of_the_output_folder_is_kept(
    command: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    command("run", "--subject", "fast", "--out", "out", cwd=tmp_path)
    assert (tmp_path / "out").read_text(encoding="utf-8") == "mine"


def test_an_earlier_report_survives_a_mistake(command: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "run.jsonl").write_text("earlier", encoding="utf-8")
    command("run", "--subject", "fast", "--clause", "NO-*", "--out", "out", cwd=tmp_path)
    assert (tmp_path / "out" / "run.jsonl").read_text(encoding="utf-8") == "earlier"
