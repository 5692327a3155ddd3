"""One module for each kind of file: `read` opens one, `write` makes one, `KEYS` names a layer's arrays."""
