"""Whole decoders without TensorFlow, each run by one command: ``python -m fast_impl.examples.dcgan``."""
