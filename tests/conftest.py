"""Every test process computes on one thread: many of them share the machine's cores.

Without a GPU the Triton kernels run in Triton's interpreter, which Triton settles when it is first
imported: so here, before any test is. With a GPU the same tests run natively. In the interpreter no
kernel can be compiled, so compiling ahead of time works in processes of its own, always.
"""

import os

import torch

torch.set_num_threads(1)
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"
