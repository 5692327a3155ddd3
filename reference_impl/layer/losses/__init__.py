"""The regularizer arguments, and the losses that a layer reports."""
