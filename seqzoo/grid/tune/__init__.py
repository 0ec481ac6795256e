"""Samplers, their search spaces, and their entries in the plan."""
