"""The modules of benchmarks/scan.py, in the order they are used.

recurrences -> peers -> work (one function to time) -> timing, memory, errors, roofline -> plan
(what is measured) -> measure (run it) -> verdicts, tables, figure. `record` keeps the JSON, `warm`
compiles kernels ahead on a GPU.
"""
