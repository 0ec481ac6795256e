"""`python -m seqzoo`: the command line, as torchrun starts it."""

import sys

from seqzoo.cli import main

if __name__ == "__main__":
    sys.exit(main())
