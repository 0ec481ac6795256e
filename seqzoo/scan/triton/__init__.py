"""The scans as Triton kernels: how one is configured, started, compiled ahead of time, checked.

Nothing here imports triton when it is imported: the kernels' own files do, and those are imported
where a kernel is started.
"""
