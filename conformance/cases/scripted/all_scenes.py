"""Every scene, in the page's order."""

from __future__ import annotations

from conformance.cases.scripted import (
    arguments,
    attributes,
    initializers,
    methods,
    migration,
    variables,
)
from conformance.cases.scripted.scenes import Scene

SCENES: tuple[Scene, ...] = (
    *arguments.SCENES,
    *initializers.SCENES,
    *variables.SCENES,
    *methods.SCENES,
    *attributes.SCENES,
    *migration.SCENES,
)
