"""What went wrong: differences, diagnosis, scripts."""
