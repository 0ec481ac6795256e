"""Kernels compiled ahead of time, on problems of every kind, and the check of each on a GPU."""
