"""A report as text: terminal, Markdown, LaTeX, CSV, JSON, Parquet."""
