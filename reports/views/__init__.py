"""What a record says, ready to be shown."""
