"""Fair comparison: a size of each variant is adjusted until its budget is the base's."""
