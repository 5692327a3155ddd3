"""What a run means: the verdict in a sentence, the scopes a subject conforms in, whether it may be shipped."""
