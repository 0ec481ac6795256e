"""Every test process computes on one thread: many of them share the machine's cores."""

import torch

torch.set_num_threads(1)
