"""The kinds of step that a case is made of, grouped by what they are about."""

# Every class is public here by being in one of these modules: it is named once.
# ruff: noqa: F403
from conformance.model.steps.backend import *
from conformance.model.steps.calls import *
from conformance.model.steps.framework import *
from conformance.model.steps.layers import *
from conformance.model.steps.losses import *
from conformance.model.steps.step import *
from conformance.model.steps.training import *
from conformance.model.steps.weights import *
from conformance.model.steps.words import *
