"""Results -> numbers: each cell over its seeds, intervals, and differences to the base."""
