"""Property-based conformance tests of ``tf.compat.v1.layers.Conv2DTranspose`` implementations.

The way of the data: a strategy draws a `Case`; every `Subject` turns it into an `Observation`,
the oracle into an `Expectation`; checks compare the two for one clause each; a run gathers the
verdicts in a record, from which `reports` makes the page.
"""

__version__ = "0.1.0"
