"""Tests of ``fast_impl`` through its public door."""
