"""The search for faster tiles, warps and stages on a real GPU, and the table that it writes."""
