"""README and the pages of the documentation, read: links, blocks of code, and lines that name a command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import attrs
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
#: Written by hand; what the site's generator writes is checked by Sphinx alone.
PAGES = (
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted(page for page in (ROOT / "docs").glob("*.md") if page.name != "command-line.md"),
)


@attrs.frozen
class Block:
    """A block of code.

    Args:
        page: where it stands.
        line: of its first line of code.
        language: what stands after the fence.
        text: the code.
    """

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path, *languages: str) -> Iterator[Block]:
    """Yield the blocks of a page in these languages, all but directives without one; indented ones have none."""
    for token in _tokens(page):
        if token.type in ("fence", "code_block") and token.map is not None:
            language = token.info.strip()
            fits = language in languages if languages else not language.startswith("{")
            if fits:
                yield Block(page, token.map[0] + 2, language, token.content)


def links(page: Path) -> Iterator[str]:
    """Yield the targets of links and pictures."""
    for token in _inline(page):
        for name in ("href", "src"):
            if name in token.attrs:
                yield str(token.attrs[name])


def anchors(page: Path) -> set[str]:
    """Return the names of a page's headings, as code hosts make them."""
    tokens = _tokens(page)
    titles = [
        tokens[place + 1].content for place, one in enumerate(tokens) if one.type == "heading_open"
    ]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def commands(page: Path) -> Iterator[str]:
    """Yield every line that begins with `conformance`, in blocks and between backticks.

    `$ `, `- run: ` and settings of the environment may stand before it; a comment or another command, after it.
    """
    written = [line for block in blocks(page) for line in _joined(block.text)]
    written += [token.content for token in _inline(page) if token.type == "code_inline"]
    for line in written:
        for part in line.strip().split(" && "):
            found = re.match(
                r"(?:\$ |- run: )?(?:[A-Z_]+=\S+ )*(?:\S+/bin/)?conformance( .+)$", part
            )
            if found:
                yield "conformance" + found[1]


def _joined(text: str) -> list[str]:
    return text.replace("\\\n", " ").splitlines()


def _tokens(page: Path) -> list[Token]:
    parser = MarkdownIt("commonmark").enable("table")
    return parser.parse(page.read_text(encoding="utf-8"))


def _inline(page: Path) -> Iterator[Token]:
    for token in _tokens(page):
        for child in token.children or ():
            yield child
            yield from child.children or ()
