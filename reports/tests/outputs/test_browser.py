"""The pages in a real browser: filters, folding, links, stepping, copying, looks, accessibility."""

import os
import subprocess
import sys

import pytest

from reports.tests import sample

pytestmark = pytest.mark.browser

PAGES = [
    "conforming", "findings", "hostile", "eight subjects", "twelve subjects", "500 findings", "releases",
    "comparison", "history", "bench",
]  # fmt: skip


@pytest.mark.parametrize("opened", PAGES, indirect=True)
def test_a_page_asks_for_nothing_but_itself_and_has_nothing_to_complain_about(opened):
    assert (opened.complaints, opened.requests) == ([], [opened.tab.url.partition("#")[0]])


def test_the_text_filter_keeps_what_matches(visit):
    found = visit()
    found.tab.fill("#find", "odd pixel")
    assert (found.shown(), found.tab.inner_text("#shown")) == (
        1,
        "1 of 37 clauses, 1 of 3 findings",
    )


def test_the_text_filter_reaches_the_findings(visit):
    found = visit()
    found.tab.fill("#find", "bfloat16")
    before = found.shown(".cause")
    found.tab.fill("#find", "odd pixel")
    assert (before, found.shown(".cause")) == (0, 1)


def test_the_status_filter_reaches_the_findings(visit):
    found = visit()
    found.tab.click('.chip[data-status="error"]')
    assert found.tab.locator(".cause:visible h3").all_inner_texts() == [
        "Inputs of rank 3 must be refused with a ValueError."
    ]


def test_the_chapter_filter_reaches_the_findings(visit):
    found = visit()
    found.tab.select_option("#chapter", "values")
    assert found.shown(".cause") == 1


def test_the_subject_filter_reaches_findings_and_columns(visit):
    found = visit("500 findings")
    found.tab.select_option("#subject", "layer_3")
    names = found.tab.locator(".cause:visible .who-is").all_text_contents()
    assert ({*names}, found.shown(".matrix thead th")) == ({"layer_3"}, 2)


def test_subject_and_status_filters_are_about_the_same_cell(visit):
    found = visit()
    found.tab.select_option("#subject", "fast")
    found.tab.click('.chip[data-status="fail"]')
    assert (found.shown(), found.shown(".cause")) == (0, 0)


def test_a_filter_that_leaves_no_finding_says_so(visit):
    found = visit()
    found.tab.fill("#find", "nothing like this")
    assert found.tab.inner_text("#left-out b") == "No finding matches the filter."


def test_a_filter_says_how_many_findings_it_hides_and_shows_them_again(visit):
    found = visit()
    found.tab.fill("#find", "odd pixel")
    told = found.tab.inner_text("#left-out b")
    found.tab.click("#left-out button")
    assert (told, found.tab.is_visible("#left-out"), found.shown(".cause")) == (
        "The filter hides 2 of 3 findings.",
        False,
        3,
    )


def test_the_filter_stays_in_view_over_the_table(visit):
    found = visit(fragment="#CONS-09")
    box = found.tab.locator("#find").bounding_box()
    assert 52 <= box["y"] < 104 < found.tab.locator("#CONS-09").bounding_box()["y"]


def test_a_folded_finding_is_drawn_when_it_is_opened(visit):
    found = visit("500 findings", "#finding-40")
    found.tab.wait_for_selector("#finding-40 svg.map")
    assert found.tab.locator("#finding-40 .packed > .note").count() == 1  # what differs, in words


#: Whether a page has made, and laid out, everything that is not folded.
COMPLETED = """() => !document.querySelector(".cause:not(.rest:not([open]) *) > .finding > .later")
  && [...document.querySelectorAll(".cause, main section")].every(
    (one) => getComputedStyle(one).contentVisibility === "visible")"""


def test_a_long_page_is_completed_without_being_scrolled(visit):
    visit("500 findings").tab.wait_for_function(COMPLETED)


def test_a_long_page_is_printed_whole(visit):
    found = visit("500 findings")
    found.tab.emulate_media(media="print")
    found.tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert found.tab.evaluate(COMPLETED)
    assert not found.tab.locator(".rest:not([open])").count()


def test_further_causes_of_a_subject_are_made_when_they_are_unfolded(visit):
    found = visit("500 findings")
    rest = found.tab.locator(".rest").first
    cards = rest.locator(".cause")
    assert (cards.count() > 0, rest.locator(".halves:visible").count()) == (True, 0)
    rest.locator("summary").first.click()
    found.tab.wait_for_function(
        "() => !document.querySelector('.rest[open] > .cause > .finding > .later')"
    )
    assert rest.locator(".halves:visible").count() == cards.count()


def test_a_card_that_is_made_late_is_whole_without_the_script(visit):
    found = visit("500 findings", java_script_enabled=False)
    cards = found.tab.locator(".cause:not(.rest *)")
    assert cards.locator(".halves:visible").count() == cards.count() > 6


def test_what_a_link_leads_to_stays_in_view_while_the_page_is_completed(visit):
    found = visit("500 findings", "#finding-400")
    found.tab.wait_for_function(COMPLETED)
    assert 0 <= found.tab.locator("#finding-400").bounding_box()["y"] < 500


def test_the_coverage_map_shows_the_subject_that_is_chosen(visit):
    found = visit("coverage")
    cell = found.tab.locator(".space td[data-n='31 7']")
    before = cell.text_content(), cell.get_attribute("class")
    found.tab.select_option("#map-of", label="fast eager")
    after = cell.text_content(), cell.get_attribute("class")
    assert (before, after) == (("7", "l3"), ("31", "l4"))


def test_the_chapter_filter_keeps_the_chapter(visit):
    found = visit()
    found.tab.select_option("#chapter", "padding")
    assert found.shown() == 6


def test_the_status_filter_keeps_rows_with_that_status(visit):
    found = visit()
    found.tab.click('.chip[data-status="fail"]')
    assert found.tab.locator(".matrix .row:visible .open code").all_text_contents() == [
        "PAD-01",
        "VAL-03",
    ]


def test_filters_add_up_and_reset(visit):
    found = visit()
    found.tab.click('.chip[data-status="fail"]')
    found.tab.fill("#find", "nothing like this")
    assert (found.shown(), found.tab.is_visible("#none")) == (0, True)
    found.tab.click("#reset")
    assert (found.shown(), found.tab.is_visible("#none"), found.shown(".cause")) == (37, False, 3)


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
    found.tab.wait_for_function("() => location.hash === '#PAD-01'")
    assert found.tab.is_visible("#PAD-01 + .more")


def test_a_permalink_opens_what_its_finding_is_folded_under(visit):
    found = visit("500 findings", "#finding-40")
    assert found.tab.is_visible("#finding-40 .meta")
    assert 0 <= found.tab.locator("#finding-40").bounding_box()["y"] < 500


def test_a_cell_leads_to_its_folded_finding(visit):
    found = visit("500 findings")
    found.tab.eval_on_selector('.matrix a[href="#finding-40"]', "link => link.click()")
    found.tab.wait_for_function("() => document.querySelector('#finding-40').open")
    assert found.tab.is_visible("#finding-40 .meta")


def test_a_link_to_a_filtered_finding_shows_it(visit):
    found = visit()
    found.tab.fill("#find", "odd pixel")
    found.tab.evaluate("location.hash = '#finding-2'")
    found.tab.wait_for_function("() => !document.querySelector('#cause-2').hidden")
    assert found.tab.is_visible("#finding-2")


STAMP = "#cause-1 .stamp"


def canvas(found):
    """The texts of the canvas."""
    return found.tab.locator(f"{STAMP} .stamp-canvas .num text").all_text_contents()


def step(found, what):
    found.tab.click(f'{STAMP} [data-go="{what}"]')


def test_the_canvas_starts_empty(visit):
    found = visit("stepping")
    step(found, "first")
    assert {*canvas(found)} == {""}


def test_every_step_adds_the_stamp_of_a_pixel(visit):
    found = visit("stepping")
    seen = []
    for _ in range(3):
        step(found, "on")
        seen.append(canvas(found))
    assert seen == [
        ["1", "10", "100", "", ""],
        ["1", "12", "120", "200", ""],
        ["1", "12", "123", "230", "300"],
    ]


def test_stepping_to_the_end_shows_what_the_page_shows_without_the_script(visit):
    static = canvas(visit("stepping", java_script_enabled=False))
    found = visit("stepping")
    for _ in range(4):
        step(found, "on")
    assert canvas(found) == static == ["1", "12", "123", "230", "300"]


def test_stepping_back_takes_a_stamp_away(visit):
    found = visit("stepping")
    step(found, "back")
    step(found, "back")
    assert canvas(found) == ["1", "12", "120", "200", ""]


def test_the_picture_is_stepped_through_by_keys(visit):
    found = visit("stepping")
    found.tab.focus(f'{STAMP} [data-go="on"]')
    seen = []
    for key in ("Home", "ArrowRight", "ArrowRight", "ArrowLeft", "End"):
        found.tab.keyboard.press(key)
        seen.append("".join(canvas(found)))
    assert seen == ["", "110100", "112120200", "110100", "112123230300"]


def test_the_step_is_told_in_words(visit):
    found = visit("stepping")
    step(found, "on")
    step(found, "on")
    assert found.tab.inner_text(f"{STAMP} .told") == (
        "Pixel 2 of 3: input[0, 1] times the kernel is added from row 0, column 1 of the canvas on: "
        "2, 20, 200"
    )


def test_the_pixel_and_where_it_lands_are_marked(visit):
    found = visit("stepping")
    step(found, "on")
    marked = found.tab.locator(f"{STAMP} .stamp-canvas .now").count()
    assert (marked, found.tab.locator(f"{STAMP} .stamp-input .now").count()) == (3, 1)


def test_without_the_script_nothing_offers_to_step(visit):
    assert not visit("stepping", java_script_enabled=False).tab.is_visible(".stepper")


def test_what_scrolls_can_be_reached_with_the_keyboard(visit):
    found = visit(viewport={"width": 360, "height": 900})
    found.tab.wait_for_function("() => document.querySelector('.bar nav').tabIndex === 0")


def test_what_does_not_scroll_is_no_stop_of_the_tab_key(visit):
    found = visit(viewport={"width": 2200, "height": 900})
    found.tab.wait_for_function(
        "() => !document.querySelector('.bar nav').hasAttribute('tabindex')"
    )


#: The chapters that the page of a small run lacks.
MORE_CHAPTERS = "".join(
    f"<a href='#{name}'>{name} <b>{count}</b></a>"
    for name, count in {"numerics": "", "drift": 24, "coverage": "", "strength": 436}.items()
)


@pytest.mark.parametrize("width", [1101, 1200, 1301])
def test_no_chapter_is_cut_from_the_bar(visit, width):
    found = visit(viewport={"width": width, "height": 900})
    add = "(nav, more) => nav.insertAdjacentHTML('beforeend', more)"
    found.tab.eval_on_selector(".bar nav", add, MORE_CHAPTERS)
    cut = "nav => nav.scrollWidth > nav.clientWidth"
    assert not found.tab.eval_on_selector(".bar nav", cut)


def test_the_way_home_has_a_name_on_a_narrow_screen(visit):
    found = visit(viewport={"width": 390, "height": 844})
    assert found.tab.get_by_role("link", name="Conv2DTranspose").count() == 1


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
    found.tab.wait_for_function("() => document.getElementById('said').textContent === 'Copied'")
    assert found.tab.evaluate("navigator.clipboard.readText()") == sample.finding()["script"]


# 500 findings are built of the same parts as 60, and laid out eight times they take long.
@pytest.mark.parametrize(
    "opened", [*(name for name in PAGES if name != "500 findings"), "60 findings"], indirect=True
)
def test_the_page_never_scrolls_sideways(opened):
    wide = []
    for width in (320, 360, 390, 720, 768, 1100, 1440, 2200):
        opened.resize(width)
        if opened.tab.evaluate("document.documentElement.scrollWidth") > width:
            wide.append(width)
    assert wide == []


@pytest.mark.parametrize("opened", ["findings", "comparison"], indirect=True)
def test_the_printed_page_is_not_cut(opened):
    opened.resize(718)  # A4 within its margins
    opened.tab.emulate_media(media="print")
    width = opened.tab.evaluate("document.documentElement.scrollWidth")
    opened.tab.emulate_media(media="screen")
    assert width <= 718


def test_what_cannot_be_clicked_on_paper_is_not_printed(visit):
    found = visit()
    found.tab.emulate_media(media="print")
    assert found.shown(":is(.filter, .copy, .stepper, .bar nav, .theme)") == 0


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
@pytest.mark.parametrize(
    "opened",
    ["conforming", "findings", "hostile", "releases", "comparison", "history", "bench"],
    indirect=True,
)
def test_axe_finds_no_violation(opened, width, scheme):
    opened.resize(width, scheme)
    assert opened.violations() == []


def test_axe_finds_a_text_that_does_not_stand_out(visit):
    found = visit("history")
    found.tab.eval_on_selector("h1 .part", "part => { part.style.color = '#eee'; }")
    assert [rule for rule, _ in found.violations()] == ["color-contrast"]


def test_axe_finds_no_violation_among_folded_findings(visit):
    # 500 of them are built of the same parts.
    assert visit("60 findings").violations() == []


def test_a_copied_script_runs(visit, tmp_path):
    found = visit("stepping")
    found.context.grant_permissions(["clipboard-read", "clipboard-write"])
    found.tab.locator("#finding-1 .copy").first.click()
    found.tab.wait_for_function("() => document.getElementById('said').textContent === 'Copied'")
    script = tmp_path / "copied.py"
    script.write_text(found.tab.evaluate("navigator.clipboard.readText()"), "utf-8")
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, env={**os.environ}
    )
    printed = "".join(done.stdout.split())
    assert (done.returncode, printed) == (0, "[[[[1.][12.][123.][230.][300.]]]]")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("opened", ["findings"], indirect=True)
def test_text_stands_out_from_its_ground(opened, scheme, width):
    opened.resize(width, scheme)
    assert opened.tab.evaluate(LOW_CONTRAST) == []


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
