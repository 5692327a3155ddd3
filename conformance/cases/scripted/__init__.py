"""Cases that every run tries, from tables."""
