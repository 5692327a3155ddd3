"""Records made of lines, pages rendered from them, and a real browser to look at those."""

import os
import shutil
from importlib import resources, util

import pytest

import reports
from reports import bench

from . import sample
from .test_bench import FULL

#: Two parameters, whose values one subject showed together more often than the other.
COVERAGE = {
    "parameters": [{"name": "stride", "values": ["1"]}, {"name": "padding", "values": ["same"]}],
    "impossible": [],
    "groups": [
        {"subjects": [{"name": name, "mode": "eager"}], "cases": 40, "counts": [[], [count]]}
        for name, count in (("fast", 31), ("mine", 7))
    ],
}

#: Why there is no browser, once a test has asked for one.
_MISSING = []


@pytest.fixture
def load(tmp_path):
    """Write lines as a file and load it."""

    def write_and_load(lines):
        return reports.load(sample.save(lines, tmp_path / "run.jsonl"))

    return write_and_load


@pytest.fixture
def page(load):
    """Render lines."""
    return lambda lines: reports.render(load(lines))


@pytest.fixture(scope="session")
def browser():
    """Chromium, driven by Playwright; CI fails without it, elsewhere the tests are skipped, loudly."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    missing = [
        name
        for name, is_there in (
            ("the program chromium", chromium is not None),
            ("playwright", util.find_spec("playwright") is not None),
            ("axe-playwright-python", util.find_spec("axe_playwright_python") is not None),
        )
        if not is_there
    ]
    if missing:
        reason = f"the pages were not looked at: {' and '.join(missing)} missing"
        if os.environ.get("CI"):
            pytest.fail(reason)
        _MISSING.append(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        opened = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield opened
        opened.close()


def pytest_terminal_summary(terminalreporter):
    """Say at the end that no browser looked at the pages."""
    for reason in _MISSING:
        terminalreporter.section("NO BROWSER", yellow=True, bold=True)
        terminalreporter.line(f"{reason}. Install chromium, and the extra `browser`.")


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """Addresses of pages by what is on them."""
    folder = tmp_path_factory.mktemp("pages")

    def load(lines, name):
        return reports.load(sample.save(lines, folder / f"{name}.jsonl"))

    hostile = sample.record()
    text = "</script></style></svg><img src=x onerror=alert(1)><script>alert(2)</script>"
    for line in hostile:
        if line["kind"] in ("finding", "verdict"):
            line["message"] = line["reason"] = line["diagnosis"] = text
    runs = {
        "conforming": load(sample.record(with_findings=False), "conforming"),
        "findings": load(sample.record(), "findings"),
        "stepping": load(sample.stepping(), "stepping"),
        "hostile": load(hostile, "hostile"),
        "eight subjects": load(sample.crowd(8), "eight"),
        "twelve subjects": load(sample.crowd(12), "twelve"),
        "500 findings": load(sample.many(), "many"),
        "60 findings": load(sample.many(6, 12, 60), "some"),
        "releases": load(sample.releases(), "releases"),
        "coverage": load([*sample.record()[:-1], sample.footer(coverage=COVERAGE)], "coverage"),
    }
    pages = {name: reports.render(record) for name, record in runs.items()}
    old, new = runs["conforming"], runs["findings"]
    pages["comparison"] = reports.render_comparison(old, new)
    pages["history"] = reports.render_index([old, new])
    pages["bench"] = bench.render(FULL)
    for name, content in pages.items():
        (folder / f"{name}.html").write_text(content, "utf-8")
    return {name: (folder / f"{name}.html").as_uri() for name in pages}


class Visit:
    """A page in a tab of its own, with everything it asked for and complained about."""

    def __init__(self, opened, url, **options):
        self.context = opened.new_context(**options)
        self.tab = self.context.new_page()
        self.tab.set_default_timeout(120_000)
        self.requests = []
        self.complaints = []
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.on("console", lambda message: self.complaints.append(message.text))
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.tab.goto(url)

    def shown(self, selector=".matrix .row"):
        return self.tab.locator(f"{selector}:visible").count()

    def color(self, selector):
        return self.tab.eval_on_selector(selector, "e => getComputedStyle(e).backgroundColor")

    def unfold(self):
        """Open everything that can be opened, and lay out what is far away."""
        self.tab.evaluate(
            """() => {
              for (const one of document.querySelectorAll("details")) one.open = true;
              for (const one of document.querySelectorAll(".open[aria-expanded=false]")) one.click();
              for (const one of document.querySelectorAll("section, .cause")) {
                one.style.contentVisibility = "visible";
              }
              dispatchEvent(new Event("resize"));
              return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
            }"""
        )

    def resize(self, width, scheme="light"):
        """Show the page in another width and theme, without loading it again."""
        self.tab.emulate_media(color_scheme=scheme)
        self.tab.set_viewport_size({"width": width, "height": 1000})

    def violations(self):
        """What axe finds: rule, and the first elements.

        The contrast of a text is what takes axe long. Of texts whose elements, up to the root, have the same
        tags, classes and attributes, it judges one.
        """
        if not self.tab.evaluate("'axe' in window"):
            self.tab.evaluate(
                (resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
            )
        return [
            (one["id"], [" ".join(map(str, node["target"])) for node in one["nodes"][:3]])
            for one in self.tab.evaluate(AXE)
        ]


AXE = """async () => {
  const told = new Map([[document.body, ""]]);
  const first = new Map();
  const kept = /^(class|role|aria-(pressed|disabled|expanded))$/;
  for (const one of document.body.querySelectorAll("*")) {
    const own = [...one.attributes].filter(({ name }) => !/^(id|href|d|x|y|data-.*)$/.test(name));
    const names = own.map(({ name, value }) => name + (kept.test(name) ? value : ""));
    const way = `${told.get(one.parentElement)}>${one.tagName} ${names.sort()}`;
    told.set(one, way);
    const hasText = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (hasText && !first.has(way)) first.set(way, one);
  }
  const options = { resultTypes: ["violations"], preload: false };
  const include = [...first.values()];
  const contrast = await axe.run({ include }, { ...options, runOnly: ["color-contrast"] });
  const rules = { "color-contrast": { enabled: false } };
  const others = await axe.run(document, { ...options, rules });
  return [...contrast.violations, ...others.violations];
}"""


@pytest.fixture(scope="session")
def opened(request, browser, files):
    """A page with everything on it unfolded; tests that only look at it share it, and set width and theme."""
    found = Visit(browser, files[request.param], viewport={"width": 1440, "height": 1000})
    found.unfold()
    yield found
    found.context.close()


@pytest.fixture
def visit(browser, files):
    """Open a page."""
    visits = []

    def start(name="findings", fragment="", **options):
        options.setdefault("viewport", {"width": 1440, "height": 1000})
        visits.append(Visit(browser, files[name] + fragment, **options))
        return visits[-1]

    yield start
    for one in visits:
        one.context.close()
