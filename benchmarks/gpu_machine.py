"""Whether this Python has what a GPU machine should bring: torch that sees a GPU, triton, numpy.

Run in an environment that sees the machine's packages; they must not have been installed into it.
"""

from __future__ import annotations

import importlib
import sys

NEEDED = ("numpy", "torch", "triton")


def main() -> str | None:
    """What is wrong and the next step, or None; prints the versions."""
    for name in NEEDED:
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            return f"{error}: make gpu PYTHON=... takes the Python that has torch, triton and numpy"
        if module.__file__ is not None and module.__file__.startswith(sys.prefix):
            return f"{name} came into {sys.prefix}: remove that folder, and what asked for it"
        print(f"{name} {module.__version__}")
    import torch

    if not torch.cuda.is_available():
        return (
            "torch sees no GPU here: ask nvidia-smi or rocm-smi, and take a torch built for a GPU"
        )
    print(torch.cuda.get_device_name())
    return None


if __name__ == "__main__":
    sys.exit(main())
