"""The layer, as Keras has it, and the objects that its arguments name."""
