"""The site as `tox run -e docs` has built it: it asks for nothing from elsewhere, and everybody can read it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.model.clauses import all_clauses
from reports.tests.conftest import Visit, browser  # noqa: F401 - a fixture

SITE = Path(os.environ.get("SITE", "nowhere")).absolute()
pytestmark = pytest.mark.skipif(
    not SITE.is_dir(), reason="SITE names no folder with the site; `tox run -e docs` builds it"
)
PAGES = [
    "index.html",
    "testing-your-layer.html",
    "clauses/PAD-01.html",
    "clauses/index.html",
    "api.html",
]
#: What a browser would fetch by itself: scripts, styles, pictures, frames; not what a reader clicks.
LOADED = re.compile(
    r'<(?:script|img|iframe|source)[^>]*\ssrc="(?:https?:)?//|<link(?![^>]*rel="(?:canonical|index|next|prev|search)")'
    r'[^>]*\shref="(?:https?:)?//|@import|url\(["\']?(?:https?:)?//'
)


@pytest.fixture
def visit(browser) -> Iterator[Callable[..., Visit]]:  # noqa: F811
    """Open a page of the site."""
    visits = []

    def start(page: str, **options: object) -> Visit:
        visits.append(Visit(browser, f"{SITE.as_uri()}/{page}", **options))
        return visits[-1]

    yield start
    for one in visits:
        one.context.close()


def test_no_file_loads_anything_from_elsewhere() -> None:
    files = [file for file in SITE.rglob("*") if file.suffix in (".html", ".css")]
    found = [file.name for file in files if LOADED.search(file.read_text(encoding="utf-8"))]
    assert (len(files) > len(all_clauses()), found) == (True, [])


@pytest.mark.parametrize("clause", ["PAD-01", "GRAD-01", "ARG-02"])
def test_a_clause_has_a_page_with_its_norm(clause: str) -> None:
    text = (SITE / "clauses" / f"{clause}.html").read_text(encoding="utf-8")
    (title,) = [c.title for c in all_clauses() if c.id == clause]
    assert title.replace(">", "&gt;").split("`")[0] in text


def test_every_clause_has_a_page() -> None:
    pages = {file.stem for file in (SITE / "clauses").glob("*.html")}
    assert {clause.id for clause in all_clauses()} - pages == set()


def test_a_clause_is_drawn() -> None:
    assert 'class="window-expected"' in (SITE / "clauses" / "PAD-01.html").read_text("utf-8")


@pytest.mark.browser
@pytest.mark.parametrize("page", PAGES)
def test_a_page_asks_for_its_own_files_alone_and_complains_of_nothing(visit, page: str) -> None:
    found = visit(page)
    elsewhere = [url for url in found.requests if not url.startswith((SITE.as_uri(), "data:"))]
    assert (elsewhere, found.complaints) == ([], [])


@pytest.mark.browser
@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_a_phone(visit, page: str) -> None:
    found = visit(page, viewport={"width": 360, "height": 800})
    assert found.tab.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.browser
@pytest.mark.parametrize("page", ["index.html", "testing-your-layer.html", "clauses/PAD-01.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(visit, page: str, scheme: str) -> None:
    assert visit(page, color_scheme=scheme).violations() == []


@pytest.mark.browser
def test_search_finds_without_a_server(visit) -> None:
    found = visit("search.html?q=odd+row")
    found.tab.wait_for_selector("#search-results li a")
    titles = found.tab.locator("#search-results li a").all_inner_texts()
    assert (any(t.startswith("PAD-01") for t in titles), found.complaints) == (True, [])
