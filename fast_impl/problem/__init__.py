"""What is to be computed: sizes, geometry, number formats, and what is refused."""
