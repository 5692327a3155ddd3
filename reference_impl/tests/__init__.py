"""The proof of the oracle: identities, exact arithmetic and cases worked out by hand."""
