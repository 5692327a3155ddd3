"""What is right: expectation, tolerance, comparison, the form of an answer."""
