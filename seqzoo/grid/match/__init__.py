"""Fair comparison: adjust one size of each variant until its budget matches the base's."""
