"""What a call returns: its shape, which rows it keeps, every number, the dtypes and formats it works in."""
