"""Commands that run cases: a whole run, its parts on several machines, one case again, a first look."""
