"""Which method computes a problem, and why."""
