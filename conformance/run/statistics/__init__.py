"""What a run says beside verdicts: precision, coverage, drift, aspects, shared messages."""
