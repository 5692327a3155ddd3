"""What is made of records: the page, comparisons, indexes, scoreboards, other formats, plain text."""
