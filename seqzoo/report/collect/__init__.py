"""Read a directory: its runs with their records, their place in the grid, and their curves."""
