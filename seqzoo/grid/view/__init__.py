"""Views of a grid: the dry run's table, live progress, plain lines in a log."""
