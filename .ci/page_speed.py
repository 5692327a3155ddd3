"""Measures by the clock how soon a long page answers: `python .ci/page_speed.py`, with the extra `browser`.

The page is that of the browser tests: 15 subjects, 145 clauses, 500 findings. Printed are the milliseconds until
something is seen, until the page's script has set everything up (it answers from then on), and for a filter.
"""

import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

import reports
from reports.tests import sample

VISITS = 9
#: Applies the filter, and returns the times once the browser has drawn what is left.
ASK = """async () => {
  const asked = performance.now();
  const find = document.querySelector("#find");
  find.value = "pad-01";
  find.dispatchEvent(new Event("input"));
  await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
  const [page] = performance.getEntriesByType("navigation");
  const [seen] = performance.getEntriesByName("first-contentful-paint");
  return [seen?.startTime ?? asked, page.domContentLoadedEventEnd, performance.now() - asked];
}"""


def main() -> None:
    """Print the medians of some visits, and the slowest."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        page = Path(name) / "page.html"
        record = reports.load(sample.save(sample.many(), Path(name) / "run.jsonl"))
        page.write_text(reports.render(record), "utf-8")
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
            args=["--no-sandbox", "--disable-gpu"],
        )
        visits = []
        for _ in range(VISITS):
            context = browser.new_context(viewport={"width": 1440, "height": 1000})
            tab = context.new_page()
            tab.goto(page.as_uri(), wait_until="load")
            visits.append(tab.evaluate(ASK))
            context.close()
        browser.close()
        tell = sys.stdout.write
        tell(f"{page.stat().st_size / 1e6:.2f} MB, load {os.getloadavg()[0]:.1f}\n")
        for what, times in zip(("seen", "ready", "filtered"), zip(*visits)):
            tell(f"{what}: {statistics.median(times):.0f} ms (at most {max(times):.0f})\n")


if __name__ == "__main__":
    main()
