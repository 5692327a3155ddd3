"""Which lines of an implementation the cases of `conformance run` execute.

    python .ci/reach.py fast_impl.layer.by_algorithm:Planar 'fast_impl/**/*.py' --examples 100 --to reach.json

Writes ``{file: {line: [case, ...]}}``; a line that is executed when the package is imported has the case "".
What caches of functions keep is forgotten before each case, so that a line is counted for every case that depends
on it.
"""

from __future__ import annotations

import functools
import gc
import inspect
import json
import sys
import warnings
from collections.abc import Container
from pathlib import Path

import click
import coverage

ROOT = Path(__file__).parents[1]


@click.command()
@click.argument("layer")
@click.argument("pattern")
@click.option("--examples", required=True, type=int)
@click.option("--to", "target", required=True, type=click.Path(path_type=Path))
def main(layer: str, pattern: str, examples: int, target: Path) -> None:
    """Run every case on the class LAYER, and note the lines of the files PATTERN."""
    sys.path[:0] = [str(ROOT)]
    # The files, not the packages by name: to find out about a package coverage would import it first.
    tool = coverage.Coverage(
        data_file=None, config_file=False, include=[str(path) for path in ROOT.glob(pattern)]
    )
    tool.start()
    _run(tool, layer, examples, {str(path) for path in ROOT.glob(pattern)})
    tool.stop()
    data = tool.get_data()
    found = {
        str(Path(file).relative_to(ROOT)): data.contexts_by_lineno(file)
        for file in data.measured_files()
    }
    target.write_text(json.dumps(found), "utf-8")


def _run(tool: coverage.Coverage, layer: str, examples: int, files: Container[str]) -> None:
    # Imported here, so that what happens at import is noted.
    from conformance.cases import FAMILIES
    from conformance.judge.exploring import drawn_cases
    from conformance.subjects.backend import observe
    from conformance.subjects.layer import LayerBackend
    from conformance.subjects.loading import load

    warnings.simplefilter("ignore")
    subject = load(layer)
    caches = [
        found
        for found in gc.get_objects()
        if isinstance(found, functools._lru_cache_wrapper)
        and inspect.isfunction(found.__wrapped__)
        and found.__wrapped__.__code__.co_filename in files
    ]
    for family in FAMILIES.values():
        drawn = drawn_cases(family, examples=examples, run_seed=0) if family.is_drawn else ()
        for case in (*family.listed(examples), *drawn):
            for cache in caches:
                cache.cache_clear()
            tool.switch_context(case.id)
            observe(case, LayerBackend(subject))
            tool.switch_context("")


if __name__ == "__main__":
    main()
