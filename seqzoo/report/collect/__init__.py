"""Records on disk -> results: the runs of a directory, where each stands, and its curves."""
