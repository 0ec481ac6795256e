"""Runs as rows: filtered by conditions, or two of them compared."""
