"""From a grid's spec to its cells: variants, axes and pairings combined, each checked."""
