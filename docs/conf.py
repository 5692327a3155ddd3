"""The documentation site: `tox run -e docs`.

The pages are the Markdown files of this folder, which can be read as they are. Sphinx adds navigation, search
and the API. `site/generate.py` writes what is made from the package: the clauses, the errata and the command line.
Nothing is fetched while it builds or while it is read.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "site"))

import generate  # noqa: E402 - it stands beside this file, not in a package

project = "conv2d-transpose-conformance"
author = "the contributors"
copyright = f"{author}. Licence: Apache-2.0"  # noqa: A001 - Sphinx's name
release = version = generate.VERSION

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "index"
exclude_patterns = ["tests", "site", "examples"]
suppress_warnings: list[str] = []

myst_heading_anchors = 4
# Quotes stay as they are: many belong to Python, as in padding="same".
smartquotes = False
# Text that is no language, such as a finding, says so; what is not said is a shell's.
highlight_language = "none"

html_theme = "furo"
html_title = "Conv2DTranspose conformance"
html_static_path = ["site/static", str(generate.STATIC)]
html_css_files = ["site.css", "picture.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_copy_source = False
# Extracts of the pages found would be fetched, which a browser forbids to pages that no server sends.
html_show_search_summary = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}

default_role = "code"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_preprocess_types = False
# Types of other projects, whose inventories would have to be fetched.
nitpick_ignore_regex = [
    ("py:.*", r"(?!conformance|fast_impl|reference_impl|reports).*"),
    # Types of the library's inside, which have no page.
    ("py:class", r"fast_impl\.(problem|forward)\..*"),
]


def link_outside(_: Sphinx, page: str, source: list[str]) -> None:
    """Lead links to files that are no pages, such as `../conformance/...`, to the project's repository."""
    if "/" not in page:
        source[0] = re.sub(r"\]\(\.\./", f"]({generate.SOURCE}/", source[0])


def link_clauses(_: Sphinx, doctree: nodes.document) -> None:
    """Make the id of a clause a link to its page."""
    for text in [*doctree.findall(nodes.Text)]:
        parents = {type(parent) for parent in _ancestors(text)}
        pieces = generate.CLAUSE_ID.split(text.astext())
        if len(pieces) == 1 or parents & _NO_LINKS:
            continue
        made: list[nodes.Node] = []
        for place, piece in enumerate(pieces):
            made.append(_link(piece) if place % 2 else nodes.Text(piece))
        text.parent.replace(text, [node for node in made if node.astext()])


_NO_LINKS = {nodes.reference, addnodes.pending_xref, nodes.title, nodes.literal_block, nodes.raw}


def _ancestors(node: nodes.Node) -> Iterator[nodes.Node]:
    while node.parent is not None:
        node = node.parent
        yield node


def _link(clause: str) -> addnodes.pending_xref:
    text = nodes.inline("", clause)
    return addnodes.pending_xref(
        "",
        text,
        refdomain="std",
        reftype="doc",
        reftarget=f"/clauses/{clause}",
        refexplicit=True,
        refwarn=True,
    )


def setup(app: Sphinx) -> None:
    """Write the generated pages before Sphinx looks for pages."""
    app.connect("config-inited", lambda *_: generate.write(DOCS))
    app.connect("source-read", link_outside)
    app.connect("doctree-read", link_clauses)
