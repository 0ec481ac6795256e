"""The scans as GPU kernels, written in Triton.

    kernels/   what runs on the GPU, one file per kernel
    aot/       kernels compiled ahead of time, counted, and checked, case by case
    tuning/    the search for faster tiles on a real GPU

The launchers stand here: `setting` lays a problem out, `forward`, `backward`, `run_step` and
`elementwise_run` start the kernels, `launch` is the one way in which a kernel starts. Nothing here
imports triton when it is imported: the kernels' files do, and those are imported where one starts.
"""
