"""Subjects in processes of their own: what runs there, who watches it, and how it is spoken to."""
