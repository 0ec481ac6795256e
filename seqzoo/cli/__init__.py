"""The command line: one file a command, each of them thin."""

from seqzoo.cli.app import main as main

__all__ = ["main"]
