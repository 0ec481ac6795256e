"""Prefix-scannable layers for seqzoo. This version registers no parts yet."""
