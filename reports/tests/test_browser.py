"""The page in a real browser: filter, folding, permalinks, theme, copying, narrow screens."""

import shutil

import pytest

import reports

from . import sample

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("needs the program chromium, which is not on the path")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="needs playwright (the extra `browser`)"
    )
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")

    def write(name, lines):
        record = reports.load(sample.save(lines, folder / f"{name}.jsonl"))
        reports.write(record, folder / f"{name}.html")
        return (folder / f"{name}.html").as_uri()

    hostile = sample.record()
    text = "</script></style></svg><img src=x onerror=alert(1)><script>alert(2)</script>"
    for line in hostile:
        if line["kind"] in ("finding", "verdict"):
            line["message"] = line["reason"] = line["diagnosis"] = text
    return {
        "findings": write("findings", sample.record()),
        "hostile": write("hostile", hostile),
        "eight subjects": write("eight", sample.crowd(8)),
        "twelve subjects": write("twelve", sample.crowd(12)),
    }


class Visit:
    """A page in a tab of its own, with everything it asked for and complained about."""

    def __init__(self, browser, url, **options):
        self.context = browser.new_context(**options)
        self.tab = self.context.new_page()
        self.requests = []
        self.complaints = []
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.on("console", lambda message: self.complaints.append(message.text))
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.tab.goto(url)

    def shown(self):
        return self.tab.locator(".matrix .row:visible").count()

    def color(self, selector):
        return self.tab.eval_on_selector(selector, "e => getComputedStyle(e).backgroundColor")


@pytest.fixture
def visit(browser, files):
    visits = []

    def start(name="findings", fragment="", **options):
        options.setdefault("viewport", {"width": 1400, "height": 1000})
        visits.append(Visit(browser, files[name] + fragment, **options))
        return visits[-1]

    yield start
    for one in visits:
        one.context.close()


def test_the_page_asks_for_nothing_but_itself(visit, files):
    assert visit().requests == [files["findings"]]


def test_the_page_has_nothing_to_complain_about(visit):
    assert visit().complaints == []


def test_hostile_texts_do_nothing(visit, files):
    found = visit("hostile")
    assert (found.complaints, found.requests) == ([], [files["hostile"]])


def test_the_text_filter_keeps_what_matches(visit):
    found = visit()
    found.tab.fill("#find", "odd pixel")
    assert (found.shown(), found.tab.inner_text("#shown")) == (1, "1 of 37 clauses")


def test_the_chapter_filter_keeps_the_chapter(visit):
    found = visit()
    found.tab.select_option("#chapter", "padding")
    assert found.shown() == 6


def test_the_status_filter_keeps_rows_with_that_status(visit):
    found = visit()
    found.tab.click('.chip[data-status="fail"]')
    assert found.tab.locator(".matrix .row:visible .open code").all_inner_texts() == [
        "PAD-01",
        "VAL-03",
    ]


def test_filters_add_up_and_reset(visit):
    found = visit()
    found.tab.click('.chip[data-status="fail"]')
    found.tab.fill("#find", "nothing like this")
    assert (found.shown(), found.tab.is_visible("#none")) == (0, True)
    found.tab.click("#reset")
    assert (found.shown(), found.tab.is_visible("#none")) == (37, False)


def test_the_slash_key_goes_to_the_filter(visit):
    found = visit()
    found.tab.keyboard.press("/")
    assert found.tab.evaluate("document.activeElement.id") == "find"


def test_a_row_opens_and_closes(visit):
    found = visit()
    for expected in (True, False):
        found.tab.click("#PAD-01 .open")
        assert found.tab.is_visible("#PAD-01 + .more") == expected


@pytest.mark.parametrize("key", ["Enter", " "])
def test_a_row_opens_by_keyboard(visit, key):
    found = visit()
    found.tab.focus("#PAD-01 .open")
    found.tab.keyboard.press(key)
    assert found.tab.get_attribute("#PAD-01 .open", "aria-expanded") == "true"
    assert found.tab.is_visible("#PAD-01 + .more")


def test_all_rows_open_at_once(visit):
    found = visit()
    found.tab.click("#open-all")
    assert found.tab.locator(".matrix .more:visible").count() == 37


def test_a_permalink_opens_its_clause(visit):
    found = visit(fragment="#CONS-09")
    assert found.tab.is_visible("#CONS-09 + .more")
    assert found.tab.locator("#CONS-09").bounding_box()["y"] < 500


def test_a_link_to_a_filtered_clause_shows_it(visit):
    found = visit()
    found.tab.fill("#find", "bias")
    found.tab.click('.finding a[href="#PAD-01"]')
    found.tab.wait_for_function("location.hash === '#PAD-01'")
    assert found.tab.is_visible("#PAD-01 + .more")


def test_everything_is_readable_without_the_script(visit):
    found = visit(java_script_enabled=False)
    assert found.tab.locator(".matrix .more:visible").count() == 37
    assert not found.tab.is_visible(".filter")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_follows_the_system_until_it_is_switched(visit, scheme):
    found = visit(color_scheme=scheme)
    before = found.color("body")
    found.tab.click("#theme")
    after = found.color("body")
    found.tab.click("#theme")
    assert before != after
    assert found.color("body") == before


def test_the_chosen_theme_is_kept(visit):
    found = visit(color_scheme="light")
    found.tab.click("#theme")
    found.tab.reload()
    assert found.tab.get_attribute("html", "data-theme") == "dark"


def test_the_copy_button_copies_the_script(visit):
    found = visit()
    found.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = found.tab.locator("#finding-1 .copy").first
    button.click()
    found.tab.wait_for_function("document.getElementById('said').textContent === 'Copied'")
    assert found.tab.evaluate("navigator.clipboard.readText()") == sample.finding()["script"]


@pytest.mark.parametrize("width", [320, 390, 720, 820, 1100, 1400, 2200])
@pytest.mark.parametrize("name", ["findings", "eight subjects", "twelve subjects"])
def test_the_page_never_scrolls_sideways(visit, width, name):
    found = visit(name, viewport={"width": width, "height": 844})
    found.tab.click("#open-all")
    assert found.tab.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1400])
def test_text_stands_out_from_its_ground(visit, scheme, width):
    found = visit(color_scheme=scheme, viewport={"width": width, "height": 1000})
    found.tab.click("#open-all")
    assert found.tab.evaluate(LOW_CONTRAST) == []


#: Texts whose contrast with what is painted behind them is below 4.5 (WCAG AA).
LOW_CONTRAST = """() => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const parts = numbers(color).slice(0, 3).map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if ((numbers(color)[3] ?? 1) === 1) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (element.closest("svg, .sr, option")) continue;
    const opacity = Number(getComputedStyle(element.closest(".default") ?? element).opacity);
    const [a, b] = [light(getComputedStyle(element).color), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5 || opacity < 0.7) {
      found.add(`${element.tagName}.${element.className} ${ratio.toFixed(2)}`);
    }
  }
  return [...found];
}"""


def test_numbers_in_pictures_stand_out_from_their_cells(visit):
    found = visit()
    assert found.tab.evaluate(PICTURE_CONTRAST) == []


#: Steps of the colour scales whose numbers have a contrast below 4.5, in both themes.
PICTURE_CONTRAST = """() => {
  const light = (color) => {
    const parts = color.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const found = [];
  for (const theme of ["light", "dark"]) {
    document.documentElement.dataset.theme = theme;
    const probe = document.body.appendChild(document.createElement("i"));
    const read = (name) => {
      probe.className = "";
      probe.style.color = `var(--${name})`;
      return light(getComputedStyle(probe).color);
    };
    for (const step of ["n5", "n4", "n3", "n2", "n1", "z", "p1", "p2", "p3", "p4", "p5", "nan"]) {
      const [a, b] = [read(step), read(/[45]/.test(step) ? "on-strong" : "on")];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (ratio < 4.5) found.push(`${theme} ${step} ${ratio.toFixed(2)}`);
    }
    probe.remove();
  }
  return found;
}"""
