"""What a run is told: options, excuses, a subject's own words, recorded cases, what to judge again."""
