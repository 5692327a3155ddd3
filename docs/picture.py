"""Make docs/report.png, the picture in README.md, from a run: `tox run -e picture`.

Runs the suite on `docs/examples/wrong_side.py` and on `fast`, and takes a picture of the report with Chromium.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

DOCS = Path(__file__).parent
SUBJECTS = ("docs/examples/wrong_side.py:conv2d_transpose", "fast")
WIDTH, HEIGHT = 1200, 1060


def run(folder: Path) -> Path:
    """Run the suite; return where the page is."""
    subjects = [word for subject in SUBJECTS for word in ("--subject", subject)]
    command = [sys.executable, "-m", "conformance", "run", *subjects, "--out", str(folder)]
    done = subprocess.run(command, cwd=DOCS.parent, check=False)
    if done.returncode != 1:
        raise SystemExit(f"the run should end with findings, it ended with {done.returncode}")
    return folder / "index.html"


def photograph(page: Path, picture: Path) -> None:
    """Save what the page shows first."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("needs the program chromium, which is not on the path")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        tab.goto(page.resolve().as_uri())
        tab.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        photograph(run(Path(scratch)), DOCS / "report.png")
