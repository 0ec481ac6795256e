"""Summarise results: cells over seeds, intervals, differences, and comparisons over all points."""
