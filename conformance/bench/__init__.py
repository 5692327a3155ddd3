"""`conformance bench`: how fast, beside whom, and against what this machine can do."""
