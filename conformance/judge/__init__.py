"""One case, one clause: judging, exploring and shrinking."""
