"""Measured comparisons, each in processes of their own and beside a known program."""
