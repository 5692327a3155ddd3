"""The chapters of the norm: a module each, one function per clause."""
