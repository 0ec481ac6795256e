"""Import weights: a recurrent module of transformers becomes the mixer that computes the same.

`conversion.py` is the function, `table.py` the classes it knows; every other file holds the
converters of one family of modules. transformers itself is never imported: a module is known by the
name of its class, and read by its attributes.
"""

from seqzoo_gla.from_transformers.conversion import from_transformers

__all__ = ["from_transformers"]
