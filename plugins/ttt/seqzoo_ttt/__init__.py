"""Test-time-training layers for seqzoo. This version registers no parts yet."""
