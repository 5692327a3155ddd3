import os
import subprocess
import sys

import pytest

import reports
from reports.tests import sample


@pytest.fixture
def record(load):
    return load(sample.record(with_findings=False))


def names(folder):
    return [path.name for path in folder.iterdir()]


def test_the_page_is_written_as_rendered(record, tmp_path):
    reports.write(record, tmp_path / "index.html")
    assert (tmp_path / "index.html").read_bytes() == reports.render(record).encode()


def test_a_page_that_is_there_is_replaced(record, tmp_path):
    (tmp_path / "index.html").write_text("old", encoding="utf-8")
    reports.write(record, str(tmp_path / "index.html"))
    assert (tmp_path / "index.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_nothing_else_is_left_in_the_folder(record, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    reports.write(record, folder / "index.html")
    assert names(folder) == ["index.html"]


def test_a_failed_replacement_leaves_the_old_page_and_nothing_else(record, tmp_path, monkeypatch):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "index.html").write_text("old", encoding="utf-8")

    def refuse(self, target):
        raise OSError("no space left")

    monkeypatch.setattr("pathlib.Path.replace", refuse)
    with pytest.raises(OSError, match="no space left"):
        reports.write(record, folder / "index.html")
    assert (names(folder), (folder / "index.html").read_text()) == (["index.html"], "old")


def test_an_interrupt_leaves_nothing(record, tmp_path, monkeypatch):
    folder = tmp_path / "out"
    folder.mkdir()

    def interrupt(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        reports.write(record, folder / "index.html")
    assert names(folder) == []


def test_a_missing_folder_is_an_error(record, tmp_path):
    with pytest.raises(FileNotFoundError):
        reports.write(record, tmp_path / "none" / "index.html")


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are those of POSIX")
def test_others_may_read_the_page_as_the_umask_says(record, tmp_path):
    before = os.umask(0o022)
    try:
        reports.write(record, tmp_path / "index.html")
    finally:
        os.umask(before)
    assert (tmp_path / "index.html").stat().st_mode & 0o777 == 0o644


def test_reports_imports_no_implementation_and_no_framework():
    code = (
        "import sys, reports; "
        "print(sorted({'reference_impl', 'fast_impl', 'conformance', 'tensorflow', 'scipy'} "
        "& set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
