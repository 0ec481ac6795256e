"""Every run of a grid, frozen in `plan.json` before the first one starts."""
