"""Turn cells into tables of text, the same for every format."""
