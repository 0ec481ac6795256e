"""Cells -> tables in words, the same for every format."""
