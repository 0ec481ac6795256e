"""Serial rules: updates that depend on the state in a way that no parallel scan can compute.

The driver runs a rule token by token, or in chunks where the rule knows a faster form.
"""

from seqzoo.scan.serial.driver import serial_scan as serial_scan
from seqzoo.scan.serial.rule import SerialRule as SerialRule

__all__ = ["SerialRule", "serial_scan"]
