"""Cases drawn at random by Hypothesis."""
