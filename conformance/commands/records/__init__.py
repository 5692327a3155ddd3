"""Commands that read records, and run nothing."""
