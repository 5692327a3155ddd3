"""What a record is: its lines, their schema, reading them, and the values in them."""
