"""The costs of a mixer: time, memory and tokens a second by length, for `seqzoo bench`.

subject -> work (a phase to time) and calls (its scan and projections alone) -> timing, memory ->
measure (rows) -> table, figure.
"""
