"""Every scene, in the page's order."""

from __future__ import annotations

from conformance.strategies import (
    scenes_arguments,
    scenes_attributes,
    scenes_initializers,
    scenes_methods,
    scenes_migration,
    scenes_variables,
)
from conformance.strategies.scenes import Scene

SCENES: tuple[Scene, ...] = (
    *scenes_arguments.SCENES,
    *scenes_initializers.SCENES,
    *scenes_variables.SCENES,
    *scenes_methods.SCENES,
    *scenes_attributes.SCENES,
    *scenes_migration.SCENES,
)
